//! Resources, prompts and completions.

use std::collections::BTreeSet;

use types::ErrorCode;
use types::tool::Reference;

use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::script::Tools;
use crate::stage::Plan;
use crate::subject::{Called, told};

/// Most things that are read or filled in.
const TRIED: usize = 10;

/// A URI and a name that nothing has.
const UNKNOWN: &str = "conformance:unknown";

pub(super) async fn run(run: &mut Run, script: &Tools) {
    let (resources, prompts) = run.subject.plugin.offers();
    let plan = || Some(Plan::lax(script.exchanges.clone()));
    let mut uris = Vec::new();
    if resources {
        run.case("resources.list", "", async |run| {
            for templates in [false, true] {
                let behind = run.subject.behind();
                let listed = run.subject.call(plan(), async |plugin| {
                    plugin.resources(templates, behind).await
                });
                let listed = some("a list", listed.await)?;
                let names = listed.iter().map(|it| (it.uri.clone(), it.name.clone()));
                once("URI", names)?;
                if !templates {
                    uris = listed.into_iter().map(|it| it.uri).collect();
                }
            }
            Ok(())
        })
        .await;
        for uri in uris.iter().take(TRIED) {
            run.case("resources.read", uri, async |run| {
                let (behind, uri) = (run.subject.behind(), uri.clone());
                let read = run.subject.call(plan(), async |plugin| {
                    plugin.read_resource(uri, behind).await
                });
                match some("contents", read.await)?.is_empty() {
                    true => Err(Stop::failed("contents", "none")),
                    false => Ok(()),
                }
            })
            .await;
        }
        run.case("resources.unknown", "", async |run| {
            let behind = run.subject.behind();
            let read = run.subject.call(plan(), async |plugin| {
                plugin.read_resource(UNKNOWN.into(), behind).await
            });
            unknown(read.await)
        })
        .await;
    }
    if prompts {
        self::prompts(run, script).await;
    }
    run.case("completions.suggest", "", async |run| {
        for of in [
            Reference::Prompt(UNKNOWN.into()),
            Reference::Resource(UNKNOWN.into()),
        ] {
            let behind = run.subject.behind();
            let done = run.subject.call(plan(), async |plugin| {
                plugin
                    .complete(of, "x".into(), String::new(), Vec::new(), behind)
                    .await
            });
            // An error is an answer; traps are looked for elsewhere.
            drop(done.await);
        }
        Ok(())
    })
    .await;
}

async fn prompts(run: &mut Run, script: &Tools) {
    let plan = || Some(Plan::lax(script.exchanges.clone()));
    let mut listed = Vec::new();
    run.case("prompts.list", "", async |run| {
        let behind = run.subject.behind();
        let called = run
            .subject
            .call(plan(), async |plugin| plugin.prompts(behind).await);
        listed = some("a list", called.await)?;
        once(
            "name",
            listed.iter().map(|it| (it.name.clone(), it.name.clone())),
        )?;
        for prompt in &listed {
            let names = prompt.arguments.iter();
            once(
                "argument",
                names.map(|it| (it.name.clone(), it.name.clone())),
            )?;
        }
        Ok(())
    })
    .await;
    for prompt in listed.iter().take(TRIED) {
        run.case("prompts.fill", &prompt.name, async |run| {
            let arguments = prompt.arguments.iter();
            let arguments = arguments
                .map(|it| (it.name.clone(), "x".to_owned()))
                .collect();
            let (behind, name) = (run.subject.behind(), prompt.name.clone());
            let filled = run.subject.call(plan(), async |plugin| {
                plugin.prompt(name, arguments, behind).await
            });
            match some("a prompt", filled.await)?.messages.is_empty() {
                true => Err(Stop::failed("a message", "none")),
                false => Ok(()),
            }
        })
        .await;
    }
    run.case("prompts.unknown", "", async |run| {
        let behind = run.subject.behind();
        let filled = run.subject.call(plan(), async |plugin| {
            plugin.prompt(UNKNOWN.into(), Vec::new(), behind).await
        });
        let filled = filled.await;
        // MCP has one code for both.
        match &filled.value {
            Err(error) if error.code == ErrorCode::BadRequest => Ok(()),
            _ => unknown(filled),
        }
    })
    .await;
}

fn some<T>(what: &str, called: Called<T>) -> Result<T, Stop> {
    called
        .value
        .map_err(|error| Stop::failed(what, told(&error)))
}

fn unknown<T>(called: Called<T>) -> Outcome {
    match called.value {
        Err(error) if error.code == ErrorCode::NotFound => Ok(()),
        Err(error) => Err(Stop::failed("`not-found`", told(&error))),
        Ok(_) => Err(Stop::failed("`not-found`", "something")),
    }
}

/// Each has a key, which no other has, and a name.
fn once(what: &str, all: impl Iterator<Item = (String, String)>) -> Outcome {
    let mut seen = BTreeSet::new();
    for (key, name) in all {
        if key.is_empty() || name.is_empty() {
            return Err(Stop::failed(format!("a {what} and a name"), "an empty one"));
        }
        if !seen.insert(key.clone()) {
            return Err(Stop::failed(
                format!("each {what} once"),
                format!("{key:?} twice"),
            ));
        }
    }
    Ok(())
}

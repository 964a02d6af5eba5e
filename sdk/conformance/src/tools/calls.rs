//! Calls of tools.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;
use types::tool::{CallResult, ToolContent, ToolInfo};

use super::{exchanges, plan, sound};
use crate::answer::short;
use crate::compare::lacks;
use crate::delivery::Delivery;
use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::script::{Example, Tools};
use crate::stage::Plan;
use crate::subject::{Called, code, told};
use crate::values;

/// How long a call may take until it asks, and until it lets go.
const SOON: Duration = Duration::from_secs(10);

pub(super) async fn run(run: &mut Run, script: &Tools, listed: &[ToolInfo]) {
    for (at, example) in script.examples.iter().enumerate() {
        let name = &example.name;
        let tool = listed.iter().find(|tool| tool.name == *name);
        let first = script.examples[..at].iter().all(|it| it.name != *name);
        let of = match first {
            true => name.clone(),
            false => format!("{name}, example {}", at + 1),
        };
        run.case("tools.example", &of, async |run| {
            let mark = run.subject.mark();
            let plan = plan(script, example);
            let called = call(run, plan, name, &example.arguments).await;
            if example.fails || example.error.is_some() {
                run.subject.forgive(mark);
            }
            expected(tool, example, called).map(drop)
        })
        .await;
        if !first {
            continue;
        }
        if tool.is_some_and(|tool| tool.read_only && !tool.open_world) {
            run.case("tools.repeated", name, async |run| {
                repeated(run, script, tool, example).await
            })
            .await;
        }
        if !example.exchanges.is_empty() {
            run.case("tools.outage", name, async |run| {
                outage(run, script, example).await
            })
            .await;
            run.case("tools.cancel", name, async |run| {
                cancel(run, script, example).await
            })
            .await;
        }
    }
    for tool in listed {
        run.case("tools.nonsense", &tool.name, async |run| {
            nonsense(run, script, tool).await
        })
        .await;
    }
    run.case("tools.unknown", "", async |run| {
        let plan = Plan::lax(script.exchanges.clone());
        let none = Value::Object(Default::default());
        match call(run, plan, "conformance_unknown", &none).await.value {
            Err(_) => Ok(()),
            Ok(result) if result.is_error => Ok(()),
            Ok(_) => Err(Stop::failed("an error", "a result")),
        }
    })
    .await;
}

async fn call(run: &mut Run, plan: Plan, name: &str, arguments: &Value) -> Called<CallResult> {
    let behind = run.subject.behind();
    let (name, arguments) = (name.to_owned(), arguments.to_string());
    let called = run.subject.call(Some(plan), async |plugin| {
        plugin
            .call_tool("conformance".into(), name, arguments, behind)
            .await
    });
    called.await
}

/// A call gave what the script says.
fn expected(
    tool: Option<&ToolInfo>,
    example: &Example,
    called: Called<CallResult>,
) -> Result<CallResult, Stop> {
    if let Some(fault) = called.faults.first() {
        return Err(Stop::failed("the requests of the script", fault));
    }
    if tool.is_none() {
        return Err(Stop::failed(
            format!("the tool {:?}", example.name),
            "it is not listed",
        ));
    }
    let result = match (called.value, &example.error) {
        (Err(error), Some(wanted)) if code(error.code) == wanted => {
            return Ok(CallResult::default());
        }
        (Err(error), wanted) => {
            let wanted = wanted.as_deref().unwrap_or("a result");
            return Err(Stop::failed(wanted, told(&error)));
        }
        (Ok(_), Some(wanted)) => return Err(Stop::failed(format!("`{wanted}`"), "a result")),
        (Ok(result), None) => result,
    };
    sound(tool, &result)?;
    let said = text(&result);
    if result.is_error != example.fails {
        let wanted = match example.fails {
            true => "that it fails, and says how",
            false => "that it works",
        };
        return Err(Stop::failed(wanted, short(&said)));
    }
    if let Some(wanted) = &example.text
        && !said.contains(wanted.as_str())
    {
        return Err(Stop::failed(
            format!("{wanted:?} in the result"),
            short(&said),
        ));
    }
    if let Some(wanted) = &example.structured {
        let seen = result.structured.as_deref().unwrap_or("null");
        let seen = serde_json::from_str(seen).unwrap_or_default();
        if let Some(fault) = lacks(&seen, wanted, "") {
            return Err(Stop::failed(format!("{wanted}"), fault));
        }
    }
    Ok(result)
}

fn text(result: &CallResult) -> String {
    let texts = result.content.iter().filter_map(|content| match content {
        ToolContent::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<&str>>().join("\n")
}

async fn repeated(
    run: &mut Run,
    script: &Tools,
    tool: Option<&ToolInfo>,
    example: &Example,
) -> Outcome {
    let mut first = None;
    for _ in 0..3 {
        let called = call(
            run,
            plan(script, example),
            &example.name,
            &example.arguments,
        )
        .await;
        let result = expected(tool, example, called)?;
        match &first {
            None => first = Some(result),
            Some(first) if *first == result => {}
            Some(first) => return Err(Stop::failed(short(&text(first)), short(&text(&result)))),
        }
    }
    Ok(())
}

/// What is outside is down, or says nonsense.
async fn outage(run: &mut Run, script: &Tools, example: &Example) -> Outcome {
    let all = exchanges(script, example);
    let mut down = all.clone();
    for exchange in &mut down {
        (exchange.status, exchange.body) = (503, Some("{".into()));
        (exchange.json, exchange.sse, exchange.body_file) = (None, None, None);
    }
    for (named, plan) in [
        ("a status 503", Plan::lax(down)),
        (
            "a broken connection",
            Plan::lax(all.clone()).delivered(Delivery::Broken(0)),
        ),
        ("nonsense", Plan::lax(all).with_body(vec![0xff; 1000])),
    ] {
        let called = call(run, plan, &example.name, &example.arguments).await;
        // Nonsense may be a page like any other.
        match called.value {
            Ok(result) if !result.is_error && named != "nonsense" && !called.asked.is_empty() => {
                return Err(Stop::failed(
                    format!("an error or a failed result of {named}"),
                    short(&text(&result)),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

async fn cancel(run: &mut Run, script: &Tools, example: &Example) -> Outcome {
    let plan = Plan::lax(exchanges(script, example)).delivered(Delivery::Silence);
    run.subject.stage.play(Some(plan));
    let (plugin, stage) = (run.subject.plugin.clone(), run.subject.stage.clone());
    let called = plugin.call_tool(
        "conformance".into(),
        example.name.clone(),
        example.arguments.to_string(),
        run.subject.behind(),
    );
    let ended = tokio::select! {
        ended = called => Some(match ended {
            Ok(result) => short(&text(&result)),
            Err(error) => told(&error),
        }),
        begun = timeout(SOON, stage.reads(true)) => match begun {
            Ok(()) => None,
            Err(_) => Some("no request".into()),
        },
    };
    if let Some(ended) = ended {
        stage.play(None);
        return Err(Stop::failed("that it waits for the answer", ended));
    }
    let gone = timeout(SOON, stage.reads(false)).await;
    stage.play(None);
    gone.map_err(|_| {
        Stop::failed(
            format!("that it is let go within {SOON:?}"),
            "it is still held",
        )
    })
}

async fn nonsense(run: &mut Run, script: &Tools, tool: &ToolInfo) -> Outcome {
    if let Some(why) = script.leave.get(&tool.name) {
        return Err(Stop::skipped(format!("the script says: {why}")));
    }
    let schema: Value = serde_json::from_str(&tool.input_schema).unwrap_or_default();
    let examples = script.examples.iter().filter(|it| it.name == tool.name);
    let examples = examples.flat_map(|it| it.exchanges.clone());
    let all: Vec<_> = script.exchanges.iter().cloned().chain(examples).collect();
    let mark = run.subject.mark();
    for arguments in values::fitting(&schema) {
        let called = call(run, Plan::lax(all.clone()), &tool.name, &arguments).await;
        let named = short(&arguments.to_string());
        if let Some(trap) = run
            .subject
            .traps
            .last()
            .filter(|it| it.starts_with(&run.subject.now))
        {
            return Err(Stop::failed(format!("no trap of {named}"), trap));
        }
        if let Ok(result) = &called.value {
            sound(Some(tool), result).map_err(|stop| match stop {
                Stop::Failed { expected, seen } => {
                    Stop::failed(format!("{expected}, of {named}"), seen)
                }
                skipped => skipped,
            })?;
        }
    }
    // Whose names the arguments are, nobody granted.
    run.subject.forgive(mark);
    Ok(())
}

//! Cases of accelerators.

use std::collections::BTreeSet;
use std::time::Duration;

use sandbox::{About, Backend, Offer, Step};
use tokio::time::timeout;
use types::Error;

use crate::answer::short;
use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::stage::Plan;
use crate::subject::told;

/// Most tokens of an answer of the kit's.
const TOKENS: u32 = 16;

/// Longer than a backend needs for the next answer.
const SOON: Duration = Duration::from_secs(60);

/// Runs all of them.
pub(crate) async fn run(run: &mut Run) {
    let exchanges = run.script.accelerator.clone().unwrap_or_default().exchanges;
    let mut about = None;
    run.case("backend.describe", "", async |run| {
        let said = ask(run, &exchanges, async |backend| backend.describe().await).await?;
        described(&said)?;
        about = Some(said);
        Ok(())
    })
    .await;
    let Some(about) = about else { return };
    run.case("backend.models", "", async |_| listed(&about))
        .await;
    run.case("backend.unknown-model", "", async |run| {
        let opened = ask(run, &exchanges, async |backend| {
            backend.open("conformance-unknown").await
        });
        match opened.await {
            Err(_) => Ok(()),
            Ok(_) => Err(Stop::failed("an error", "an open model")),
        }
    })
    .await;
    for offer in &about.models {
        let name = offer.name.as_str();
        let exchanges = &exchanges;
        if offer.generates {
            run.case("backend.count-tokens", name, async |run| {
                counts(run, exchanges, name).await
            })
            .await;
            let mut first = None;
            run.case("backend.generate", name, async |run| {
                first = Some(answer(run, exchanges, name).await?);
                Ok(())
            })
            .await;
            if let Some(first) = first {
                run.case("backend.repeated", name, async |run| {
                    match answer(run, exchanges, name).await? {
                        again if again == first => Ok(()),
                        again => Err(Stop::failed(short(&first), short(&again))),
                    }
                })
                .await;
            }
            run.case("backend.cancel", name, async |run| {
                cancel(run, exchanges, name).await
            })
            .await;
        }
        if offer.embeds {
            run.case("backend.embed", name, async |run| {
                embeds(run, exchanges, offer).await
            })
            .await;
        }
        run.case("backend.tasks", name, async |run| {
            tasks(run, exchanges, offer).await
        })
        .await;
    }
}

type Exchanges = [crate::script::Exchange];

/// Asks the backend.
async fn ask<T>(
    run: &mut Run,
    exchanges: &Exchanges,
    call: impl AsyncFnOnce(Backend) -> Result<T, Error>,
) -> Result<T, Stop> {
    let plan = Some(Plan::lax(exchanges.to_vec()));
    let called = run
        .subject
        .call(plan, async |plugin| match plugin.backend() {
            Some(backend) => call(backend).await,
            None => Err(Error::bad_request("it is no accelerator")),
        });
    let called = called.await.value;
    called.map_err(|error| Stop::failed("an answer", told(&error)))
}

fn described(about: &About) -> Outcome {
    let empty = [("vendor", &about.vendor), ("version", &about.version)];
    if let Some((what, _)) = empty.into_iter().find(|(_, text)| text.trim().is_empty()) {
        return Err(Stop::failed(format!("its {what}"), "an empty text"));
    }
    match about.devices.iter().any(|(_, count)| *count > 0) {
        true => Ok(()),
        false => Err(Stop::failed("a device", format!("{:?}", about.devices))),
    }
}

fn listed(about: &About) -> Outcome {
    if about.models.is_empty() {
        return Err(Stop::failed("a model at least", "none"));
    }
    let mut seen = BTreeSet::new();
    for Offer {
        name,
        infers,
        embeds,
        generates,
        ..
    } in &about.models
    {
        if name.is_empty() || !seen.insert(name) {
            return Err(Stop::failed(
                "a name for each, and each once",
                format!("{name:?}"),
            ));
        }
        if !(*infers || *embeds || *generates) {
            return Err(Stop::failed(format!("a task of {name:?}"), "none"));
        }
    }
    Ok(())
}

async fn counts(run: &mut Run, exchanges: &Exchanges, name: &str) -> Outcome {
    let (less, more) = ask(run, exchanges, async |backend| {
        let model = backend.open(name).await?;
        let less = model.count_tokens("The sea.").await?;
        let more = model
            .count_tokens(&"The sea is calm tonight. 🌊 ".repeat(20))
            .await?;
        Ok((less, more))
    })
    .await?;
    match less > 0 && more > less {
        true => Ok(()),
        false => Err(Stop::failed(
            "more tokens of more text",
            format!("{less} and {more}"),
        )),
    }
}

/// An answer, in whole characters, to its end.
async fn answer(run: &mut Run, exchanges: &Exchanges, name: &str) -> Result<String, Stop> {
    let steps = ask(run, exchanges, async |backend| {
        let model = backend.open(name).await?;
        let answer = model.generate("Say hello. 👋", TOKENS).await?;
        let mut all = Vec::new();
        while let Some(steps) = answer.next().await? {
            all.extend(steps);
        }
        Ok(all)
    })
    .await?;
    let Some((Step::Done { output_tokens, .. }, before)) = steps.split_last() else {
        return Err(Stop::failed(
            "`done` at the end",
            format!("{:?}", steps.last()),
        ));
    };
    if before.iter().any(|step| matches!(step, Step::Done { .. })) {
        return Err(Stop::failed("`done` once", "twice"));
    }
    if *output_tokens > u64::from(TOKENS) {
        return Err(Stop::failed(
            format!("at most {TOKENS} tokens"),
            output_tokens.to_string(),
        ));
    }
    let texts = before.iter().filter_map(|step| match step {
        Step::Text(text) => Some(text.as_str()),
        Step::Done { .. } => None,
    });
    let text: String = texts.collect();
    match text.is_empty() {
        true => Err(Stop::failed("text", "none")),
        false => Ok(text),
    }
}

/// An answer is dropped in its middle, and the next comes.
async fn cancel(run: &mut Run, exchanges: &Exchanges, name: &str) -> Outcome {
    ask(run, exchanges, async |backend| {
        let model = backend.open(name).await?;
        let answer = model.generate("Tell a long story.", 4000).await?;
        while answer.next().await?.is_some_and(|steps| steps.is_empty()) {}
        drop(answer);
        Ok(())
    })
    .await?;
    match timeout(SOON, answer(run, exchanges, name)).await {
        Ok(next) => next.map(drop),
        Err(_) => Err(Stop::failed(
            format!("the next answer within {SOON:?}"),
            "none",
        )),
    }
}

async fn embeds(run: &mut Run, exchanges: &Exchanges, offer: &Offer) -> Outcome {
    let texts = ["one", "two 🌊", "one"].map(String::from);
    let vectors = ask(run, exchanges, async |backend| {
        let model = backend.open(&offer.name).await?;
        model.embed(texts.to_vec()).await
    })
    .await?;
    let lengths: BTreeSet<usize> = vectors.iter().map(Vec::len).collect();
    let told = offer
        .dimensions
        .map(|length| BTreeSet::from([length as usize]));
    if vectors.len() != 3 || lengths.len() != 1 || told.is_some_and(|told| told != lengths) {
        return Err(Stop::failed(
            format!("three vectors of one length, {:?}", offer.dimensions),
            format!("{} of the lengths {lengths:?}", vectors.len()),
        ));
    }
    if !vectors.iter().flatten().all(|value| value.is_finite()) {
        return Err(Stop::failed("numbers", "what is none"));
    }
    let near = |one: &[f32], other: &[f32]| {
        let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
        apart.fold(0.0, f32::max) < 1e-3
    };
    match near(&vectors[0], &vectors[2]) && !near(&vectors[0], &vectors[1]) {
        true => Ok(()),
        false => Err(Stop::failed(
            "the same vector for the same text, and only for it",
            "otherwise",
        )),
    }
}

/// What it can't do is an error.
async fn tasks(run: &mut Run, exchanges: &Exchanges, offer: &Offer) -> Outcome {
    let can = ask(run, exchanges, async |backend| {
        let model = backend.open(&offer.name).await?;
        let mut can = Vec::new();
        if !offer.infers && model.infer_nothing().await.is_ok() {
            can.push("infer");
        }
        if !offer.embeds && model.embed(vec!["x".into()]).await.is_ok() {
            can.push("embed");
        }
        if !offer.generates && model.generate("x", 1).await.is_ok() {
            can.push("generate");
        }
        Ok(can)
    })
    .await?;
    match can.as_slice() {
        [] => Ok(()),
        can => Err(Stop::failed(
            "only the tasks that it says",
            format!("it does {}", can.join(", ")),
        )),
    }
}

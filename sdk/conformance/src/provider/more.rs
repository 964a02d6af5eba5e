//! Models, embeddings, counts, and credentials.

use std::collections::BTreeSet;

use types::ErrorCode;
use types::neutral::{EmbedInput, EmbedRequest};

use super::errors::answers;
use super::scenarios::play;
use crate::report::{Outcome, Stop};
use crate::requests;
use crate::run::Run;
use crate::script::{Provider, When};
use crate::stage::Plan;
use crate::subject::{Called, told};

pub(super) async fn run(run: &mut Run, provider: &Provider) {
    run.case("models.list", "", async |run| models(run, provider).await)
        .await;
    for (named, status, kind, body) in [
        ("a refusal", 500, "application/json", "{}"),
        ("a page of a proxy", 200, "text/html", "<html></html>"),
        ("nothing", 200, "application/json", ""),
        ("half of it", 200, "application/json", "{\"data\":[{"),
    ] {
        run.case("models.fails", named, async |run| {
            let mut exchanges = list(provider)?;
            for exchange in &mut exchanges {
                *exchange = answers(exchange, status, kind, body);
            }
            let plan = Some(Plan::lax(exchanges));
            let called = run
                .subject
                .call(plan, async |plugin| plugin.models().await)
                .await;
            match called.value {
                _ if called.asked.is_empty() => {
                    Err(Stop::skipped("it lists its models without asking"))
                }
                Err(_) => Ok(()),
                Ok(models) => Err(Stop::failed("an error", format!("{} models", models.len()))),
            }
        })
        .await;
    }
    run.case("embed.vectors", "", async |run| embed(run, provider).await)
        .await;
    run.case("count-tokens.counts", "", async |run| {
        count(run, provider).await
    })
    .await;
    let traces = run.traces.clone();
    for (name, trace) in traces {
        run.case("credential.named", &name, async |run| {
            let text = provider.scenario("text");
            let text = text.ok_or_else(|| Stop::skipped("the script has no scenario `text`"))?;
            play(run, provider, text, When::Whole).await?;
            let plan = text.lax(When::Whole)?;
            let request = requests::request("text", provider.model(text));
            let heard = run.subject.generate(plan, request).await;
            match heard.asked.iter().any(|asked| asked.has(&trace)) {
                true => Ok(()),
                false => Err(Stop::failed(
                    format!("the secret {name:?} on the request"),
                    "it is not named: the vendor sees no credential",
                )),
            }
        })
        .await;
    }
}

/// The exchanges of the list of models.
fn list(provider: &Provider) -> Result<Vec<crate::script::Exchange>, Stop> {
    let scenario = provider.scenario("models");
    let scenario = scenario.ok_or_else(|| Stop::skipped("the script does not play `models`"))?;
    Ok(scenario.exchanges.clone())
}

/// A call was to the letter.
fn by_script<T>(called: &Called<T>) -> Outcome {
    match called.faults.first() {
        None => Ok(()),
        Some(fault) => Err(Stop::failed("the requests of the script", fault)),
    }
}

async fn models(run: &mut Run, provider: &Provider) -> Outcome {
    let plan = Plan::strict(list(provider)?);
    let called = run
        .subject
        .call(Some(plan), async |plugin| plugin.models().await)
        .await;
    by_script(&called)?;
    let models = called.value.map_err(|e| Stop::failed("a list", told(&e)))?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = models.iter().find(|model| !seen.insert(model.id.as_str())) {
        return Err(Stop::failed(
            "each model once",
            format!("{:?} twice", twice.id),
        ));
    }
    let scenario = provider.scenario("models");
    let wanted = scenario.iter().flat_map(|it| &it.expect.models);
    for wanted in wanted.chain([&provider.model]) {
        if !seen.contains(wanted.as_str()) {
            return Err(Stop::failed(
                format!("the model {wanted:?}"),
                format!("{seen:?}"),
            ));
        }
    }
    Ok(())
}

async fn embed(run: &mut Run, provider: &Provider) -> Outcome {
    let scenario = provider.scenario("embed");
    let played = scenario.filter(|it| it.unsupported.is_none());
    let request = EmbedRequest {
        model: scenario
            .map_or(&*provider.model, |it| provider.model(it))
            .into(),
        input: EmbedInput::Texts(vec!["one".into(), "two".into()]),
        dimensions: None,
        user: None,
        extensions: Vec::new(),
    };
    let plan = Plan::strict(played.map(|it| it.exchanges.clone()).unwrap_or_default());
    let called = run
        .subject
        .call(Some(plan), async |plugin| plugin.embed(request).await);
    let called = called.await;
    let Some(scenario) = played else {
        let why = scenario.and_then(|it| it.unsupported.as_deref());
        return lacking(called, why);
    };
    by_script(&called)?;
    let embedded = called
        .value
        .map_err(|e| Stop::failed("vectors", told(&e)))?;
    match &scenario.expect.vectors {
        None => Err(Stop::failed(
            "`expect.vectors` in the script",
            "there is none",
        )),
        Some(wanted) if *wanted == embedded.vectors => Ok(()),
        Some(wanted) => Err(Stop::failed(
            format!("{wanted:?}"),
            format!("{:?}", embedded.vectors),
        )),
    }
}

async fn count(run: &mut Run, provider: &Provider) -> Outcome {
    let scenario = provider.scenario("count-tokens");
    let played = scenario.filter(|it| it.unsupported.is_none());
    let model = scenario.map_or(&*provider.model, |it| provider.model(it));
    let request = requests::request("text", model);
    let plan = Plan::strict(played.map(|it| it.exchanges.clone()).unwrap_or_default());
    let called = run.subject.call(Some(plan), async |plugin| {
        plugin.count_tokens(request).await
    });
    let called = called.await;
    let Some(scenario) = played else {
        let why = scenario.and_then(|it| it.unsupported.as_deref());
        return lacking(called, why);
    };
    by_script(&called)?;
    let counted = called
        .value
        .map_err(|e| Stop::failed("a count", told(&e)))?;
    match scenario.expect.input_tokens {
        None => Err(Stop::failed(
            "`expect.input_tokens` in the script",
            "there is none",
        )),
        Some(wanted) if wanted == counted.input_tokens => Ok(()),
        Some(wanted) => Err(Stop::failed(
            wanted.to_string(),
            counted.input_tokens.to_string(),
        )),
    }
}

/// What the script does not play: `unsupported`, where the script says so; else it is not known.
fn lacking<T>(called: Called<T>, why: Option<&str>) -> Outcome {
    match (called.value, why) {
        (Err(error), _) if error.code == ErrorCode::Unsupported => Ok(()),
        (_, None) => Err(Stop::skipped("the script does not play it")),
        (Err(error), Some(_)) => Err(Stop::failed("`unsupported`", told(&error))),
        (Ok(_), Some(_)) => Err(Stop::failed(
            "`unsupported`, as the script says that the vendor has no such thing",
            "an answer",
        )),
    }
}

//! Cases of providers.

mod cancel;
mod errors;
mod hostile;
mod inputs;
mod more;
mod native;
mod scenarios;
mod silence;
mod streams;

use crate::report::{Outcome, Stop};
use crate::requests::SCENARIOS;
use crate::run::Run;
use crate::script::{Exchange, Provider, Scenario, When};
use crate::stage::Plan;

/// Runs all of them.
pub(crate) async fn run(run: &mut Run) {
    let Some(provider) = run.script.provider.clone() else {
        run.case("script.complete", "", async |_| {
            Err(Stop::failed("[provider] in the script", "there is none"))
        })
        .await;
        return;
    };
    let provider = &provider;
    run.case("script.complete", "", async |_| complete(provider))
        .await;
    scenarios::run(run, provider).await;
    more::run(run, provider).await;
    errors::run(run, provider).await;
    if let Some(text) = provider.scenario("text") {
        streams::run(run, provider).await;
        cancel::run(run, provider, text).await;
        hostile::run(run, provider, text).await;
        silence::run(run, provider, text).await;
        inputs::run(run, provider, text).await;
    }
    native::run(run, provider).await;
}

fn complete(provider: &Provider) -> Outcome {
    let core = SCENARIOS.iter().filter(|scenario| scenario.core);
    let missing = core.filter(|scenario| provider.scenario(scenario.name).is_none());
    let missing: Vec<&str> = missing.map(|scenario| scenario.name).collect();
    match missing.as_slice() {
        [] => Ok(()),
        missing => Err(Stop::failed(
            "each core scenario, or why it is `unsupported`",
            format!("none of {}", missing.join(", ")),
        )),
    }
}

/// Both ways to read an answer.
pub(crate) const BOTH: [When; 2] = [When::Whole, When::Stream];

/// A way in words.
pub(crate) fn word(when: When) -> &'static str {
    match when {
        When::Whole => "whole",
        When::Stream => "stream",
    }
}

impl Provider {
    /// The model that a scenario asks.
    pub(crate) fn model<'a>(&'a self, scenario: &'a Scenario) -> &'a str {
        scenario.model.as_deref().unwrap_or(&self.model)
    }
}

impl Scenario {
    /// It can be played when the client reads so.
    pub(crate) fn plays(&self, when: When) -> Result<Vec<Exchange>, Stop> {
        if let Some(why) = &self.unsupported {
            return Err(Stop::skipped(format!("unsupported: {why}")));
        }
        match self.exchanges(when) {
            none if none.is_empty() => Err(Stop::skipped(format!(
                "the script has no exchange for {}",
                word(when)
            ))),
            all => Ok(all),
        }
    }

    /// Its answers, whatever is asked.
    pub(crate) fn lax(&self, when: When) -> Result<Plan, Stop> {
        self.plays(when).map(Plan::lax)
    }
}

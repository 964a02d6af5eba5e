//! Calls that nobody waits for any more.

use std::time::Duration;

use tokio::time::timeout;

use super::scenarios::request;
use super::streams::body;
use super::{BOTH, word};
use crate::delivery::Delivery;
use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::script::{Provider, Scenario, When};
use crate::stage::Plan;

/// How long it may take until a call begins, and until it lets go.
const SOON: Duration = Duration::from_secs(10);

pub(super) async fn run(run: &mut Run, provider: &Provider, text: &Scenario) {
    for when in BOTH {
        let waits = format!("{}, before the answer", word(when));
        run.case("cancel.drops-upstream", &waits, async |run| {
            cancelled(run, provider, text, when, |_| Delivery::Silence).await
        })
        .await;
        let reads = format!("{}, in the middle", word(when));
        run.case("cancel.drops-upstream", &reads, async |run| {
            cancelled(run, provider, text, when, |length| {
                Delivery::Hang(length / 2)
            })
            .await
        })
        .await;
    }
}

async fn cancelled(
    run: &mut Run,
    provider: &Provider,
    scenario: &Scenario,
    when: When,
    how: fn(usize) -> Delivery,
) -> Outcome {
    let length = body(run, scenario, when)?.len();
    let plan = Plan::strict(scenario.plays(when)?).delivered(how(length));
    let request = request(run, provider, scenario, when).await?;
    run.subject.stage.play(Some(plan));
    let (plugin, stage) = (run.subject.plugin.clone(), run.subject.stage.clone());
    {
        // Dropped at the end of this block, wherever it is.
        let answer = std::pin::pin!(async {
            let mut events = match plugin.generate(request).await {
                Ok(events) => events,
                Err(error) => return error.message,
            };
            while let Some(step) = events.next().await {
                if let Err(error) = step {
                    return error.message;
                }
            }
            "an end".to_owned()
        });
        let read = timeout(SOON, stage.reads(true));
        let begun = async {
            let begun = read.await;
            // Let it read what there is.
            tokio::task::yield_now().await;
            begun
        };
        let ended = tokio::select! {
            ended = answer => Some(ended),
            begun = begun => match begun {
                Ok(()) => None,
                Err(_) => Some("no request to its vendor".into()),
            },
        };
        if let Some(ended) = ended {
            stage.play(None);
            return Err(Stop::failed("that it waits for its vendor", ended));
        }
    }
    let gone = timeout(SOON, stage.reads(false)).await;
    stage.play(None);
    gone.map_err(|_| {
        Stop::failed(
            format!("that the vendor's answer is let go within {SOON:?}"),
            "it is still held",
        )
    })
}

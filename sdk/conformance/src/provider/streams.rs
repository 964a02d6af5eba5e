//! Answers that come in pieces, break off, or never end.

use bytes::Bytes;

use super::scenarios::{clean, request};
use super::word;
use crate::delivery::Delivery;
use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::script::{Provider, Scenario, When};
use crate::stage::Plan;
use crate::subject::{End, Heard, told};

/// Scenarios whose streams are cut: each has something else in it.
const CUT: [&str; 6] = [
    "text",
    "unicode",
    "tool-call",
    "tool-call-empty",
    "tool-calls-parallel",
    "reasoning",
];

/// Most places at which an answer is cut.
const PLACES: usize = 96;

/// How much a vendor may answer, where it never ends.
const ENOUGH: u64 = 2 << 20;

pub(super) async fn run(run: &mut Run, provider: &Provider) {
    let scenarios = CUT.iter().filter_map(|name| provider.scenario(name));
    for scenario in scenarios.filter(|it| it.unsupported.is_none()) {
        let name = scenario.name.as_str();
        run.case("stream.pieces", name, async |run| {
            pieces(run, provider, scenario).await
        })
        .await;
        run.case("stream.cut", name, async |run| {
            ends_early(run, provider, scenario, When::Stream, Delivery::Cut).await
        })
        .await;
        run.case("stream.broken", name, async |run| {
            ends_early(run, provider, scenario, When::Stream, Delivery::Broken).await
        })
        .await;
        if name == "text" {
            run.case("whole.cut", name, async |run| {
                ends_early(run, provider, scenario, When::Whole, Delivery::Cut).await
            })
            .await;
            run.case("stream.endless", name, async |run| {
                endless(run, provider, scenario).await
            })
            .await;
            if run.subject.reload().await.is_err() {
                return;
            }
        }
    }
}

/// The body that the vendor answers with at the end.
pub(super) fn body(run: &Run, scenario: &Scenario, when: When) -> Result<Bytes, Stop> {
    let exchanges = scenario.plays(when)?;
    let last = exchanges.last().map(|it| it.body(&run.script.folder));
    match last {
        Some(Ok(body)) => Ok(body),
        _ => Err(Stop::failed("a body in the script", "there is none")),
    }
}

/// Places to cut at: as many as there may be, evenly; those inside of characters first.
pub(super) fn places(body: &[u8], most: usize) -> Vec<usize> {
    let inside = (1..body.len()).filter(|at| body[*at] & 0xc0 == 0x80);
    let mut all: Vec<usize> = inside.take(most / 2).collect();
    let step = (body.len() / (most - all.len())).max(1);
    all.extend((1..body.len()).step_by(step));
    all.sort_unstable();
    all.dedup();
    all
}

async fn hear(
    run: &mut Run,
    provider: &Provider,
    scenario: &Scenario,
    when: When,
    delivery: Delivery,
) -> Result<Heard, Stop> {
    let plan = Plan::strict(scenario.plays(when)?).delivered(delivery);
    let request = request(run, provider, scenario, when).await?;
    Ok(run.subject.generate(plan, request).await)
}

async fn pieces(run: &mut Run, provider: &Provider, scenario: &Scenario) -> Outcome {
    let body = body(run, scenario, When::Stream)?;
    let whole = hear(run, provider, scenario, When::Stream, Delivery::Whole).await?;
    clean(&whole)?;
    let gist = whole.answer.gist();
    let mut ways: Vec<Vec<usize>> = places(&body, PLACES)
        .into_iter()
        .map(|at| vec![at])
        .collect();
    // Byte by byte, and in threes, which no character of four bytes fits.
    ways.push((1..body.len()).collect());
    ways.push((1..body.len()).step_by(3).collect());
    for way in ways {
        let said = match way.as_slice() {
            [at] => format!("cut at byte {at} of {}", body.len()),
            many => format!("in {} pieces", many.len() + 1),
        };
        let heard = hear(run, provider, scenario, When::Stream, Delivery::Pieces(way)).await?;
        clean(&heard).map_err(|stop| at(stop, &said))?;
        let now = heard.answer.gist();
        if now != gist {
            return Err(Stop::failed(
                format!("{said}, the same: {}", gist.join("; ")),
                now.join("; "),
            ));
        }
    }
    Ok(())
}

/// The same, and where it happened.
fn at(stop: Stop, place: &str) -> Stop {
    match stop {
        Stop::Failed { expected, seen } => Stop::failed(format!("{expected}, {place}"), seen),
        skipped @ Stop::Skipped(_) => skipped,
    }
}

/// Wherever it ends early, it is no clean end, unless all had been said.
async fn ends_early(
    run: &mut Run,
    provider: &Provider,
    scenario: &Scenario,
    when: When,
    how: fn(usize) -> Delivery,
) -> Outcome {
    let body = body(run, scenario, when)?;
    let whole = hear(run, provider, scenario, when, Delivery::Whole).await?;
    clean(&whole)?;
    let gist = whole.answer.gist();
    let traps = run.subject.traps.len();
    for place in std::iter::once(0).chain(places(&body, PLACES)) {
        let heard = hear(run, provider, scenario, when, how(place)).await?;
        if run.subject.traps.len() > traps {
            return Err(Stop::failed(
                format!(
                    "an error where it ends after {place} of {} bytes",
                    body.len()
                ),
                run.subject.traps[traps].clone(),
            ));
        }
        if heard.end == End::Clean && heard.answer.gist() != gist {
            return Err(Stop::failed(
                format!(
                    "an error where the answer ends after {place} of {} bytes",
                    body.len()
                ),
                format!("a clean end, with: {}", heard.answer.gist().join("; ")),
            ));
        }
    }
    Ok(())
}

async fn endless(run: &mut Run, provider: &Provider, scenario: &Scenario) -> Outcome {
    let limited = run
        .subject
        .limit(|limits| limits.response_bytes = bytesize::ByteSize(ENOUGH));
    let limited = limited.await;
    limited.map_err(|error| Stop::failed("that it loads", format!("{error:#}")))?;
    for when in super::BOTH {
        let Ok(body) = body(run, scenario, when) else {
            continue;
        };
        let half = body.slice(..body.len() / 2);
        for (rest, named) in [
            (Bytes::from_static(&[b' '; 4096]), "spaces"),
            (Bytes::from_static(&[b'\n'; 4096]), "empty lines"),
            (Bytes::from(vec![0xf0; 4096]), "bytes that are no text"),
        ] {
            let exchanges = scenario.plays(when)?;
            let plan = Plan::strict(exchanges).with_body(half.clone());
            let plan = plan.delivered(Delivery::Endless(rest));
            let request = request(run, provider, scenario, when).await?;
            let heard = run.subject.generate(plan, request).await;
            match &heard.end {
                End::Clean => {
                    return Err(Stop::failed(
                        format!(
                            "an error, read as a {}, with {named} without end",
                            word(when)
                        ),
                        "a clean end",
                    ));
                }
                End::Failed(error) if error.message.contains("did not end within") => {
                    return Err(Stop::failed("an end", told(error)));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_cut_inside() {
        let body = format!("data: {}👩🏽‍🚀{}", "x".repeat(1000), "y".repeat(1000));
        let places = places(body.as_bytes(), 32);
        assert!(places.len() <= 64 && places.len() > 20, "{places:?}");
        assert!(places.iter().any(|at| !body.is_char_boundary(*at)));
        assert!(places.iter().all(|at| (1..body.len()).contains(at)));
    }
}

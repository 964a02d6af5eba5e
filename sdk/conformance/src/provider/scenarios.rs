//! The script's scenarios, as they stand in it.

use types::neutral::GenerateRequest;
use types::{Error, ErrorCode};

use super::{BOTH, word};
use crate::answer::{Answer, Kind, finish, short};
use crate::compare::lacks;
use crate::report::{Outcome, Stop};
use crate::requests::{self, PIXEL_BASE64, SCENARIOS, UNICODE, WEATHER};
use crate::run::Run;
use crate::script::{Expect, Provider, Scenario, When};
use crate::stage::{Asked, Plan};
use crate::subject::{End, Heard, told};

pub(super) async fn run(run: &mut Run, provider: &Provider) {
    for kind in SCENARIOS.iter().filter(|it| it.generates) {
        let name = kind.name;
        let Some(scenario) = provider.scenario(name) else {
            if !kind.core {
                let why = || Stop::skipped("the script does not play it");
                run.case("answer.whole", name, async |_| Err(why())).await;
            }
            continue;
        };
        if scenario.unsupported.is_some() {
            run.case("answer.unsupported", name, async |run| {
                unsupported(run, provider, scenario).await
            })
            .await;
            continue;
        }
        if name.starts_with("error") {
            for when in BOTH
                .into_iter()
                .filter(|it| *it == When::Stream || name == "error")
            {
                let of = format!("{name}, {}", word(when));
                run.case("error.vendor", &of, async |run| {
                    refused(run, provider, scenario, when).await
                })
                .await;
            }
            continue;
        }
        let mut gists = Vec::new();
        for (when, case) in BOTH.into_iter().zip(["answer.whole", "answer.stream"]) {
            run.case(case, name, async |run| {
                let answer = play(run, provider, scenario, when).await?;
                gists.push(answer.gist());
                Ok(())
            })
            .await;
        }
        if let [whole, stream] = gists.as_slice() {
            let same = whole == stream;
            let (whole, stream) = (whole.join("; "), stream.join("; "));
            run.case("answer.same", name, async |_| match same {
                true => Ok(()),
                false => Err(Stop::failed(
                    format!("as whole: {whole}"),
                    format!("as a stream: {stream}"),
                )),
            })
            .await;
        }
        match name {
            "text" => repeated(run, provider, scenario).await,
            "tool-call-empty" => {
                for when in BOTH {
                    run.case("tool-call.empty", word(when), async |run| {
                        let answer = play(run, provider, scenario, when).await?;
                        let calls = answer.calls();
                        match calls.iter().all(|(_, arguments)| *arguments == "{}") {
                            true => Ok(()),
                            false => Err(Stop::failed("`{}`", format!("{calls:?}"))),
                        }
                    })
                    .await;
                }
            }
            "reasoning-next" => {
                run.case("provider-data.returns", "", async |run| {
                    let returns = &scenario.expect.returns;
                    if returns.is_empty() {
                        return Err(Stop::skipped("the script has no `expect.returns`"));
                    }
                    play(run, provider, scenario, When::Stream).await?;
                    play(run, provider, scenario, When::Whole).await.map(drop)
                })
                .await;
            }
            _ => {}
        }
    }
}

/// What a scenario asks, where the client reads so.
pub(super) async fn request(
    run: &mut Run,
    provider: &Provider,
    scenario: &Scenario,
    when: When,
) -> Result<GenerateRequest, Stop> {
    let mut request = requests::request(&scenario.name, provider.model(scenario));
    request.stream = when == When::Stream;
    if scenario.name == "reasoning-next" {
        let before = provider.scenario("reasoning").ok_or_else(|| {
            Stop::failed(
                "the scenario `reasoning`, of which it is the next turn",
                "there is none",
            )
        })?;
        let mut first = request.clone();
        first.model = provider.model(before).into();
        let plan = Plan::strict(before.plays(when)?);
        let heard = run.subject.generate(plan, first).await;
        clean(&heard)?;
        request = requests::next(request, &heard.answer);
    }
    Ok(request)
}

/// Plays a scenario to the letter.
pub(super) async fn play(
    run: &mut Run,
    provider: &Provider,
    scenario: &Scenario,
    when: When,
) -> Result<Answer, Stop> {
    let exchanges = scenario.plays(when)?;
    let request = request(run, provider, scenario, when).await?;
    let heard = run.subject.generate(Plan::strict(exchanges), request).await;
    clean(&heard)?;
    sent(&scenario.name, &scenario.expect, &heard.asked)?;
    expected(&scenario.name, &scenario.expect, &heard.answer)?;
    Ok(heard.answer)
}

/// The answer came in order and to its end, and the requests were the script's.
pub(super) fn clean(heard: &Heard) -> Outcome {
    if let Some(fault) = heard.faults.first() {
        return Err(Stop::failed("the requests of the script", fault));
    }
    if let Some(fault) = heard.answer.disorder.first() {
        return Err(Stop::failed("events in order", fault));
    }
    match &heard.end {
        End::Clean => Ok(()),
        End::Unfinished => Err(Stop::failed("`finished` before the end", "none came")),
        End::Failed(error) => Err(Stop::failed("an answer", told(error))),
    }
}

/// The requests have in them what a scenario puts there.
fn sent(scenario: &str, expect: &Expect, asked: &[Asked]) -> Outcome {
    let kit: &[&str] = match scenario {
        "unicode" => &[UNICODE],
        "tool-result" => &["Oslo", "call_1"],
        "image" => &[PIXEL_BASE64],
        "tool-call" | "tool-calls-parallel" => &["get_weather", "city"],
        "tool-call-empty" => &["get_time"],
        _ => &[],
    };
    let texts = kit
        .iter()
        .copied()
        .chain(expect.returns.iter().map(String::as_str));
    for text in texts {
        if !asked.iter().any(|asked| asked.has(text)) {
            return Err(Stop::failed(
                format!("{:?} in the request", short(text)),
                "it is not there, as it is",
            ));
        }
    }
    let weather = asked
        .iter()
        .any(|asked| asked.has(WEATHER) || asked.has("degrees"));
    match scenario == "tool-result" && !weather {
        true => Err(Stop::failed(
            format!("{WEATHER} in the request"),
            "it is not there",
        )),
        false => Ok(()),
    }
}

/// The answer is what the script says.
fn expected(scenario: &str, expect: &Expect, answer: &Answer) -> Outcome {
    let differs = |what: &str, wanted: &str, seen: &str| match wanted == seen {
        true => Ok(()),
        false => Err(Stop::failed(
            format!("{what} {:?}", short(wanted)),
            format!("{:?}", short(seen)),
        )),
    };
    let asks_text = matches!(scenario, "text" | "unicode" | "tool-result");
    if asks_text && expect.text.is_none() {
        return Err(Stop::failed("`expect.text` in the script", "there is none"));
    }
    if let Some(text) = &expect.text {
        if scenario == "unicode" && !text.chars().any(|c| c.len_utf8() == 4) {
            return Err(Stop::failed(
                "a character of four bytes in `expect.text`",
                text,
            ));
        }
        differs("the text", text, &answer.said(|kind| *kind == Kind::Text))?;
    }
    if let Some(text) = &expect.reasoning {
        let said = answer.said(|kind| matches!(kind, Kind::Reasoning(_)));
        differs("the reasoning", text, &said)?;
    }
    if let Some(text) = &expect.refusal {
        differs(
            "the refusal",
            text,
            &answer.said(|kind| *kind == Kind::Refusal),
        )?;
    }
    let calls = answer.calls();
    let wanted = expect.calls.as_deref().unwrap_or_default();
    let least = match scenario {
        "tool-call" | "tool-call-empty" => 1,
        "tool-calls-parallel" => 2,
        _ => 0,
    };
    if wanted.len() < least {
        let wanted = format!("at least {least} in `expect.calls` of the script");
        return Err(Stop::failed(wanted, "fewer"));
    }
    if calls.len() != wanted.len() {
        return Err(Stop::failed(
            format!("{} calls", wanted.len()),
            format!("{calls:?}"),
        ));
    }
    for (wanted, (name, arguments)) in wanted.iter().zip(&calls) {
        differs("a call of", &wanted.name, name)?;
        let seen = serde_json::from_str(arguments).unwrap_or_default();
        if !wanted.arguments.is_null()
            && let Some(fault) = lacks(&seen, &wanted.arguments, "")
        {
            return Err(Stop::failed(
                format!("arguments {}", wanted.arguments),
                fault,
            ));
        }
    }
    let usual = match scenario {
        "length" => "length",
        _ if !wanted.is_empty() => "tool-calls",
        _ => "stop",
    };
    let reason = answer.finished.get(&0).map(finish).unwrap_or_default();
    differs(
        "the finish reason",
        expect.finish.as_deref().unwrap_or(usual),
        &reason,
    )?;
    usage(expect, answer)
}

fn usage(expect: &Expect, answer: &Answer) -> Outcome {
    let seen = answer.usage.clone().unwrap_or_default();
    for (name, wanted) in &expect.usage {
        let value = match name.replace('-', "_").as_str() {
            "input_tokens" => seen.input_tokens,
            "cache_read_tokens" => seen.cache_read_tokens,
            "cache_write_tokens" => seen.cache_write_tokens,
            "cache_write_1h_tokens" => seen.cache_write_1h_tokens,
            "input_audio_tokens" => seen.input_audio_tokens,
            "output_tokens" => seen.output_tokens,
            "reasoning_tokens" => seen.reasoning_tokens,
            "output_audio_tokens" => seen.output_audio_tokens,
            _ => {
                let known = "a name of the record `usage` in `expect.usage`";
                return Err(Stop::failed(known, name));
            }
        };
        if value != Some(*wanted) {
            return Err(Stop::failed(
                format!("usage.{name} = {wanted}"),
                format!("{value:?}"),
            ));
        }
    }
    Ok(())
}

/// The vendor refuses, and the plugin says why.
async fn refused(run: &mut Run, provider: &Provider, scenario: &Scenario, when: When) -> Outcome {
    let exchanges = scenario.plays(when)?;
    let request = request(run, provider, scenario, when).await?;
    let heard = run.subject.generate(Plan::strict(exchanges), request).await;
    if let Some(fault) = heard.faults.first() {
        return Err(Stop::failed("the requests of the script", fault));
    }
    let End::Failed(error) = &heard.end else {
        return Err(Stop::failed("an error", format!("{:?}", heard.end)));
    };
    says(&scenario.expect, error)
}

/// An error is what the script says.
pub(super) fn says(expect: &Expect, error: &Error) -> Outcome {
    let code = crate::subject::code(error.code);
    match &expect.error {
        None => {
            return Err(Stop::failed(
                "`expect.error` in the script",
                "there is none",
            ));
        }
        Some(wanted) if wanted != code => {
            return Err(Stop::failed(format!("`{wanted}`"), told(error)));
        }
        Some(_) => {}
    }
    if expect.retry_after_ms.is_some() && expect.retry_after_ms != error.retry_after_ms {
        return Err(Stop::failed(
            format!("retry_after_ms = {:?}", expect.retry_after_ms),
            format!("{:?}", error.retry_after_ms),
        ));
    }
    Ok(())
}

/// What a vendor lacks is refused or warned of. The vendor answers as it would to anything.
async fn unsupported(run: &mut Run, provider: &Provider, scenario: &Scenario) -> Outcome {
    let text = provider.scenario("text");
    let plan = text.map_or_else(|| Ok(Plan::lax(Vec::new())), |text| text.lax(When::Whole))?;
    let request = requests::request(&scenario.name, provider.model(scenario));
    let heard = run.subject.generate(plan, request).await;
    match &heard.end {
        End::Failed(error)
            if matches!(error.code, ErrorCode::Unsupported | ErrorCode::BadRequest) =>
        {
            Ok(())
        }
        End::Failed(error) => Err(Stop::failed("`unsupported` or `bad-request`", told(error))),
        _ if !heard.answer.warnings.is_empty() => Ok(()),
        _ => Err(Stop::failed(
            "`unsupported`, `bad-request` or a warning, as the script says that the vendor has no such thing",
            "an answer without a word",
        )),
    }
}

/// Nothing of a call is in the next.
async fn repeated(run: &mut Run, provider: &Provider, scenario: &Scenario) {
    run.case("answer.repeated", "text", async |run| {
        let mut first: Option<(Vec<String>, Vec<Asked>)> = None;
        for _ in 0..5 {
            let exchanges = scenario.plays(When::Stream)?;
            let request = request(run, provider, scenario, When::Stream).await?;
            let heard = run.subject.generate(Plan::strict(exchanges), request).await;
            clean(&heard)?;
            let now = (heard.answer.gist(), heard.asked);
            match &first {
                None => first = Some(now),
                Some(first) if first.0 == now.0 && bodies(&first.1) == bodies(&now.1) => {}
                Some(first) => {
                    return Err(Stop::failed(first.0.join("; "), now.0.join("; ")));
                }
            }
        }
        Ok(())
    })
    .await;
}

fn bodies(asked: &[Asked]) -> Vec<&[u8]> {
    asked.iter().map(|asked| asked.body.as_ref()).collect()
}

//! Vendors that say what makes no sense.

use bytes::Bytes;
use serde_json::{Value, json};

use super::scenarios::request;
use super::streams::{body, places};
use super::{BOTH, word};
use crate::answer::short;
use crate::report::{Outcome, Stop};
use crate::run::Run;
use crate::script::{Provider, Scenario, When};
use crate::subject::{End, Heard};

/// Most changes of one answer.
const CHANGES: usize = 400;

/// Stands for a number that no machine has.
const HUGE: &str = "\u{1}huge\u{1}";

pub(super) async fn run(run: &mut Run, provider: &Provider, text: &Scenario) {
    for when in BOTH {
        run.case("error.garbage", word(when), async |run| {
            garbage(run, provider, text, when).await
        })
        .await;
    }
    for name in ["text", "tool-call", "reasoning"] {
        let Some(scenario) = provider.scenario(name) else {
            continue;
        };
        for when in BOTH {
            let of = format!("{name}, {}", word(when));
            run.case("error.mutated", &of, async |run| {
                mutated(run, provider, scenario, when).await
            })
            .await;
        }
    }
}

/// Bytes by chance, the same each time.
fn noise(length: usize) -> Bytes {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let byte = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    byte.take(length).collect::<Vec<u8>>().into()
}

/// What no vendor would say.
fn nonsense() -> Vec<(&'static str, Bytes)> {
    let deep = |open: &str, close: &str| open.repeat(20_000) + &close.repeat(20_000);
    let event = |data: &str| Bytes::from(format!("data: {data}\n\n"));
    vec![
        ("nothing", Bytes::new()),
        ("an empty object", "{}".into()),
        ("an empty list", "[]".into()),
        ("null", "null".into()),
        ("a text", "\"text\"".into()),
        ("a number", "1e999".into()),
        (
            "a page of a proxy",
            "<html><h1>It works!</h1></html>".into(),
        ),
        ("deep lists", deep("[", "]").into()),
        ("deep objects", deep("{\"a\":", "}").into()),
        ("a deep list that doesn't end", "[".repeat(100_000).into()),
        ("chance", noise(10_000)),
        ("zeros", Bytes::from(vec![0; 10_000])),
        ("a long line", "x".repeat(1 << 20).into()),
        ("empty lines", "\n".repeat(10_000).into()),
        ("an event of nothing", event("")),
        ("an event of an empty object", event("{}")),
        ("an event of a list", event("[]")),
        ("an event of null", event("null")),
        ("an event that is no JSON", event("{\"a\":")),
        ("an event of deep lists", event(&deep("[", "]"))),
        (
            "events without names",
            "event\n\nid\n\n:\n\ndata\n\n".into(),
        ),
        (
            "a frame that claims to be of 4 GiB",
            Bytes::from(vec![0xff; 64]),
        ),
    ]
}

async fn garbage(run: &mut Run, provider: &Provider, scenario: &Scenario, when: When) -> Outcome {
    for (named, bytes) in nonsense() {
        let heard = hear(run, provider, scenario, when, bytes).await?;
        if heard.end == End::Clean {
            return Err(Stop::failed(
                format!("an error of {named}"),
                format!("a clean end, with: {}", heard.answer.gist().join("; ")),
            ));
        }
        no_trap(run, &format!("of {named}"))?;
    }
    Ok(())
}

async fn hear(
    run: &mut Run,
    provider: &Provider,
    scenario: &Scenario,
    when: When,
    bytes: Bytes,
) -> Result<Heard, Stop> {
    let plan = scenario.lax(when)?.with_body(bytes);
    let request = request(run, provider, scenario, when).await?;
    Ok(run.subject.generate(plan, request).await)
}

/// The case that runs has not trapped so far.
fn no_trap(run: &Run, what: &str) -> Outcome {
    let now = &run.subject.now;
    let trap = run
        .subject
        .traps
        .iter()
        .find(|trap| trap.starts_with(now.as_str()));
    match trap {
        None => Ok(()),
        Some(trap) => Err(Stop::failed(format!("no trap {what}"), trap)),
    }
}

/// Each value of the vendor's own answer is, in turn, one of another kind.
async fn mutated(run: &mut Run, provider: &Provider, scenario: &Scenario, when: When) -> Outcome {
    let body = body(run, scenario, when)?;
    for (named, bytes) in changes(&body) {
        let heard = hear(run, provider, scenario, when, bytes).await?;
        no_trap(run, &format!("where {named}"))?;
        if let Some(fault) = heard.answer.disorder.first()
            && heard.end == End::Clean
        {
            return Err(Stop::failed(
                format!("events in order, where {named}"),
                fault,
            ));
        }
    }
    Ok(())
}

/// An answer in other forms: JSON and events of JSON value by value, others byte by byte.
fn changes(body: &[u8]) -> Vec<(String, Bytes)> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let mut all = Vec::new();
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        for (named, changed) in of_value(&value) {
            all.push((named, changed.into()));
        }
    } else if text.contains("data:") {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for (at, line) in lines.iter().enumerate() {
            let data = line.strip_prefix("data:").map(str::trim);
            let Some(Ok(value)) = data.map(serde_json::from_str::<Value>) else {
                continue;
            };
            for (named, changed) in of_value(&value) {
                let before: String = lines[..at].concat();
                let after: String = lines[at + 1..].concat();
                let event = format!("{before}data: {changed}\n{after}");
                all.push((format!("in line {}, {named}", at + 1), event.into()));
            }
        }
    } else {
        for at in places(body, CHANGES / 2) {
            let mut changed = body.to_vec();
            changed[at] ^= 0x55;
            all.push((format!("byte {at} is another"), changed.into()));
        }
    }
    let step = all.len().div_ceil(CHANGES).max(1);
    all.into_iter().step_by(step).collect()
}

fn of_value(value: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for place in pointers(value, String::new()) {
        let others = [
            json!(null),
            json!(true),
            json!(-1),
            json!(HUGE),
            json!("x"),
            json!(""),
            json!([]),
            json!([null]),
            json!({}),
        ];
        for other in others {
            let mut changed = value.clone();
            let Some(at) = changed.pointer_mut(&place) else {
                continue;
            };
            if *at == other {
                continue;
            }
            *at = other.clone();
            let huge = json!(HUGE).to_string();
            let text = changed.to_string().replace(&huge, "1e999");
            let other = short(&other.to_string()).replace(&huge, "1e999");
            let named = if place.is_empty() {
                "the whole"
            } else {
                &place
            };
            all.push((format!("{named} is {other}"), text));
        }
    }
    all
}

/// All places in a value.
fn pointers(value: &Value, at: String) -> Vec<String> {
    let inner: Vec<String> = match value {
        Value::Array(all) => all
            .iter()
            .enumerate()
            .flat_map(|(index, one)| pointers(one, format!("{at}/{index}")))
            .collect(),
        Value::Object(all) => all
            .iter()
            .flat_map(|(key, one)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(one, format!("{at}/{key}"))
            })
            .collect(),
        _ => Vec::new(),
    };
    std::iter::once(at).chain(inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_becomes_another() {
        let changed = changes(br#"{"a":[1],"b":"x"}"#);
        let has = |text: &str| changed.iter().any(|(_, bytes)| bytes == text);
        assert!(has(r#"{"a":[null],"b":"x"}"#) && has(r#"{"a":[1e999],"b":"x"}"#) && has("{}"));
        let events = changes(b"event: e\ndata: {\"a\":1}\n\ndata: [DONE]\n\n");
        let one = "event: e\ndata: {\"a\":null}\n\ndata: [DONE]\n\n";
        assert!(events.iter().any(|(_, bytes)| bytes == one), "{events:?}");
        assert!(!changes(&[0, 1, 2, 0xff, 4]).is_empty());
    }
}

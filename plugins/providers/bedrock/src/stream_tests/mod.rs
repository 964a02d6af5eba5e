use super::*;
use evenhand_sdk::names::Names;
use evenhand_sdk::{Generation, Warnings};

use crate::answer::Answer;
use crate::family::Family;
use crate::frames::tests::{event, exception};

mod answers;
mod endings;

fn expected(family: Family) -> Expected {
    Expected {
        family,
        names: Names::new(64),
        thoughts: ReasoningKind::Full,
        stop: vec![],
        warnings: Warnings::default(),
    }
}

fn machine() -> Machine {
    Machine::new("m".into(), Some("r1".into()), expected(Family::Anthropic))
}

/// Runs an answer of these bytes, which come in these pieces: its events, and what broke it off.
fn run(machine: Machine, pieces: &[&[u8]]) -> (Vec<Event>, Option<Error>) {
    let mut pieces = pieces
        .iter()
        .map(|piece| piece.to_vec())
        .collect::<Vec<_>>()
        .into_iter();
    let mut answer = Answer::new(move || Ok(pieces.next()), machine);
    let mut events = Vec::new();
    loop {
        match answer.next() {
            Ok(Some(more)) => events.extend(more),
            Ok(None) => return (events, None),
            Err(error) => return (events, Some(error)),
        }
    }
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(line).collect()
}

fn line(event: &Event) -> String {
    match event {
        Event::Started(started) => format!(
            "started {:?} {:?} {:?}",
            started.id, started.model, started.service_tier
        ),
        Event::PartStarted(part) => match &part.kind {
            PartKind::ToolCall(call) => {
                format!(
                    "{} + call {} {} {}",
                    part.index, call.id, call.name, call.by_provider
                )
            }
            kind => format!("{} + {kind:?}", part.index),
        },
        Event::PartDelta(part) => match &part.delta {
            Delta::Text(text) => format!("{} {text}", part.index),
            Delta::Citation(cited) => format!("{} cites {:?}", part.index, cited.cited_text),
            Delta::Logprobs(_) => unreachable!("this vendor gives none"),
        },
        Event::PartEnded(part) => {
            format!(
                "{} . {}",
                part.index,
                part.provider_data.as_deref().unwrap_or("")
            )
        }
        Event::Part(part) => {
            format!(
                "{} whole {}",
                part.index,
                part.part.provider_data.as_deref().unwrap_or("")
            )
        }
        Event::Warning(warning) => format!("warning {}", warning.field),
        Event::Usage(usage) => format!("usage {:?} {:?}", usage.input_tokens, usage.output_tokens),
        Event::Finished(finished) => format!("finished {:?}", finished.reason),
    }
}

fn frame(name: &str, payload: Value) -> Vec<u8> {
    event(name, &payload.to_string())
}

fn begin() -> Vec<u8> {
    // The vendor pads its events, so that their lengths tell nothing.
    frame(
        "messageStart",
        json!({"role": "assistant", "p": "abcdefgh"}),
    )
}

fn start(index: u64, start: Value) -> Vec<u8> {
    frame(
        "contentBlockStart",
        json!({"contentBlockIndex": index, "start": start}),
    )
}

fn delta(index: u64, delta: Value) -> Vec<u8> {
    frame(
        "contentBlockDelta",
        json!({"contentBlockIndex": index, "delta": delta}),
    )
}

fn stop(index: u64) -> Vec<u8> {
    frame("contentBlockStop", json!({"contentBlockIndex": index}))
}

fn end(reason: &str) -> Vec<u8> {
    frame("messageStop", json!({"stopReason": reason}))
}

fn usage_of(input: u64, output: u64) -> Value {
    json!({"inputTokens": input, "outputTokens": output, "totalTokens": input + output})
}

fn metadata() -> Vec<u8> {
    frame(
        "metadata",
        json!({"usage": usage_of(5, 9), "metrics": {"latencyMs": 1}}),
    )
}

/// The frames of an answer with these in the middle.
fn answer(middle: &[Vec<u8>], reason: &str) -> Vec<Vec<u8>> {
    [&[begin()], middle, &[end(reason), metadata()]].concat()
}

fn read(middle: &[Vec<u8>], reason: &str) -> Vec<String> {
    let (events, error) = run(machine(), &[&answer(middle, reason).concat()]);
    assert_eq!(error, None);
    lines(&events)
}

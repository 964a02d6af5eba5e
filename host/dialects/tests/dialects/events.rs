//! Short words for events, and a reader of streams.

use dialects::Encoder;
use serde_json::Value;
use types::neutral::*;

pub(crate) fn started() -> Event {
    Event::Started(Started {
        id: Some("id-1".into()),
        model: Some("vendors-name".into()),
        service_tier: None,
    })
}

pub(crate) fn begin(index: u32, kind: PartKind) -> Event {
    Event::PartStarted(PartStarted {
        choice: 0,
        index,
        kind,
    })
}

pub(crate) fn call(id: &str, name: &str) -> PartKind {
    PartKind::ToolCall(ToolCallStart {
        id: id.into(),
        name: name.into(),
        by_provider: false,
    })
}

pub(crate) fn grow(index: u32, delta: Delta) -> Event {
    Event::PartDelta(PartDelta {
        choice: 0,
        index,
        delta,
    })
}

pub(crate) fn say(index: u32, text: &str) -> Event {
    grow(index, Delta::Text(text.into()))
}

pub(crate) fn end(index: u32) -> Event {
    end_with(index, None)
}

pub(crate) fn end_with(index: u32, provider_data: Option<&str>) -> Event {
    Event::PartEnded(PartEnded {
        choice: 0,
        index,
        provider_data: provider_data.map(Into::into),
    })
}

pub(crate) fn finished(reason: FinishReason) -> Event {
    Event::Finished(Finished { choice: 0, reason })
}

pub(crate) fn warning() -> Event {
    Event::Warning(Warning {
        field: "sampling.seed".into(),
        message: "left out\nreally".into(),
    })
}

pub(crate) fn text(text: &str) -> Vec<Event> {
    vec![
        started(),
        begin(0, PartKind::Text),
        say(0, text),
        end(0),
        finished(FinishReason::Stop),
    ]
}

/// All that an encoder writes for these events and a clean end.
pub(crate) fn encode(mut encoder: Box<dyn Encoder>, events: &[Event]) -> String {
    let mut out = String::new();
    for event in events {
        encoder.push(event.clone(), &mut out);
    }
    encoder.finish(&mut out);
    out
}

/// The events of a stream: name and data. Comments have neither.
pub(crate) fn read(stream: &str) -> Vec<(Option<String>, String)> {
    assert!(stream.is_empty() || stream.ends_with("\n\n"), "{stream:?}");
    let mut events = Vec::new();
    for block in stream.split("\n\n").filter(|block| !block.is_empty()) {
        let field = |name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
        };
        if let Some(data) = field("data: ") {
            events.push((field("event: "), data));
        }
    }
    events
}

/// The JSON of a stream's events, whose name is each one's `type`, where it has one.
pub(crate) fn read_json(stream: &str) -> Vec<Value> {
    read(stream)
        .into_iter()
        .filter(|(_, data)| data != "[DONE]")
        .map(|(name, data)| {
            let json: Value = serde_json::from_str(&data).expect("events are JSON");
            if let Some(name) = name {
                assert_eq!(json["type"], name);
            }
            json
        })
        .collect()
}

use types::neutral::{
    PartDelta, PartEnded, PartStarted, ReasoningKind, Role, Text, ToolCall, ToolCallStart,
};

use super::*;

/// A part as its events: `t:text` is text, `r:text` a thought without data, `s:text` one with data, `c:id` a call.
fn events(said: &[&str]) -> Vec<Event> {
    let mut events = Vec::new();
    for (index, said) in said.iter().enumerate() {
        let index = index as u32;
        let (sort, text) = said.split_once(':').expect("a sort");
        let kind = match sort {
            "t" => PartKind::Text,
            "c" => PartKind::ToolCall(ToolCallStart {
                id: text.into(),
                name: "f".into(),
                by_provider: false,
            }),
            _ => PartKind::Reasoning(ReasoningKind::Full),
        };
        events.push(Event::PartStarted(PartStarted {
            choice: 0,
            index,
            kind,
        }));
        if sort != "c" {
            events.push(Event::PartDelta(PartDelta {
                choice: 0,
                index,
                delta: Delta::Text(text.into()),
            }));
        }
        events.push(Event::PartEnded(PartEnded {
            choice: 0,
            index,
            provider_data: (sort == "s").then(|| format!("\"{text}\"")),
        }));
    }
    events
}

fn part(said: &str) -> Part {
    let (sort, text) = said.split_once(':').expect("a sort");
    let content = match sort {
        "t" => Content::Text(Text {
            text: text.into(),
            citations: Vec::new(),
        }),
        "c" => Content::ToolCall(ToolCall {
            id: text.into(),
            name: "f".into(),
            arguments: "{}".into(),
            by_provider: false,
        }),
        _ => Content::Reasoning(Reasoning {
            kind: ReasoningKind::Full,
            text: text.into(),
        }),
    };
    Part {
        content,
        cache: None,
        provider_data: (sort == "s").then(|| format!("\"{text}\"")),
    }
}

/// What is restored of an answer that a client echoes so.
fn restored(said: &[&str], echoed: &[&str]) -> Vec<Part> {
    let mut listener = Listener::default();
    let mut kept = HashMap::new();
    for event in events(said) {
        let thoughts = listener.hear(&event);
        if let Event::PartStarted(part) = &event
            && let PartKind::ToolCall(call) = &part.kind
        {
            kept.insert(call.id.clone(), thoughts);
        }
    }
    let mut message = Message {
        role: Role::Assistant,
        parts: echoed.iter().map(|said| part(said)).collect(),
        name: None,
        provider_data: None,
    };
    restore(&mut message, |id| kept.get(id).cloned().unwrap_or_default());
    message.parts
}

fn parts(said: &[&str]) -> Vec<Part> {
    said.iter().map(|said| part(said)).collect()
}

#[test]
fn thoughts_come_back_where_they_were_said() {
    // Chat puts all thoughts first, as one text.
    for said in [
        &["s:a", "c:1"][..],
        &["s:a", "t:x", "c:1"],
        &["t:x", "s:a", "c:1"],
        &["s:a", "s:b", "c:1", "s:c", "c:2", "c:3"],
        &["s:a", "t:x", "s:b", "c:1", "c:2"],
    ] {
        let of = |sort: char| {
            said.iter()
                .copied()
                .filter(move |one| one.starts_with(sort))
        };
        let thoughts: String = of('s').map(|one| &one[2..]).collect();
        let thought = format!("r:{thoughts}");
        let echoed: Vec<&str> = [thought.as_str()]
            .into_iter()
            .chain(of('t'))
            .chain(of('c'))
            .collect();
        assert_eq!(restored(said, &echoed), parts(said), "{said:?}");
        // Nor does it matter whether the client echoes what it saw of them.
        assert_eq!(restored(said, &echoed[1..]), parts(said), "{said:?}");
    }
}

#[test]
fn what_is_not_known_stays_as_the_client_wrote_it() {
    let unknown = ["r:a", "t:x", "c:other"];
    assert_eq!(restored(&["s:a", "c:1"], &unknown), parts(&unknown));
    // A thought without data is the client's to send or not.
    let plain = ["r:a", "c:1"];
    assert_eq!(restored(&plain, &plain), parts(&plain));
    // Who echoes signed thoughts has a field for them.
    let signed = ["s:z", "c:1"];
    assert_eq!(restored(&["s:a", "c:1"], &signed), parts(&signed));
    // After the last call nobody asks for them.
    assert_eq!(
        restored(&["c:1", "s:a", "t:x"], &["t:x", "c:1"]),
        parts(&["t:x", "c:1"])
    );
}

#[test]
fn only_what_may_be_seen_is() {
    let thoughts = Thoughts {
        first: parts(&["s:a", "s:b"]),
        before: parts(&["s:c"]),
    };
    let seen = thoughts.visible(|data| data == "\"b\"");
    assert_eq!((seen.first, seen.before), (parts(&["s:b"]), vec![]));
    assert_eq!(thoughts.size(), 3 * 3 + 3);
}

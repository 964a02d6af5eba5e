//! What an answer said goes back to the vendor as it came.

use super::*;
use crate::request::translate;
use proptest::prelude::*;

/// The parts of an answer, put together as the host does.
fn message(events: &[Event]) -> Message {
    let mut parts: Vec<Part> = Vec::new();
    for event in events {
        match event {
            Event::PartStarted(begun) => parts.push(Part::new(match &begun.kind {
                PartKind::Text => Content::Text(Text {
                    text: String::new(),
                    citations: vec![],
                }),
                PartKind::Reasoning(kind) => Content::Reasoning(Reasoning {
                    kind: *kind,
                    text: String::new(),
                }),
                PartKind::ToolCall(call) => Content::ToolCall(ToolCall {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    arguments: String::new(),
                    by_provider: call.by_provider,
                }),
                kind => unreachable!("{kind:?}"),
            })),
            Event::PartDelta(PartDelta {
                index,
                delta: Delta::Text(said),
                ..
            }) => match &mut parts[*index as usize].content {
                Content::Text(text) => text.text.push_str(said),
                Content::Reasoning(thought) => thought.text.push_str(said),
                Content::ToolCall(call) => call.arguments.push_str(said),
                content => unreachable!("{content:?}"),
            },
            Event::PartEnded(ended) => parts[ended.index as usize]
                .provider_data
                .clone_from(&ended.provider_data),
            Event::Part(whole) => parts.push(whole.part.clone()),
            _ => {}
        }
    }
    Message::new(Role::Assistant, parts)
}

/// The model's turn as it is sent after an answer of these chunks.
fn sent_back(chunks: &[Value]) -> (Value, usize) {
    let events = run(machine(), &[&bytes(chunks)]).unwrap();
    let request = GenerateRequest::new(
        "gemini-3-flash",
        vec![
            Message::new(Role::User, vec![Part::text("Hi")]),
            message(&events),
        ],
    );
    let mut translated = translate(&request, &serde_json::from_str("{}").unwrap()).unwrap();
    let parts = match translated.body["contents"].get_mut(1) {
        Some(turn) => turn["parts"].take(),
        None => json!([]),
    };
    (parts, translated.warnings.into_vec().len())
}

fn a_part() -> impl Strategy<Value = Value> {
    let signature = proptest::option::of("[A-Za-z0-9+/]{4}");
    let data = prop_oneof![
        "[a-zé ]{1,6}".prop_map(|text| json!({"text": text})),
        "[a-zé ]{1,6}".prop_map(|text| json!({"text": text, "thought": true})),
        Just(json!({"text": ""})),
        ("[a-z]{1,4}", "[a-zé]{0,3}").prop_map(
            |(name, value)| json!({"functionCall": {"name": name, "args": {"v": value}}})
        ),
        "[a-z]{1,4}".prop_map(|id| json!({"functionCall": {"name": "f", "args": {}, "id": id}})),
        Just(json!({"executableCode": {"language": "PYTHON", "code": "1"}})),
        Just(json!({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}})),
        Just(json!({"inlineData": {"mimeType": "image/png", "data": "AQID"}})),
        Just(json!({"hologram": {"x": [1]}})),
    ];
    (data, signature).prop_map(|(mut part, signature)| {
        if let Some(signature) = signature {
            part["thoughtSignature"] = json!(signature);
        }
        part
    })
}

/// What streaming joins: texts of one kind up to a signature. And what is not sent: an empty text without one.
fn joined(parts: &[Value]) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for part in parts {
        let text = part["text"].as_str();
        let is_signed = |part: &Value| part.get("thoughtSignature").is_some();
        if text == Some("") && !is_signed(part) {
            continue;
        }
        let last = all.last_mut().filter(|last| {
            text.is_some()
                && last["text"].is_string()
                && !is_signed(last)
                && last.get("thought") == part.get("thought")
        });
        match (last, text) {
            (Some(last), Some(text)) => {
                last["text"] = json!(format!("{}{text}", last["text"].as_str().unwrap()));
                if is_signed(part) {
                    last["thoughtSignature"] = part["thoughtSignature"].clone();
                }
            }
            _ => all.push(part.clone()),
        }
    }
    all
}

proptest! {
    #[test]
    fn every_part_returns_with_what_the_vendor_must_see(mut said in proptest::collection::vec(a_part(), 1..9)) {
        // The first call bears a signature, as the vendor's answers do.
        if let Some(first) = said.iter_mut().find(|part| part.get("functionCall").is_some()) {
            first["thoughtSignature"] = json!("first");
        }
        // Ids are the vendor's own and unique.
        for (at, part) in said.iter_mut().enumerate().filter(|(_, part)| part["functionCall"]["id"].is_string()) {
            part["functionCall"]["id"] = json!(format!("id{at}"));
        }
        let mut chunks: Vec<_> = said.iter().map(|part| parts(json!([part]))).collect();
        chunks.push(end("STOP"));
        let (returned, warned) = sent_back(&chunks);
        let wanted = joined(&said);
        prop_assert_eq!(returned, json!(wanted));
        prop_assert_eq!(warned, 0);
    }
}

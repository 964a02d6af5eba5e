//! What the vendor said, handed back in the next turn: it must be what the vendor said.

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::responses::translate;

/// The parts of an answer, put together as the host does.
fn parts(events: Vec<Event>) -> Vec<Part> {
    let mut parts: Vec<Option<Part>> = Vec::new();
    for event in events {
        match event {
            Event::PartStarted(PartStarted { kind, .. }) => {
                let content = match kind {
                    PartKind::Text => Content::Text(Text {
                        text: String::new(),
                        citations: vec![],
                    }),
                    PartKind::Reasoning(kind) => Content::Reasoning(Reasoning {
                        kind,
                        text: String::new(),
                    }),
                    PartKind::Refusal => Content::Refusal(String::new()),
                    PartKind::ToolCall(call) => Content::ToolCall(ToolCall {
                        id: call.id,
                        name: call.name,
                        arguments: String::new(),
                        by_provider: call.by_provider,
                    }),
                    PartKind::Audio(_) => unreachable!("no sound in these answers"),
                };
                parts.push(Some(Part::new(content)));
            }
            Event::PartDelta(PartDelta { index, delta, .. }) => {
                let part = parts[index as usize].as_mut().unwrap();
                match (&mut part.content, delta) {
                    (Content::Text(text), Delta::Text(more)) => text.text.push_str(&more),
                    (Content::Text(text), Delta::Citation(cited)) => text.citations.push(cited),
                    (Content::Reasoning(thought), Delta::Text(more)) => {
                        thought.text.push_str(&more)
                    }
                    (Content::Refusal(text), Delta::Text(more)) => text.push_str(&more),
                    (Content::ToolCall(call), Delta::Text(more)) => call.arguments.push_str(&more),
                    other => unreachable!("{other:?}"),
                }
            }
            Event::PartEnded(PartEnded {
                index,
                provider_data,
                ..
            }) => {
                parts[index as usize].as_mut().unwrap().provider_data = provider_data;
            }
            Event::Part(WholePart { part, .. }) => parts.push(Some(part)),
            _ => {}
        }
    }
    parts.into_iter().flatten().collect()
}

fn handed_back(parts: Vec<Part>) -> (Vec<Value>, usize) {
    let turn = Message::new(Role::Assistant, parts);
    let request = GenerateRequest::new("m", vec![turn]);
    let translated = translate(&request, &Config::default()).unwrap();
    let warned = translated.warnings.fields().count();
    (translated.body["input"].as_array().unwrap().clone(), warned)
}

/// An item as the vendor gives it, and as it wants it back from somebody whose conversations it doesn't keep.
fn item() -> impl Strategy<Value = (Value, Value)> {
    let text = "[ -~é漢]{1,12}";
    let thought = ("[a-z0-9]{4}", proptest::collection::vec(text, 0..3), "[A-Za-z0-9+/=]{8,40}").prop_map(
        |(id, summary, secret)| {
            let summary: Vec<_> = summary.iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
            let item = json!({"id": format!("rs_{id}"), "type": "reasoning", "summary": summary, "encrypted_content": secret});
            (item.clone(), item)
        },
    );
    let said = (text, proptest::option::of(prop_oneof![Just("commentary"), Just("final_answer")])).prop_map(
        |(text, phase)| {
            let mut item = json!({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": text, "annotations": []}]});
            let mut back = json!({"type": "message", "role": "assistant", "content": text});
            if let Some(phase) = phase {
                item["phase"] = json!(phase);
                back["phase"] = json!(phase);
            }
            (item, back)
        },
    );
    let cited = text.prop_map(|text| {
        let content = json!([{"type": "output_text", "text": text, "annotations": [
            {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 1},
            {"type": "container_file_citation", "container_id": "c", "file_id": "f", "filename": "n", "start_index": 0, "end_index": 1}]}]);
        let item = json!({"id": "msg_2", "type": "message", "role": "assistant", "status": "completed", "content": content});
        (item, json!({"type": "message", "role": "assistant", "content": content}))
    });
    let call = (
        "[a-z0-9]{4}",
        "[a-zA-Z0-9_-]{1,64}",
        "[ -~é]{1,20}",
        any::<bool>(),
    )
        .prop_map(|(id, name, said, free)| {
            let (kind, field) = if free {
                ("custom_tool_call", "input")
            } else {
                ("function_call", "arguments")
            };
            let back =
                json!({"type": kind, "call_id": format!("call_{id}"), "name": name, field: said});
            let mut item = back.clone();
            item["id"] = json!("fc_1");
            item["status"] = json!("completed");
            (item, back)
        });
    let searched = "[a-z0-9]{4}".prop_map(|id| {
        let item = json!({"id": format!("ws_{id}"), "type": "web_search_call", "status": "completed",
            "action": {"type": "search", "query": "q"}});
        (item.clone(), item)
    });
    let other = "[a-z0-9]{4}".prop_map(|secret| {
        let item = json!({"id": "cmp_1", "type": "compaction", "encrypted_content": secret});
        (item.clone(), item)
    });
    prop_oneof![thought, said, cited, call, searched, other]
}

/// The events of an item, its text in pieces of this many characters.
fn streamed(at: u64, item: &Value, size: usize) -> Vec<Value> {
    let pieces = |text: &Value| {
        let text: Vec<_> = text.as_str().unwrap_or_default().chars().collect();
        text.chunks(size).map(String::from_iter).collect::<Vec<_>>()
    };
    let mut events = Vec::new();
    let mut begun = item.clone();
    for field in ["content", "summary"] {
        if begun.get(field).is_some() {
            begun[field] = json!([]);
        }
    }
    for field in ["arguments", "input"] {
        if begun.get(field).is_some() {
            begun[field] = json!("");
        }
    }
    events.push(added(at, begun));
    for (number, part) in item["summary"].as_array().into_iter().flatten().enumerate() {
        for piece in pieces(&part["text"]) {
            events.push(of(
                "reasoning_summary_text.delta",
                at,
                json!({"summary_index": number, "delta": piece}),
            ));
        }
    }
    for (number, part) in item["content"].as_array().into_iter().flatten().enumerate() {
        for piece in pieces(&part["text"]) {
            events.push(of(
                "output_text.delta",
                at,
                json!({"content_index": number, "delta": piece, "logprobs": []}),
            ));
        }
        for annotation in part["annotations"].as_array().into_iter().flatten() {
            events.push(of(
                "output_text.annotation.added",
                at,
                json!({"content_index": number, "annotation": annotation}),
            ));
        }
    }
    for (field, kind) in [
        ("arguments", "function_call_arguments.delta"),
        ("input", "custom_tool_call_input.delta"),
    ] {
        for piece in pieces(&item[field]) {
            events.push(of(kind, at, json!({"delta": piece})));
        }
    }
    events.push(done(at, item.clone()));
    events
}

proptest! {
    #[test]
    fn what_was_said_goes_back_as_it_was_said(
        given in proptest::collection::vec(item(), 1..6), size in 1usize..5, cut in any::<proptest::sample::Index>(),
    ) {
        // Neighbours of one id are one item in pieces; the vendor gives each an id of its own.
        let items: Vec<_> = given.iter().enumerate().map(|(at, (item, _))| {
            let mut item = item.clone();
            item["id"] = json!(format!("{}{at}", item["id"].as_str().unwrap()));
            item
        }).collect();
        let expected: Vec<_> = given.iter().zip(&items).map(|((_, back), item)| {
            let mut back = back.clone();
            if back.get("id").is_some() {
                back["id"] = item["id"].clone();
            }
            back
        }).collect();
        let mut events = vec![created()];
        for (at, item) in (0..).zip(&items) {
            events.extend(streamed(at, item, size));
        }
        events.push(completed(&items));
        let bytes = bytes(&events);
        let at = cut.index(bytes.len());
        let told = run(machine(), &[&bytes[..at], &bytes[at..]]).unwrap();
        prop_assert_eq!(handed_back(parts(told)), (expected.clone(), 0));
        let mut whole = Vec::new();
        let response = json!({"id": "r", "status": "completed", "output": items});
        machine().whole(&response, &mut whole).unwrap();
        prop_assert_eq!(handed_back(parts(whole)), (expected, 0));
    }

    #[test]
    fn nothing_that_a_vendor_sends_is_a_panic(
        kinds in proptest::collection::vec(("[a-z_.]{0,12}", prop_oneof![
            Just("output_item.added"), Just("output_item.done"), Just("output_text.delta"), Just("content_part.done"),
            Just("reasoning_summary_text.delta"), Just("function_call_arguments.delta"), Just("completed"), Just("audio.delta"),
        ], 0u64..3, prop_oneof![Just("message"), Just("reasoning"), Just("function_call"), Just("mcp_call"), Just("x")]), 0..12),
    ) {
        let mut machine = machine();
        for (text, kind, at, item) in kinds {
            let event = json!({"type": format!("response.{kind}"), "output_index": at, "delta": text, "item": {
                "type": item, "id": text, "name": text, "content": [{"type": "output_text", "text": text}], "summary": [text]},
                "response": {"output": [text, {"type": item}]}, "part": {"type": "refusal", "refusal": text}});
            let _ = machine.event(&event, "", &mut Vec::new());
        }
    }
}

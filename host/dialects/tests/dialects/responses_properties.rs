//! What responses can express survives them; their streams are well formed whatever events come; and what is kept of an
//! answer is all of it.

use dialects::openai::responses::{self, Past, parse};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::neutral::*;

use crate::{
    events::{self, read_json},
    responses_answer::{frames, stream, turn, whole},
    responses_stream::check,
    roundtrip::{answer, conversation, data_url, marked, nonsense},
};

/// A conversation in the words of this dialect.
fn items(messages: &[Message]) -> Vec<Value> {
    let picture = |image: &Media| json!({ "type": "input_image", "image_url": data_url(image) });
    let said = |part: &Part, kind: &str| match &part.content {
        Content::Text(text) => marked(json!({ "type": kind, "text": text.text }), part),
        Content::Image(image) => picture(image),
        other => panic!("{other:?}"),
    };
    let mut items = Vec::new();
    for message in messages {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant | Role::Tool => {
                items.extend(message.parts.iter().map(|part| match &part.content {
                    Content::Text(_) => json!({
                        "type": "message", "role": "assistant", "content": [said(part, "output_text")],
                    }),
                    Content::ToolCall(c) => json!({
                        "type": "function_call", "call_id": c.id, "name": c.name, "arguments": c.arguments,
                    }),
                    Content::ToolResult(r) => json!({
                        "type": "function_call_output", "call_id": r.call_id,
                        "output": r.content.iter().map(|piece| match piece {
                            ResultContent::Text(text) => json!({ "type": "input_text", "text": text }),
                            ResultContent::Image(image) => picture(image),
                            other => panic!("{other:?}"),
                        }).collect::<Vec<_>>(),
                    }),
                    other => panic!("{other:?}"),
                }));
                continue;
            }
            Role::Developer => panic!("nobody says that"),
        };
        let content: Vec<Value> = message
            .parts
            .iter()
            .map(|part| said(part, "input_text"))
            .collect();
        items.push(json!({ "type": "message", "role": role, "content": content }));
    }
    items
}

/// Gives parts what their vendor must see again.
pub(crate) fn with_data(mut events: Vec<Event>, data: &[Option<String>]) -> Vec<Event> {
    let ends = events.iter_mut().filter_map(|event| match event {
        Event::PartEnded(end) => Some(end),
        _ => None,
    });
    for (end, data) in ends.zip(data) {
        end.provider_data = data.as_ref().map(|text| json!(text).to_string());
    }
    events
}

/// The parts that were said, with those of which there is nothing left out.
pub(crate) fn parts(events: &[Event]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for event in events {
        match event {
            Event::PartStarted(start) => parts.push(Part {
                content: match &start.kind {
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
                        by_provider: false,
                    }),
                    other => panic!("{other:?}"),
                },
                cache: None,
                provider_data: None,
            }),
            Event::PartDelta(PartDelta {
                index,
                delta: Delta::Text(more),
                ..
            }) => match &mut parts[*index as usize].content {
                Content::Text(said) => said.text.push_str(more),
                Content::Reasoning(said) => said.text.push_str(more),
                Content::ToolCall(said) => said.arguments.push_str(more),
                other => panic!("{other:?}"),
            },
            Event::PartEnded(end) => {
                parts[end.index as usize].provider_data = end.provider_data.clone()
            }
            _ => {}
        }
    }
    for part in &mut parts {
        if let Content::ToolCall(call) = &mut part.content
            && call.arguments.is_empty()
        {
            call.arguments = "{}".into();
        }
    }
    parts.retain(|part| {
        let empty = match &part.content {
            Content::Text(said) => said.text.is_empty(),
            Content::Reasoning(said) => said.text.is_empty(),
            _ => false,
        };
        !empty || part.provider_data.is_some()
    });
    parts
}

/// What the next request asks of the model, behind the first message.
fn again(body: Value, past: &Past) -> Vec<Part> {
    let read = parse(body.to_string().as_bytes(), past)
        .expect("parses")
        .request;
    let said = |message: Message| (message.role == Role::Assistant).then_some(message.parts);
    read.messages
        .into_iter()
        .filter_map(said)
        .flatten()
        .collect()
}

proptest! {
    #[test]
    fn requests(conversation in conversation()) {
        let body = json!({ "model": "m", "input": items(&conversation) }).to_string();
        let read = parse(body.as_bytes(), &Past::default()).expect("parses");
        prop_assert_eq!(&read.request.messages, &conversation);
        // As it is listed, it says the same.
        let body = json!({ "model": "m", "input": read.input }).to_string();
        let listed = parse(body.as_bytes(), &Past::default()).expect("parses").request.messages;
        let without_detail = |mut messages: Vec<Message>| {
            for part in messages.iter_mut().flat_map(|message| &mut message.parts) {
                match &mut part.content {
                    Content::Image(image) => image.detail = None,
                    Content::ToolResult(result) => {
                        for piece in &mut result.content {
                            if let ResultContent::Image(image) = piece {
                                image.detail = None;
                            }
                        }
                    }
                    _ => {}
                }
            }
            messages
        };
        prop_assert_eq!(without_detail(listed), conversation);
    }

    #[test]
    fn a_stream_says_what_the_whole_says(events in answer()) {
        let turn = turn(json!({}));
        let (_, mut ended) = stream(&turn, &events);
        let (whole, stored) = whole(&turn, &events);
        ended["completed_at"] = whole.body["completed_at"].clone();
        prop_assert_eq!(&whole.body, &ended);
        prop_assert_eq!(&stored.response, &ended);
    }

    /// Thoughts come back from any client that echoes them, and everything from an answer that was kept.
    #[test]
    fn what_was_said_is_said_again(events in answer(), data in prop::collection::vec(prop::option::of(".{0,6}"), 6)) {
        let events = with_data(events, &data);
        let said = parts(&events);
        let (_, stored) = frames(&turn(json!({})), &events);
        let output = stored.response["output"].clone();
        let shown = |part: &Part| Part {
            provider_data: part.provider_data.clone().filter(|_| matches!(part.content, Content::Reasoning(_))),
            ..part.clone()
        };
        let empty = |part: &Part| matches!(&part.content, Content::Text(text) if text.text.is_empty());
        let echoed: Vec<Part> = said.iter().filter(|part| !empty(part)).map(shown).collect();
        prop_assert_eq!(again(json!({ "model": "m", "input": output }), &Past::default()), echoed);
        let past = Past { chain: vec![stored], others: vec![] };
        let kept = again(json!({ "model": "m", "input": "x", "previous_response_id": "resp_0" }), &past);
        let lost_alone = said.iter().all(empty);
        prop_assert_eq!(kept, if lost_alone { vec![] } else { said });
    }

    #[test]
    fn any_events_make_a_well_formed_stream(events in prop::collection::vec(nonsense(), 0..24)) {
        let turn = turn(json!({}));
        let (frames, stored) = frames(&turn, &events);
        let mut text = String::new();
        frames.iter().for_each(|frame| frame.write(&mut text));
        let ended = check(&read_json(&text));
        prop_assert_eq!(&stored.response, &ended);
        let finished = |event: &Event| matches!(event, Event::Finished(f) if f.choice == 0);
        prop_assert_eq!(ended["status"] != "failed", events.iter().any(finished));
        let _ = responses::whole(&turn.settings, &turn.input, events.into_iter().collect(), "m");
    }
}

/// Each part is an event or six; none may cost more because others came before it.
#[test]
fn very_many_parts_take_no_longer_each_than_few() {
    const PARTS: u32 = 20_000;
    let kind = |index| match index % 3 {
        0 => PartKind::Text,
        1 => PartKind::Reasoning(ReasoningKind::Full),
        _ => events::call("id", "f"),
    };
    let mut all = vec![events::started()];
    for index in 0..PARTS {
        all.push(events::begin(index, kind(index / 1000)));
        all.push(events::say(index, "{}"));
        all.push(events::end_with(index, Some("1")));
    }
    all.push(events::finished(FinishReason::Stop));
    let begun = std::time::Instant::now();
    let (frames, _) = frames(&turn(json!({})), &all);
    assert!(frames.len() > PARTS as usize);
    // Unoptimised it takes a few seconds.
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}

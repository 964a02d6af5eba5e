//! What a dialect can express survives it: requests written in it read back as they were, and a stream says what the
//! whole answer says.

use dialects::{anthropic, openai};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::neutral::*;

use crate::events;

fn part(content: Content) -> Part {
    Part {
        content,
        cache: None,
        provider_data: None,
    }
}

fn text_part(text: String) -> Part {
    part(Content::Text(Text {
        text,
        citations: vec![],
    }))
}

/// The end of a cached prefix.
fn mark() -> impl Strategy<Value = Option<CacheMark>> {
    let lifetime = prop_oneof![Just(None), Just(Some(300)), Just(Some(3600))];
    prop::option::of(lifetime.prop_map(|ttl_seconds| CacheMark { ttl_seconds }))
}

/// A block with the mark of its part, which all dialects read in these words.
pub(crate) fn marked(mut block: Value, part: &Part) -> Value {
    if let Some(mark) = &part.cache {
        block["cache_control"] = match mark.ttl_seconds {
            None => json!({ "type": "ephemeral" }),
            Some(300) => json!({ "type": "ephemeral", "ttl": "5m" }),
            Some(_) => json!({ "type": "ephemeral", "ttl": "1h" }),
        };
    }
    block
}

/// Parts that a user or an assistant of both dialects can say.
fn said(assistant: bool) -> BoxedStrategy<Part> {
    let text = (".{1,12}", mark()).prop_map(|(text, cache)| Part {
        cache,
        ..text_part(text)
    });
    if assistant {
        let call = ("[a-z0-9]{1,8}", "[a-z_]{1,8}", any::<u8>());
        let call = call.prop_map(|(id, name, n)| {
            part(Content::ToolCall(ToolCall {
                id,
                name,
                arguments: json!({ "n": n }).to_string(),
                by_provider: false,
            }))
        });
        return call.boxed();
    }
    let image =
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| part(Content::Image(png(bytes))));
    prop_oneof![text, image].boxed()
}

fn png(bytes: Vec<u8>) -> Media {
    Media {
        source: MediaSource::Bytes(bytes),
        media_type: Some("image/png".into()),
        name: None,
        context: None,
        detail: None,
        cite: false,
    }
}

fn result() -> impl Strategy<Value = Part> {
    let piece = prop_oneof![
        ".{1,8}".prop_map(ResultContent::Text),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| ResultContent::Image(png(bytes))),
    ];
    ("[a-z0-9]{1,8}", prop::collection::vec(piece, 0..3)).prop_map(|(call_id, content)| {
        part(Content::ToolResult(ToolResult {
            call_id,
            name: None,
            content,
            is_error: false,
            by_provider: false,
        }))
    })
}

/// A text, or none, then calls: what an assistant says in every dialect.
fn turn() -> impl Strategy<Value = Vec<Part>> {
    let text = prop::option::of(".{1,12}".prop_map(text_part));
    (text, prop::collection::vec(said(true), 1..4))
        .prop_map(|(text, calls)| text.into_iter().chain(calls).collect())
}

fn message(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        parts,
        name: None,
        provider_data: None,
    }
}

/// User, assistant, results, over and over: so that no two messages of one role meet.
pub(crate) fn conversation() -> impl Strategy<Value = Vec<Message>> {
    let turn = (
        prop::collection::vec(said(false), 1..4),
        turn(),
        prop::collection::vec(result(), 1..3),
    );
    (".{1,12}", prop::collection::vec(turn, 1..3)).prop_map(|(system, turns)| {
        let mut messages = vec![message(Role::System, vec![text_part(system)])];
        for (user, assistant, results) in turns {
            messages.push(message(Role::User, user));
            messages.push(message(Role::Assistant, assistant));
            messages.push(message(Role::Tool, results));
        }
        messages
    })
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The address that an image's bytes have within a request.
pub(crate) fn data_url(image: &Media) -> String {
    match &image.source {
        MediaSource::Bytes(bytes) => format!("data:image/png;base64,{}", base64(bytes)),
        other => panic!("{other:?}"),
    }
}

fn chat(messages: &[Message]) -> Value {
    let picture =
        |image: &Media| json!({ "type": "image_url", "image_url": { "url": data_url(image) } });
    let block = |part: &Part| match &part.content {
        Content::Text(text) => marked(json!({ "type": "text", "text": text.text }), part),
        Content::Image(image) => picture(image),
        other => panic!("{other:?}"),
    };
    let mut out = Vec::new();
    for message in messages {
        match message.role {
            Role::Tool => out.extend(message.parts.iter().map(|part| match &part.content {
                Content::ToolResult(r) => json!({
                    "role": "tool", "tool_call_id": r.call_id,
                    "content": r.content.iter().map(|piece| match piece {
                        ResultContent::Text(text) => json!({ "type": "text", "text": text }),
                        ResultContent::Image(image) => picture(image),
                        other => panic!("{other:?}"),
                    }).collect::<Vec<_>>(),
                }),
                other => panic!("{other:?}"),
            })),
            Role::Assistant => {
                let texts = message.parts.iter().filter(|part| matches!(part.content, Content::Text(_)));
                let content: Vec<Value> = texts.map(block).collect();
                let calls = message.parts.iter().filter_map(|part| match &part.content {
                    Content::ToolCall(c) => Some(json!({ "id": c.id, "type": "function", "function": { "name": c.name, "arguments": c.arguments } })),
                    _ => None,
                });
                out.push(json!({ "role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>() }));
            }
            Role::System => out.push(json!({ "role": "system", "content": message.parts.iter().map(block).collect::<Vec<_>>() })),
            _ => out.push(json!({ "role": "user", "content": message.parts.iter().map(block).collect::<Vec<_>>() })),
        }
    }
    json!({ "model": "m", "messages": out })
}

fn messages(messages: &[Message]) -> Value {
    let picture = |image: &Media| match &image.source {
        MediaSource::Bytes(bytes) => json!({
            "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": base64(bytes) },
        }),
        other => panic!("{other:?}"),
    };
    let block = |part: &Part| match &part.content {
        Content::Text(text) => marked(json!({ "type": "text", "text": text.text }), part),
        Content::Image(image) => picture(image),
        Content::ToolCall(c) => json!({
            "type": "tool_use", "id": c.id, "name": c.name,
            "input": serde_json::from_str::<Value>(&c.arguments).expect("JSON"),
        }),
        Content::ToolResult(r) => json!({
            "type": "tool_result", "tool_use_id": r.call_id,
            "content": r.content.iter().map(|piece| match piece {
                ResultContent::Text(text) => json!({ "type": "text", "text": text }),
                ResultContent::Image(image) => picture(image),
                other => panic!("{other:?}"),
            }).collect::<Vec<_>>(),
        }),
        other => panic!("{other:?}"),
    };
    let system: Vec<Value> = messages[0].parts.iter().map(block).collect();
    let mut out: Vec<Value> = Vec::new();
    for message in &messages[1..] {
        let role = if message.role == Role::Assistant {
            "assistant"
        } else {
            "user"
        };
        let blocks = message.parts.iter().map(block);
        match out.last_mut() {
            Some(last) if last["role"] == role => last["content"]
                .as_array_mut()
                .expect("blocks")
                .extend(blocks),
            _ => out.push(json!({ "role": role, "content": blocks.collect::<Vec<_>>() })),
        }
    }
    json!({ "model": "m", "max_tokens": 1, "system": system, "messages": out })
}

/// What an answer is made of: kinds, and texts in pieces.
pub(crate) fn answer() -> impl Strategy<Value = Vec<Event>> {
    let kind = prop_oneof![
        Just(PartKind::Text),
        Just(PartKind::Reasoning(ReasoningKind::Full)),
        ("[a-z0-9]{1,6}", "[a-z]{1,6}").prop_map(|(id, name)| events::call(&id, &name)),
    ];
    let parts = prop::collection::vec((kind, prop::collection::vec(".{0,6}", 0..5)), 0..6);
    (
        parts,
        prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    )
        .prop_map(|(parts, order)| {
            // Each part's steps in order, the parts interleaved in any way that starts them in order.
            let mut steps: Vec<Vec<Event>> = Vec::new();
            for (index, (kind, texts)) in parts.into_iter().enumerate() {
                let index = index as u32;
                let is_call = matches!(kind, PartKind::ToolCall(_));
                let mut mine = vec![events::end(index)];
                if is_call && !texts.is_empty() {
                    let arguments = json!({ "text": texts.concat() }).to_string();
                    let middle = (arguments.len() / 2..)
                        .find(|i| arguments.is_char_boundary(*i))
                        .unwrap_or(0);
                    mine.push(events::say(index, &arguments[middle..]));
                    mine.push(events::say(index, &arguments[..middle]));
                } else if !is_call {
                    mine.extend(texts.iter().rev().map(|text| events::say(index, text)));
                }
                mine.push(events::begin(index, kind));
                steps.push(mine);
            }
            let mut all = vec![events::started()];
            let mut begun = 0;
            let mut order = order.into_iter();
            while steps.iter().any(|mine| !mine.is_empty()) {
                let live: Vec<usize> = (0..steps.len())
                    .filter(|i| *i <= begun && !steps[*i].is_empty())
                    .collect();
                let pick = order.next().map_or(live[0], |index| *index.get(&live));
                begun = begun.max(pick + 1);
                all.extend(steps[pick].pop());
            }
            all.push(events::finished(FinishReason::Stop));
            all
        })
}

/// The message that a client's SDK makes of chunks.
fn join_chunks(stream: &str) -> Value {
    let mut message = json!({ "content": "", "reasoning_content": "", "tool_calls": [] });
    for chunk in events::read_json(stream) {
        let choice = &chunk["choices"][0];
        for field in ["content", "reasoning_content"] {
            if let Some(more) = choice["delta"][field].as_str() {
                message[field] = format!("{}{more}", message[field].as_str().expect("text")).into();
            }
        }
        for call in choice["delta"]["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let index = call["index"].as_u64().expect("a number") as usize;
            let calls = message["tool_calls"].as_array_mut().expect("a list");
            if index == calls.len() {
                let mut call = call.clone();
                call.as_object_mut().expect("a call").remove("index");
                calls.push(call);
            } else {
                let arguments = &mut calls[index]["function"]["arguments"];
                let more = call["function"]["arguments"].as_str().expect("text");
                *arguments = format!("{}{more}", arguments.as_str().expect("text")).into();
            }
        }
        if !choice["finish_reason"].is_null() {
            message["finish_reason"] = choice["finish_reason"].clone();
        }
    }
    message
}

proptest! {
    #[test]
    fn requests(conversation in conversation()) {
        let body = chat(&conversation).to_string();
        prop_assert_eq!(&openai::chat::parse(body.as_bytes()).expect("parses").0.messages, &conversation);
        let body = messages(&conversation).to_string();
        prop_assert_eq!(&anthropic::messages::parse(body.as_bytes()).expect("parses").messages, &conversation);
    }

    #[test]
    fn a_chat_stream_says_what_the_whole_says(events in answer()) {
        let stream = events::encode(openai::chat::encoder("m", false), &events);
        let body = openai::chat::whole(events.into_iter().collect(), "m").expect("finished").body;
        let streamed = join_chunks(&stream);
        let message = &body["choices"][0]["message"];
        prop_assert_eq!(&streamed["content"], message["content"].as_str().unwrap_or(""));
        prop_assert_eq!(&streamed["reasoning_content"], message["reasoning_content"].as_str().unwrap_or(""));
        let none = json!([]);
        prop_assert_eq!(&streamed["tool_calls"], message.get("tool_calls").unwrap_or(&none));
        prop_assert_eq!(&streamed["finish_reason"], &body["choices"][0]["finish_reason"]);
    }

    #[test]
    fn a_message_stream_says_what_the_whole_says(events in answer()) {
        let stream = events::encode(anthropic::messages::encoder("m"), &events);
        let (blocks, reason) = crate::messages_answer::put_together(&stream);
        let body = anthropic::messages::whole(events.into_iter().collect(), "m").expect("finished").body;
        prop_assert_eq!(&Value::from(blocks), &body["content"]);
        prop_assert_eq!(&reason, &body["stop_reason"]);
    }
}

/// Half of the parts wait for the first, half for the second; the first of each half that may go on is far from the other's.
#[test]
fn very_many_parts_take_no_longer_each_than_few() {
    const PARTS: u32 = 60_000;
    let kind = |index| match index <= PARTS / 2 {
        true => PartKind::Reasoning(ReasoningKind::Full),
        false => events::call("id", "f"),
    };
    let mut all = vec![events::started(), events::begin(0, PartKind::Text)];
    all.extend((1..PARTS).map(|index| events::begin(index, kind(index))));
    all.extend((1..PARTS).map(|index| events::say(index, "{}")));
    all.extend((0..PARTS).map(events::end));
    all.push(events::finished(FinishReason::Stop));
    let begun = std::time::Instant::now();
    for encoder in [
        openai::chat::encoder("m", false),
        anthropic::messages::encoder("m"),
    ] {
        events::encode(encoder, &all);
    }
    let answer = all.iter().cloned().collect();
    openai::chat::whole(answer, "m").expect("finished");
    // Unoptimised it takes about a second; a search of all parts for each would take minutes.
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

/// Any event, in no order that makes sense.
pub(crate) fn nonsense() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        Just(PartKind::Text),
        Just(PartKind::Refusal),
        Just(PartKind::Audio(None)),
        Just(PartKind::Reasoning(ReasoningKind::Redacted)),
        Just(PartKind::Reasoning(ReasoningKind::Summary)),
        Just(events::call("a", "f")),
    ];
    let data = prop::option::of(".{0,8}");
    let step = prop_oneof![
        kind.prop_map(|kind| events::begin(0, kind)),
        ".{0,4}".prop_map(|text| events::say(0, &text)),
        Just(events::grow(0, Delta::Logprobs(vec![]))),
        data.prop_map(|data| events::end_with(0, data.as_deref())),
        said(false).prop_map(|part| Event::Part(WholePart {
            choice: 0,
            index: 0,
            part
        })),
        Just(events::started()),
        Just(events::warning()),
        Just(Event::Usage(Usage::default())),
        Just(events::finished(FinishReason::Stop)),
    ];
    (step, 0u32..2, 0u32..4).prop_map(|(event, choice, index)| match event {
        Event::PartStarted(p) => Event::PartStarted(PartStarted { choice, index, ..p }),
        Event::PartDelta(p) => Event::PartDelta(PartDelta { choice, index, ..p }),
        Event::PartEnded(p) => Event::PartEnded(PartEnded { choice, index, ..p }),
        Event::Part(p) => Event::Part(WholePart { choice, index, ..p }),
        Event::Finished(f) => Event::Finished(Finished { choice, ..f }),
        event => event,
    })
}

proptest! {
    #[test]
    fn no_events_make_an_encoder_panic(events in prop::collection::vec(nonsense(), 0..24)) {
        for encoder in [openai::chat::encoder("m", true), anthropic::messages::encoder("m")] {
            events::read_json(&events::encode(encoder, &events));
        }
        let _ = openai::chat::whole(events.iter().cloned().collect(), "m");
        let _ = anthropic::messages::whole(events.into_iter().collect(), "m");
    }
}

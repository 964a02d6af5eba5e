//! What an answer said comes back from a client that echoes it: neutral to dialect to neutral loses nothing that the dialect
//! has a field for. (Those of Responses are in `responses_properties`.)

use dialects::{anthropic, openai};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::neutral::*;

use crate::{
    events,
    messages_answer::put_together,
    responses_properties::{parts, with_data},
    roundtrip::answer,
};

/// The parts of the assistant's turn that a client echoes, as a request has them.
fn echoed_to_messages(content: &Value) -> Vec<Part> {
    let turn = json!({ "role": "assistant", "content": content });
    let body = json!({ "model": "m", "max_tokens": 1, "messages": [{ "role": "user", "content": "x" }, turn] });
    let read = anthropic::messages::parse(body.to_string().as_bytes()).expect("parses");
    spoken(read.messages)
}

fn echoed_to_chat(message: &Value) -> Vec<Part> {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }, message] });
    let (read, _) = openai::chat::parse(body.to_string().as_bytes()).expect("parses");
    spoken(read.messages)
}

fn spoken(messages: Vec<Message>) -> Vec<Part> {
    let said = messages.into_iter().filter(|it| it.role == Role::Assistant);
    said.flat_map(|message| message.parts).collect()
}

/// Thoughts alone have a field for what their vendor must see again.
fn with_fields_of_messages(part: &Part) -> Option<Part> {
    let is_thought = matches!(part.content, Content::Reasoning(_));
    match &part.content {
        // A block that says nothing would be refused.
        Content::Text(said) if said.text.is_empty() => None,
        _ => Some(Part {
            provider_data: part.provider_data.clone().filter(|_| is_thought),
            ..part.clone()
        }),
    }
}

/// A message has one thought, one text and its calls, and a field for none of their vendors' data.
fn with_fields_of_chat(parts: &[Part]) -> Vec<Part> {
    let (mut thought, mut text, mut calls) = (String::new(), String::new(), Vec::new());
    for part in parts {
        match &part.content {
            Content::Reasoning(said) => thought += &said.text,
            Content::Text(said) => text += &said.text,
            Content::ToolCall(_) => calls.push(part.content.clone()),
            other => panic!("{other:?}"),
        }
    }
    let thought = Some(Content::Reasoning(Reasoning {
        kind: ReasoningKind::Full,
        text: thought.clone(),
    }))
    .filter(|_| !thought.is_empty());
    let text = Some(Content::Text(Text {
        text: text.clone(),
        citations: vec![],
    }))
    .filter(|_| !text.is_empty());
    let all = thought.into_iter().chain(text).chain(calls);
    all.map(|content| Part {
        content,
        cache: None,
        provider_data: None,
    })
    .collect()
}

/// What vendors want to see again: any JSON, and what this dialect's own vendor signs.
fn data() -> impl Strategy<Value = Vec<Option<String>>> {
    let own = "[A-Za-z0-9+/=]{1,12}"
        .prop_map(|it| json!({ "type": "thinking", "signature": it }).to_string());
    let any = ".{0,6}".prop_map(|it| json!({ "x": [it] }).to_string());
    prop::collection::vec(prop::option::of(prop_oneof![own, any]), 6)
}

proptest! {
    #[test]
    fn what_messages_said_is_said_again(events in answer(), data in data()) {
        let events = with_data(events, &data);
        let said: Vec<Part> = parts(&events).iter().filter_map(with_fields_of_messages).collect();
        let stream = events::encode(anthropic::messages::encoder("m"), &events);
        let (streamed, _) = put_together(&stream);
        prop_assert_eq!(&echoed_to_messages(&streamed.into()), &said);
        let whole = anthropic::messages::whole(events.into_iter().collect(), "m").expect("finished").body;
        prop_assert_eq!(&echoed_to_messages(&whole["content"]), &said);
    }

    #[test]
    fn what_chat_said_is_said_again(events in answer(), data in data()) {
        let events = with_data(events, &data);
        let said = with_fields_of_chat(&parts(&events));
        let whole = openai::chat::whole(events.into_iter().collect(), "m").expect("finished").body;
        prop_assert_eq!(echoed_to_chat(&whole["choices"][0]["message"]), said);
    }
}

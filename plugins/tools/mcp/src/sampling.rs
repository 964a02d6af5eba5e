//! Conversations that a server wants a model to go on with, in the contract's form and back.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use evenhand_sdk::tool_host::{SampleRequest, Sampled};
use evenhand_sdk::types::{Content, Media, MediaSource, Message, Part, Role};
use rmcp::model::ErrorData;
use serde_json::{Value, json};

use crate::questions::wrong;

/// What the server asks. Which model it would like and which context is the host's to decide.
pub(crate) fn request(params: &Value) -> Result<SampleRequest, ErrorData> {
    let has_tools = params["tools"]
        .as_array()
        .is_some_and(|tools| !tools.is_empty());
    if has_tools {
        return Err(wrong(
            "this client has no tools for sampling (`sampling.tools`)",
        ));
    }
    let messages = params["messages"].as_array();
    let messages = messages.ok_or_else(|| wrong("`messages` is missing"))?;
    let max_tokens = params["maxTokens"].as_u64();
    let max_tokens = max_tokens.and_then(|most| u32::try_from(most).ok());
    let stop = params["stopSequences"].as_array().into_iter().flatten();
    let stop = stop.filter_map(Value::as_str).map(Into::into);
    Ok(SampleRequest {
        messages: messages.iter().map(message).collect::<Result<_, _>>()?,
        system: params["systemPrompt"].as_str().map(Into::into),
        max_tokens: max_tokens.ok_or_else(|| wrong("`maxTokens` is missing"))?,
        temperature: params["temperature"].as_f64(),
        stop: stop.collect(),
    })
}

fn message(message: &Value) -> Result<Message, ErrorData> {
    let role = match message["role"].as_str() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        _ => return Err(wrong("a message's `role` is `user` or `assistant`")),
    };
    let parts = match &message["content"] {
        Value::Array(blocks) => blocks.iter().map(part).collect::<Result<_, _>>()?,
        block => vec![part(block)?],
    };
    Ok(Message::new(role, parts))
}

fn part(block: &Value) -> Result<Part, ErrorData> {
    let media = || {
        let data = block["data"]
            .as_str()
            .map(|data| BASE64_STANDARD.decode(data));
        match (data, block["mimeType"].as_str()) {
            (Some(Ok(bytes)), Some(kind)) => Ok(Media::of(bytes, kind)),
            _ => Err(wrong(
                "an image or a sound has `data` in base64 and `mimeType`",
            )),
        }
    };
    Ok(match block["type"].as_str() {
        Some("text") => {
            let text = block["text"].as_str();
            Part::text(text.ok_or_else(|| wrong("a text has `text`"))?)
        }
        Some("image") => Part::new(Content::Image(media()?)),
        Some("audio") => Part::new(Content::Audio(media()?)),
        _ => {
            return Err(wrong(
                "this client takes text, images and sounds for sampling",
            ));
        }
    })
}

/// What the model said, for the server. Its thoughts stay here.
pub(crate) fn result(sampled: Sampled) -> Result<Value, ErrorData> {
    let (mut blocks, mut text) = (Vec::new(), String::new());
    for part in sampled.message.parts {
        match part.content {
            Content::Text(said) => text.push_str(&said.text),
            Content::Refusal(said) => text.push_str(&said),
            Content::Image(media) => blocks.push(block("image", media)?),
            Content::Audio(media) => blocks.push(block("audio", media)?),
            Content::Reasoning(_) => {}
            _ => return Err(unsaid()),
        }
    }
    if !text.is_empty() || blocks.is_empty() {
        blocks.insert(0, json!({"type": "text", "text": text}));
    }
    // Versions before 2025-11-25 know only one.
    let content = match blocks.len() {
        1 => blocks.remove(0),
        _ => Value::Array(blocks),
    };
    let mut result = json!({"role": "assistant", "content": content, "model": sampled.model});
    if let Some(reason) = sampled.stop_reason {
        result["stopReason"] = reason.into();
    }
    Ok(result)
}

fn block(kind: &str, media: Media) -> Result<Value, ErrorData> {
    let MediaSource::Bytes(bytes) = media.source else {
        return Err(unsaid());
    };
    let data = BASE64_STANDARD.encode(bytes);
    Ok(json!({"type": kind, "data": data, "mimeType": media.media_type.unwrap_or_default()}))
}

fn unsaid() -> ErrorData {
    let message = "the model answered with what MCP's sampling has no form for";
    ErrorData::internal_error(message, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenhand_sdk::types::{Reasoning, ReasoningKind};

    #[test]
    fn a_conversation_is_read_with_its_settings() {
        let asked = request(&json!({
            "messages": [
                {"role": "user", "content": {"type": "text", "text": "Look:"}},
                {"role": "assistant", "content": [{"type": "text", "text": "At what?"}]},
                {"role": "user", "content": [
                    {"type": "image", "data": "aW1n", "mimeType": "image/png"},
                    {"type": "audio", "data": "c25k", "mimeType": "audio/wav"}]},
            ],
            "systemPrompt": "Be brief.", "maxTokens": 100, "temperature": 0.7, "stopSequences": ["END"],
            "includeContext": "thisServer", "modelPreferences": {"hints": [{"name": "any"}]},
        }));
        let media = |bytes: &[u8], kind: &str| Media::of(bytes.into(), kind);
        assert_eq!(
            asked.unwrap(),
            SampleRequest {
                messages: vec![
                    Message::new(Role::User, vec![Part::text("Look:")]),
                    Message::new(Role::Assistant, vec![Part::text("At what?")]),
                    Message::new(
                        Role::User,
                        vec![
                            Part::new(Content::Image(media(b"img", "image/png"))),
                            Part::new(Content::Audio(media(b"snd", "audio/wav"))),
                        ]
                    ),
                ],
                system: Some("Be brief.".into()),
                max_tokens: 100,
                temperature: Some(0.7),
                stop: vec!["END".into()],
            }
        );
    }

    #[test]
    fn what_can_not_be_passed_on_is_refused() {
        let text = json!({"role": "user", "content": {"type": "text", "text": "x"}});
        let odd = json!({"role": "user", "content": {"type": "tool_result"}});
        let image = json!({"role": "user", "content": {"type": "image", "data": "*", "mimeType": "image/png"}});
        for params in [
            json!({"messages": [text]}),
            json!({"maxTokens": 1}),
            json!({"messages": [odd], "maxTokens": 1}),
            json!({"messages": [image], "maxTokens": 1}),
            json!({"messages": [{"role": "system", "content": []}], "maxTokens": 1}),
            json!({"messages": [text], "maxTokens": 1, "tools": [{"name": "t"}]}),
        ] {
            let refused = request(&params).unwrap_err();
            assert_eq!(refused.code.0, -32602, "{params}");
        }
    }

    fn said(parts: Vec<Part>) -> Result<Value, ErrorData> {
        result(Sampled {
            message: Message::new(Role::Assistant, parts),
            model: "m".into(),
            stop_reason: Some("endTurn".into()),
        })
    }

    #[test]
    fn an_answer_is_one_block_where_it_can_be() {
        let thought = Part::new(Content::Reasoning(Reasoning {
            kind: ReasoningKind::Full,
            text: "hm".into(),
        }));
        assert_eq!(
            said(vec![thought, Part::text("a"), Part::text("b")]).unwrap(),
            json!({"role": "assistant", "content": {"type": "text", "text": "ab"}, "model": "m", "stopReason": "endTurn"})
        );
        let image = Part::new(Content::Image(Media::of(b"img".into(), "image/png")));
        let answer = said(vec![Part::text("a"), image]).unwrap();
        assert_eq!(
            answer["content"],
            json!([{"type": "text", "text": "a"}, {"type": "image", "data": "aW1n", "mimeType": "image/png"}])
        );
        assert_eq!(said(vec![]).unwrap()["content"]["text"], "");
        assert!(said(vec![Part::new(Content::Other("x".into()))]).is_err());
    }
}

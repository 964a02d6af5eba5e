//! Questions of tools to the client's model.
//! <https://modelcontextprotocol.io/specification/2025-11-25/client/sampling>
#![expect(deprecated, reason = "sampling is part of 2025-11-25")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{self, ClientResult, SamplingMessageContentBlock as Block};
use serde_json::{Map, Value, json};
use types::neutral::{Content, Media, MediaSource, Message, Part, Role, Text};
use types::tool::{SampleRequest, Sampled};
use types::{Error, ErrorCode};

use crate::link::odd;

/// The parameters of the question.
///
/// # Errors
/// `Unsupported`: something in it that MCP has no words for.
pub(crate) fn asked(request: &SampleRequest) -> Result<Value, Error> {
    let messages: Result<Vec<Value>, Error> = request.messages.iter().map(message).collect();
    let mut params = Map::new();
    params.insert("messages".into(), messages?.into());
    params.insert("maxTokens".into(), request.max_tokens.into());
    if let Some(system) = &request.system {
        params.insert("systemPrompt".into(), system.as_str().into());
    }
    if let Some(temperature) = request.temperature {
        params.insert("temperature".into(), temperature.into());
    }
    if !request.stop.is_empty() {
        params.insert("stopSequences".into(), request.stop.clone().into());
    }
    Ok(params.into())
}

fn message(message: &Message) -> Result<Value, Error> {
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::System | Role::Developer | Role::Tool => {
            return Err(unsupported(
                "a message of a role other than user and assistant",
            ));
        }
    };
    let blocks: Result<Vec<Value>, Error> = message.parts.iter().map(block).collect();
    let mut blocks = blocks?;
    // A single one stands alone: before 2025-11-25 there were no lists.
    let content = match blocks.len() {
        1 => blocks.remove(0),
        _ => blocks.into(),
    };
    Ok(json!({"role": role, "content": content}))
}

fn block(part: &Part) -> Result<Value, Error> {
    match &part.content {
        Content::Text(text) => Ok(json!({"type": "text", "text": text.text})),
        Content::Image(image) => media("image", image),
        Content::Audio(audio) => media("audio", audio),
        _ => Err(unsupported("anything but text, images and sounds")),
    }
}

fn media(kind: &str, media: &Media) -> Result<Value, Error> {
    match (&media.source, &media.media_type) {
        (MediaSource::Bytes(bytes), Some(media_type)) => {
            Ok(json!({"type": kind, "data": STANDARD.encode(bytes), "mimeType": media_type}))
        }
        _ => Err(unsupported("media without their bytes and their type")),
    }
}

fn unsupported(what: &str) -> Error {
    let message = format!("the client's model can't be given {what}");
    Error::new(ErrorCode::Unsupported, message)
}

/// What the client's model said.
///
/// # Errors
/// `Upstream`: it is no answer.
pub(crate) fn answered(answer: ClientResult) -> Result<Sampled, Error> {
    let ClientResult::CreateMessageResult(answer) = answer else {
        return Err(odd("is no message of a model"));
    };
    let blocks = answer.message.content.into_vec();
    let parts: Result<Vec<Part>, Error> = blocks.into_iter().map(part).collect();
    Ok(Sampled {
        message: Message {
            role: match answer.message.role {
                model::Role::User => Role::User,
                _ => Role::Assistant,
            },
            parts: parts?,
            name: None,
            provider_data: None,
        },
        model: answer.model,
        stop_reason: answer.stop_reason,
    })
}

fn part(block: Block) -> Result<Part, Error> {
    let content = match block {
        Block::Text(text) => Content::Text(Text {
            text: text.text,
            citations: Vec::new(),
        }),
        Block::Image(image) => Content::Image(bytes(&image.data, image.mime_type)?),
        Block::Audio(audio) => Content::Audio(bytes(&audio.data, audio.mime_type)?),
        _ => return Err(odd("has a call of a tool, though none was offered")),
    };
    Ok(Part {
        content,
        cache: None,
        provider_data: None,
    })
}

fn bytes(data: &str, media_type: String) -> Result<Media, Error> {
    let bytes = STANDARD
        .decode(data)
        .map_err(|_| odd("has media that are no base64"))?;
    Ok(Media {
        source: MediaSource::Bytes(bytes),
        media_type: Some(media_type),
        name: None,
        context: None,
        detail: None,
        cite: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Part {
        Part {
            content: Content::Text(Text {
                text: text.into(),
                citations: Vec::new(),
            }),
            cache: None,
            provider_data: None,
        }
    }

    fn request(role: Role, parts: Vec<Part>) -> SampleRequest {
        SampleRequest {
            messages: vec![Message {
                role,
                parts,
                name: None,
                provider_data: None,
            }],
            system: Some("brief".into()),
            max_tokens: 100,
            temperature: Some(0.1),
            stop: vec!["\n".into()],
        }
    }

    #[test]
    fn a_question_is_asked_as_it_was_meant() {
        let one = asked(&request(Role::User, vec![text("hi")])).unwrap();
        let expected = json!({
            "messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}],
            "maxTokens": 100, "systemPrompt": "brief", "temperature": 0.1, "stopSequences": ["\n"],
        });
        assert_eq!(one, expected);
        let two = asked(&request(Role::Assistant, vec![text("a"), text("b")])).unwrap();
        assert_eq!(two["messages"][0]["content"][1]["text"], "b");
        let error = asked(&request(Role::System, vec![text("a")])).unwrap_err();
        assert_eq!(error.code, ErrorCode::Unsupported);
    }

    #[test]
    fn an_answer_is_read_and_nothing_else() {
        let read = |answer: Value| answered(serde_json::from_value(answer).unwrap());
        let good = json!({
            "role": "assistant", "content": {"type": "text", "text": "yes"}, "model": "m", "stopReason": "endTurn",
        });
        let sampled = read(good).unwrap();
        assert_eq!(sampled.message.parts, [text("yes")]);
        assert_eq!(
            (&*sampled.model, sampled.stop_reason.as_deref()),
            ("m", Some("endTurn"))
        );
        let no_bytes = json!({
            "role": "assistant", "content": {"type": "image", "data": "%", "mimeType": "image/png"}, "model": "m",
        });
        assert_eq!(read(no_bytes).unwrap_err().code, ErrorCode::Upstream);
        assert_eq!(
            read(json!({"action": "accept"})).unwrap_err().code,
            ErrorCode::Upstream
        );
    }
}

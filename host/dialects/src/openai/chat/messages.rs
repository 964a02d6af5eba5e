//! Messages and what they are made of.

use serde_json::{Value, json};
use types::{
    Error,
    neutral::{
        Content, MediaSource, Message, Part, Reasoning, ReasoningKind, ResultContent, Role, Text,
        ToolCall, ToolResult,
    },
};

use crate::{
    answer::arguments,
    field::{Object, TextOr},
    media::{self, part},
    openai::content::{audio, cache_mark},
};

type Contents = TextOr<Vec<Object>>;

pub(super) fn read(messages: Vec<Object>) -> Result<Vec<Message>, Error> {
    let mut read: Vec<Message> = Vec::with_capacity(messages.len());
    for object in messages {
        let mut message = message(object)?;
        // Parallel results share a message, in order.
        match read.last_mut() {
            Some(last) if last.role == Role::Tool && message.role == Role::Tool => {
                last.parts.append(&mut message.parts);
            }
            _ => read.push(message),
        }
    }
    Ok(read)
}

fn message(mut object: Object) -> Result<Message, Error> {
    let role = match object.need::<String>("role")?.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        "function" => {
            return Err(object.wrong("role", "`function` is deprecated: use `tool`"));
        }
        _ => {
            return Err(object.wrong(
                "role",
                "must be `system`, `developer`, `user`, `assistant` or `tool`",
            ));
        }
    };
    let mut name = object.opt("name")?;
    let cache = media::cache_mark(&mut object)?;
    let mut parts = match role {
        Role::Tool => vec![result(&mut object, name.take())?],
        Role::Assistant => assistant(&mut object)?,
        _ => contents(object.need("content")?)?,
    };
    if let (Some(mark), Some(last)) = (cache, parts.last_mut()) {
        last.cache = Some(mark);
    }
    let mut provider_data = object.rest();
    // A message of results may be merged with others: what only it has stays with its result.
    if role == Role::Tool {
        let rest = provider_data.take();
        let last = parts.last_mut();
        if let Some(last) = last.filter(|last| last.provider_data.is_none()) {
            last.provider_data = rest;
        }
    }
    Ok(Message {
        role,
        parts,
        name,
        provider_data,
    })
}

fn text(text: String) -> Part {
    part(Content::Text(Text {
        text,
        citations: Vec::new(),
    }))
}

fn contents(contents: Contents) -> Result<Vec<Part>, Error> {
    match contents {
        TextOr::Text(it) => Ok(vec![text(it)]),
        TextOr::Other(parts) => parts.into_iter().map(content).collect(),
    }
}

fn content(mut object: Object) -> Result<Part, Error> {
    let cache = cache_mark(&mut object)?;
    let kind: String = object.need("type")?;
    let content = match kind.as_str() {
        "text" => Content::Text(Text {
            text: object.need("text")?,
            citations: Vec::new(),
        }),
        "refusal" => Content::Refusal(object.need("refusal")?),
        "image_url" => {
            let image = match object.need::<TextOr<Object>>("image_url")? {
                // Not in the vendor's documents, but widely sent.
                TextOr::Text(url) => media::from_url(url, &object.path_of("image_url"))?,
                TextOr::Other(mut image) => {
                    let path = image.path_of("url");
                    let mut medium = media::from_url(image.need("url")?, &path)?;
                    medium.detail = image.opt("detail")?;
                    medium
                }
            };
            Content::Image(image)
        }
        "input_audio" => Content::Audio(audio(object.need("input_audio")?)?),
        "file" => Content::File(file(object.need("file")?)?),
        _ => {
            object.put("type", Value::String(kind.clone()));
            Content::Other(kind)
        }
    };
    Ok(Part {
        content,
        cache,
        provider_data: object.rest(),
    })
}

fn file(mut file: Object) -> Result<types::neutral::Media, Error> {
    let mut medium = if let Some(id) = file.opt("file_id")? {
        media::media(MediaSource::FileId(id), None)
    } else if let Some(data) = file.opt::<String>("file_data")? {
        let path = file.path_of("file_data");
        if data.starts_with("data:") || data.contains("://") {
            media::from_url(data, &path)?
        } else {
            media::media(
                MediaSource::Bytes(media::bytes(&data, &path)?),
                Some("application/pdf".to_owned()),
            )
        }
    } else {
        return Err(file.wrong("", "must have `file_data` or `file_id`"));
    };
    medium.name = file.opt("filename")?;
    Ok(medium)
}

/// Reasoning first, as it was thought first; then what was said, then the calls.
fn assistant(object: &mut Object) -> Result<Vec<Part>, Error> {
    if object.peek("function_call").is_some() {
        return Err(object.wrong("function_call", "is deprecated: use `tool_calls`"));
    }
    let mut parts = Vec::new();
    if let Some(thought) = object.opt::<String>("reasoning_content")?
        && !thought.is_empty()
    {
        parts.push(part(Content::Reasoning(Reasoning {
            kind: ReasoningKind::Full,
            text: thought,
        })));
    }
    match object.opt::<Contents>("content")? {
        // Clients send "" beside tool calls, for want of null.
        Some(TextOr::Text(it)) if it.is_empty() => {}
        Some(it) => parts.extend(contents(it)?),
        None => {}
    }
    if let Some(refusal) = object.opt("refusal")? {
        parts.push(part(Content::Refusal(refusal)));
    }
    if let Some(mut sound) = object.opt::<Object>("audio")? {
        let id: String = sound.need("id")?;
        let own = json!({ "id": id }).to_string();
        let sound = media::media(MediaSource::FileId(id), None);
        parts.push(Part {
            provider_data: Some(own),
            ..part(Content::Audio(sound))
        });
    }
    for call in object.opt::<Vec<Object>>("tool_calls")?.unwrap_or_default() {
        parts.push(tool_call(call)?);
    }
    Ok(parts)
}

fn tool_call(mut object: Object) -> Result<Part, Error> {
    // The streaming index, which clients that glue chunks together send back.
    object.opt::<Value>("index")?;
    let id = object.need("id")?;
    let kind = object.opt::<String>("type")?;
    let (name, arguments) = match kind.as_deref() {
        None | Some("function") => {
            let mut function: Object = object.need("function")?;
            let text = function.opt::<String>("arguments")?.unwrap_or_default();
            (function.need("name")?, arguments(&text).to_owned())
        }
        Some("custom") => {
            let mut custom: Object = object.need("custom")?;
            object.put("type", json!("custom"));
            (custom.need("name")?, custom.need("input")?)
        }
        Some(_) => return Err(object.wrong("type", "must be `function` or `custom`")),
    };
    Ok(Part {
        content: Content::ToolCall(ToolCall {
            id,
            name,
            arguments,
            by_provider: false,
        }),
        cache: None,
        provider_data: object.rest(),
    })
}

fn result(object: &mut Object, name: Option<String>) -> Result<Part, Error> {
    let call_id = object.need("tool_call_id")?;
    let mut cache = None;
    let content = match object.opt::<Contents>("content")? {
        None => Vec::new(),
        Some(TextOr::Text(text)) if text.is_empty() => Vec::new(),
        Some(TextOr::Text(text)) => vec![ResultContent::Text(text)],
        Some(TextOr::Other(parts)) => {
            let mut pieces = Vec::with_capacity(parts.len());
            for object in parts {
                let path = object.path_of("type");
                let part = content(object)?;
                cache = part.cache.or(cache);
                pieces.push(match part.content {
                    Content::Text(text) => ResultContent::Text(text.text),
                    Content::Image(image) => ResultContent::Image(image),
                    Content::File(file) => ResultContent::File(file),
                    _ => {
                        return Err(crate::field::at(
                            &path,
                            "must be `text`, `image_url` or `file` in a tool's result",
                        ));
                    }
                });
            }
            pieces
        }
    };
    Ok(Part {
        content: Content::ToolResult(ToolResult {
            call_id,
            name,
            content,
            is_error: false,
            by_provider: false,
        }),
        cache,
        provider_data: None,
    })
}

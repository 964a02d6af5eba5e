//! Items of a conversation: what was said, asked of tools and answered by them.

use std::collections::HashSet;

use serde_json::Value;
use types::{
    Error,
    neutral::{Citation, Content, Message, Part, ResultContent, Role, Text, ToolCall, ToolResult},
};

use super::{
    custom, hosted, reasoning,
    stored::{Past, not_found_at},
    tools::{self, flat},
};
use crate::{
    answer::arguments,
    field::{Object, Read, TextOr, at},
    media::{self, part},
    openai::content::{audio, cache_mark},
};

type Contents = TextOr<Vec<Object>>;

/// Puts a conversation together.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) messages: Vec<Message>,
    /// Tools that were added on the way.
    pub(super) tools: Vec<Object>,
    /// Ids of items that came from `previous_response_id`.
    known: HashSet<String>,
}

impl Conversation {
    /// What was said before.
    pub(super) fn remember(&mut self, past: &Past) -> Result<(), Error> {
        for stored in &past.chain {
            for item in stored.items() {
                if let Some(id) = item["id"].as_str() {
                    self.known.insert(id.to_owned());
                }
                self.recall(item, past)?;
            }
        }
        Ok(())
    }

    /// An item that is kept: of an answer, as its vendor gave it.
    fn recall(&mut self, item: &Value, past: &Past) -> Result<(), Error> {
        match item["id"].as_str().and_then(|id| past.kept(id)) {
            Some(parts) => self.add(Role::Assistant, parts.to_vec()),
            None => self.push(Object::read(item.clone(), "input")?)?,
        }
        Ok(())
    }

    /// An item that the client sent; returns the one that it refers to.
    pub(super) fn hear(&mut self, item: Value, path: &str, past: &Past) -> Result<Value, Error> {
        let object = Object::read(item, path)?;
        let Some(id) = reference(&object) else {
            let shown = object.clone().into_value();
            self.push(object)?;
            return Ok(shown);
        };
        let item = past
            .item(&id)
            .ok_or_else(|| not_found_at("Item", &id, "input"))?;
        // A client that refers to what it continues would have it said twice.
        if !self.known.contains(&id) {
            self.recall(item, past)?;
        }
        Ok(item.clone())
    }

    fn push(&mut self, mut object: Object) -> Result<(), Error> {
        let kind = match object.opt::<String>("type")? {
            Some(kind) => kind,
            None if object.peek("role").is_some() => "message".to_owned(),
            None => return Err(object.wrong("type", "is required")),
        };
        match kind.as_str() {
            "message" => return self.message(object),
            "reasoning" => {
                object.put("type", "reasoning".into());
                self.add(Role::Assistant, reasoning::read(object)?);
            }
            "function_call" | "custom_tool_call" => {
                let call = call(&kind, object)?;
                self.add(Role::Assistant, vec![call]);
            }
            "function_call_output" | "custom_tool_call_output" => {
                let result = result(object)?;
                self.add(Role::Tool, vec![result]);
            }
            "tool_search_call" if tools::is_clients(&object) => {
                object.opt::<Value>("execution")?;
                let given: Value = object.need("arguments")?;
                let given = given
                    .as_str()
                    .map_or_else(|| given.to_string(), str::to_owned);
                object.put("name", tools::SEARCH.into());
                object.put("arguments", given.into());
                let call = call("function_call", object)?;
                self.add(Role::Assistant, vec![call]);
            }
            "tool_search_output" if tools::is_clients(&object) => {
                object.opt::<Value>("execution")?;
                let found = found(object.need("tools")?);
                object.put("output", said_of(&found).into());
                self.add(Role::Tool, vec![result(object)?]);
                self.tools
                    .extend(Vec::<Object>::read(found, "input.tools")?);
            }
            "additional_tools" => self.tools.extend(object.need::<Vec<Object>>("tools")?),
            _ => {
                object.put("type", kind.as_str().into());
                let item = object.into_value();
                if hosted::is_call(&kind) {
                    self.add(Role::Assistant, hosted::read(&kind, &item));
                    return Ok(());
                }
                let role = match hosted::is_clients(&kind) {
                    true => Role::User,
                    false => Role::Assistant,
                };
                let other = Part {
                    provider_data: Some(item.to_string()),
                    ..part(Content::Other(kind))
                };
                self.add(role, vec![other]);
            }
        }
        Ok(())
    }

    /// What a model says in a row is one message, and so are parallel results.
    fn add(&mut self, role: Role, mut parts: Vec<Part>) {
        match self.messages.last_mut() {
            Some(last) if last.role == role && role != Role::User => last.parts.append(&mut parts),
            _ if parts.is_empty() => {}
            _ => self.messages.push(Message {
                role,
                parts,
                name: None,
                provider_data: None,
            }),
        }
    }

    fn message(&mut self, mut object: Object) -> Result<(), Error> {
        let role = match object.need::<String>("role")?.as_str() {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => {
                return Err(object.wrong(
                    "role",
                    "must be `user`, `assistant`, `system` or `developer`",
                ));
            }
        };
        let mut parts = match object.need::<Contents>("content")? {
            TextOr::Text(text) if text.is_empty() && role == Role::Assistant => Vec::new(),
            TextOr::Text(text) => vec![plain(text)],
            TextOr::Other(pieces) => pieces.into_iter().map(content).collect::<Result<_, _>>()?,
        };
        // They are ours to give.
        for key in ["id", "status"] {
            object.opt::<Value>(key)?;
        }
        let rest = object.rest();
        if role == Role::Assistant {
            for part in &mut parts {
                part.provider_data = part.provider_data.take().or_else(|| rest.clone());
            }
            self.add(role, parts);
        } else {
            self.messages.push(Message {
                role,
                parts,
                name: None,
                provider_data: rest,
            });
        }
        Ok(())
    }
}

/// What an item says by itself.
pub(super) fn parts(item: &Value) -> Vec<Part> {
    let mut alone = Conversation::default();
    let read = Object::read(item.clone(), "").and_then(|object| alone.push(object));
    match (read, alone.messages.pop()) {
        (Ok(()), Some(message)) => message.parts,
        _ => Vec::new(),
    }
}

/// The id of an item that is only referred to.
pub(super) fn reference(object: &Object) -> Option<String> {
    let id = object.peek("id")?.as_str()?.to_owned();
    match object.peek("type").map(|kind| kind.as_str()) {
        Some(kind) => (kind == Some("item_reference")).then_some(id),
        None => object.peek("role").is_none().then_some(id),
    }
}

fn plain(text: String) -> Part {
    part(Content::Text(Text {
        text,
        citations: Vec::new(),
    }))
}

pub(in crate::openai) fn content(mut object: Object) -> Result<Part, Error> {
    let cache = cache_mark(&mut object)?;
    let kind: String = object.need("type")?;
    let content = match kind.as_str() {
        "input_text" | "output_text" | "text" => {
            // An account of how it was said, not a part of it.
            object.opt::<Value>("logprobs")?;
            let annotations: Option<Vec<Value>> = object.opt("annotations")?;
            Content::Text(Text {
                text: object.need("text")?,
                citations: annotations.iter().flatten().map(citation).collect(),
            })
        }
        "refusal" => Content::Refusal(object.need("refusal")?),
        "input_image" => Content::Image(image(&mut object)?),
        "input_file" => Content::File(file(&mut object)?),
        "input_audio" => Content::Audio(audio(object.need("input_audio")?)?),
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

/// An annotation in neutral words; all of it goes along where they say less.
fn citation(annotation: &Value) -> Citation {
    let text = |key: &str| annotation[key].as_str().map(str::to_owned);
    Citation {
        url: text("url"),
        title: text("title").or_else(|| text("filename")),
        cited_text: None,
        start: annotation["start_index"].as_u64(),
        end: annotation["end_index"].as_u64(),
        location_unit: None,
        document: None,
        provider_data: (annotation["type"] != "url_citation").then(|| annotation.to_string()),
    }
}

fn image(object: &mut Object) -> Result<types::neutral::Media, Error> {
    let mut image = if let Some(id) = object.opt("file_id")? {
        media::media(types::neutral::MediaSource::FileId(id), None)
    } else if let Some(url) = object.opt("image_url")? {
        media::from_url(url, &object.path_of("image_url"))?
    } else {
        return Err(object.wrong("", "must have `image_url` or `file_id`"));
    };
    image.detail = object.opt("detail")?;
    Ok(image)
}

fn file(object: &mut Object) -> Result<types::neutral::Media, Error> {
    use types::neutral::MediaSource;
    let mut file = if let Some(id) = object.opt("file_id")? {
        media::media(MediaSource::FileId(id), None)
    } else if let Some(url) = object.opt("file_url")? {
        media::from_url(url, &object.path_of("file_url"))?
    } else if let Some(data) = object.opt::<String>("file_data")? {
        let path = object.path_of("file_data");
        if data.starts_with("data:") {
            media::from_url(data, &path)?
        } else {
            let bytes = MediaSource::Bytes(media::bytes(&data, &path)?);
            media::media(bytes, Some("application/pdf".to_owned()))
        }
    } else {
        return Err(object.wrong("", "must have `file_data`, `file_url` or `file_id`"));
    };
    file.name = object.opt("filename")?;
    file.detail = object.opt("detail")?;
    Ok(file)
}

/// Tools that a search found. They are held back no longer.
fn found(mut tools: Value) -> Value {
    for tool in tools.as_array_mut().into_iter().flatten() {
        if let Some(fields) = tool.as_object_mut() {
            fields.shift_remove("defer_loading");
            if let Some(inner) = fields.get_mut("tools") {
                *inner = found(inner.take());
            }
        }
    }
    tools
}

/// What the model is told of them: their definitions it sees among the tools.
fn said_of(found: &Value) -> String {
    let mut names = Vec::new();
    for tool in found.as_array().into_iter().flatten() {
        let name = |tool: &Value| tool["name"].as_str().unwrap_or_default().to_owned();
        match tool["tools"].as_array() {
            Some(inner) => {
                let inner = inner.iter().map(|it| flat(Some(&name(tool)), &name(it)));
                names.extend(inner);
            }
            None => names.push(name(tool)),
        }
    }
    if names.is_empty() {
        return "No tool was found.".to_owned();
    }
    format!("These tools can be called now: `{}`.", names.join("`, `"))
}

fn call(kind: &str, mut object: Object) -> Result<Part, Error> {
    for key in ["id", "status"] {
        object.opt::<Value>(key)?;
    }
    let namespace: Option<String> = object.opt("namespace")?;
    let call = ToolCall {
        id: object.need("call_id")?,
        name: flat(namespace.as_deref(), &object.need::<String>("name")?),
        arguments: match kind {
            "custom_tool_call" => custom::arguments(&object.need::<String>("input")?),
            _ => arguments(&object.need::<String>("arguments")?).to_owned(),
        },
        by_provider: false,
    };
    Ok(Part {
        content: Content::ToolCall(call),
        cache: None,
        provider_data: object.rest(),
    })
}

fn result(mut object: Object) -> Result<Part, Error> {
    for key in ["id", "status"] {
        object.opt::<Value>(key)?;
    }
    let call_id = object.need("call_id")?;
    let namespace: Option<String> = object.opt("namespace")?;
    let name: Option<String> = object.opt("name")?;
    let mut cache = None;
    let mut pieces = Vec::new();
    match object.opt::<Contents>("output")? {
        None => {}
        Some(TextOr::Text(text)) if text.is_empty() => {}
        Some(TextOr::Text(text)) => pieces.push(ResultContent::Text(text)),
        Some(TextOr::Other(list)) => {
            for piece in list {
                let path = piece.path_of("type");
                let part = content(piece)?;
                // The prefix that ends within the result ends, as near as can be said, after it.
                cache = part.cache.or(cache);
                pieces.push(match part.content {
                    Content::Text(text) => ResultContent::Text(text.text),
                    Content::Image(image) => ResultContent::Image(image),
                    Content::File(file) => ResultContent::File(file),
                    _ => {
                        return Err(at(
                            &path,
                            "must be `input_text`, `input_image` or `input_file` in a tool's result",
                        ));
                    }
                });
            }
        }
    }
    Ok(Part {
        content: Content::ToolResult(ToolResult {
            call_id,
            name: name.map(|name| flat(namespace.as_deref(), &name)),
            content: pieces,
            is_error: false,
            by_provider: false,
        }),
        cache,
        provider_data: object.rest(),
    })
}

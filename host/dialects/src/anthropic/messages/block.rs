//! Content blocks of a client's history.

use serde_json::Value;
use types::{
    Error,
    neutral::{
        Content, Media, MediaSource, Part, Reasoning, ReasoningKind, ResultContent, Source, Text,
        ToolCall, ToolResult,
    },
};

use super::{citation, signature};
use crate::{
    field::{Object, TextOr},
    media::{self, part},
};

pub(super) fn text(text: String) -> Part {
    part(Content::Text(Text {
        text,
        citations: Vec::new(),
    }))
}

pub(super) fn read(mut object: Object) -> Result<Part, Error> {
    let mut cache = media::cache_mark(&mut object)?;
    let mut provider_data = None;
    let kind: String = object.need("type")?;
    let content = match kind.as_str() {
        "text" => Content::Text(Text {
            text: object.need("text")?,
            citations: object
                .opt::<Vec<Object>>("citations")?
                .unwrap_or_default()
                .into_iter()
                .map(citation::read)
                .collect::<Result<_, _>>()?,
        }),
        "image" => Content::Image(source(object.need("source")?)?),
        "document" if !has_blocks(&object) => Content::File(document(&mut object)?),
        "search_result" => Content::Source(search_result(&mut object)?),
        "thinking" => {
            let seal: Option<String> = object.opt("signature")?;
            provider_data = seal
                .filter(|seal| !seal.is_empty())
                .and_then(|seal| signature::THINKING.open(&seal));
            Content::Reasoning(Reasoning {
                kind: ReasoningKind::Full,
                text: object.need("thinking")?,
            })
        }
        "redacted_thinking" => {
            let data: String = object.need("data")?;
            provider_data = signature::REDACTED.open(&data);
            Content::Reasoning(Reasoning {
                kind: ReasoningKind::Redacted,
                text: String::new(),
            })
        }
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            let call = ToolCall {
                id: object.need("id")?,
                name: object.need("name")?,
                arguments: object.need::<Object>("input")?.into_text(),
                by_provider: kind != "tool_use",
            };
            if call.by_provider {
                object.put("type", kind.into());
            }
            Content::ToolCall(call)
        }
        "tool_result" => Content::ToolResult(tool_result(&mut object, &mut cache)?),
        kind if kind.ends_with("_tool_result") => {
            let result = vendors_result(&mut object)?;
            object.put("type", kind.into());
            Content::ToolResult(result)
        }
        _ => {
            object.put("type", Value::String(kind.clone()));
            Content::Other(kind)
        }
    };
    Ok(Part {
        content,
        cache,
        provider_data: provider_data.or_else(|| object.rest()),
    })
}

/// A document made of blocks: citations count them, so they can't be joined.
fn has_blocks(document: &Object) -> bool {
    let content = document.peek("source").and_then(|s| s.get("content"));
    content.is_some_and(Value::is_array)
}

fn source(mut object: Object) -> Result<Media, Error> {
    let kind: String = object.need("type")?;
    Ok(match kind.as_str() {
        "base64" => {
            let data: String = object.need("data")?;
            let bytes = media::bytes(&data, &object.path_of("data"))?;
            media::media(MediaSource::Bytes(bytes), Some(object.need("media_type")?))
        }
        "url" => {
            let path = object.path_of("url");
            media::from_url(object.need("url")?, &path)?
        }
        "file" => media::media(MediaSource::FileId(object.need("file_id")?), None),
        "text" | "content" => {
            let field = if kind == "text" { "data" } else { "content" };
            let text: String = object.need(field)?;
            media::media(
                MediaSource::Bytes(text.into_bytes()),
                Some("text/plain".to_owned()),
            )
        }
        _ => {
            return Err(object.wrong(
                "type",
                "must be `base64`, `url`, `file`, `text` or `content`",
            ));
        }
    })
}

fn document(object: &mut Object) -> Result<Media, Error> {
    let source = source(object.need("source")?)?;
    Ok(Media {
        name: object.opt("title")?,
        context: object.opt("context")?,
        cite: cite(object)?,
        ..source
    })
}

fn cite(object: &mut Object) -> Result<bool, Error> {
    match object.opt::<Object>("citations")? {
        Some(mut citations) => Ok(citations.opt("enabled")?.unwrap_or(false)),
        None => Ok(false),
    }
}

fn search_result(object: &mut Object) -> Result<Source, Error> {
    Ok(Source {
        location: object.need("source")?,
        title: object.opt("title")?,
        passages: object
            .need::<Vec<Object>>("content")?
            .into_iter()
            .map(|mut passage| passage.need("text"))
            .collect::<Result<_, _>>()?,
        cite: cite(object)?,
    })
}

/// The result of a tool that the vendor ran: what others can read of it is its JSON.
fn vendors_result(object: &mut Object) -> Result<ToolResult, Error> {
    let content = object.peek("content").map(Value::to_string);
    let call_id: String = object.need("tool_use_id")?;
    object.put("tool_use_id", call_id.clone().into());
    Ok(ToolResult {
        call_id,
        name: None,
        content: content.map(ResultContent::Text).into_iter().collect(),
        is_error: false,
        by_provider: true,
    })
}

fn tool_result(
    object: &mut Object,
    cache: &mut Option<types::neutral::CacheMark>,
) -> Result<ToolResult, Error> {
    let mut content = Vec::new();
    match object.opt::<TextOr<Vec<Object>>>("content")? {
        None => {}
        Some(TextOr::Text(text)) if text.is_empty() => {}
        Some(TextOr::Text(text)) => content.push(ResultContent::Text(text)),
        Some(TextOr::Other(blocks)) => {
            for mut block in blocks {
                let path = block.path_of("type");
                if block.peek("type").and_then(Value::as_str) == Some("tool_reference") {
                    content.push(ResultContent::Text(loaded(&mut block)?));
                    continue;
                }
                let piece = read(block)?;
                // The prefix that ends within the result ends, as near as can be said, after it.
                *cache = cache.take().or(piece.cache);
                content.push(match piece.content {
                    Content::Text(text) => ResultContent::Text(text.text),
                    Content::Image(image) => ResultContent::Image(image),
                    Content::File(file) => ResultContent::File(file),
                    Content::Source(source) => ResultContent::Source(source),
                    _ => {
                        return Err(crate::field::at(
                            &path,
                            "must be `text`, `image`, `document`, `search_result` or `tool_reference` in a tool's result",
                        ));
                    }
                });
            }
        }
    }
    Ok(ToolResult {
        call_id: object.need("tool_use_id")?,
        name: None,
        content,
        is_error: object.opt("is_error")?.unwrap_or(false),
        by_provider: false,
    })
}

/// A tool that was found by a search among those whose definition the model did not see yet. Other vendors show the model all tools
/// at once: it need only know that this one was found. Where it isn't read, Claude Code drops what it found and asks anew.
fn loaded(reference: &mut Object) -> Result<String, Error> {
    let name: String = reference.need("tool_name")?;
    Ok(format!("The tool `{name}` can be called now."))
}

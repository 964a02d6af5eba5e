//! Parts of messages as the vendor's content blocks.

use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Map, Value, json};

use crate::{citations, media};

/// The vendor documents `^[a-zA-Z0-9_-]{1,64}$` for names of tools.
const NAME_LENGTH: usize = 64;

/// Ids of calls have the same alphabet; their length is not limited, and this is longer than any vendor's.
const ID_LENGTH: usize = 512;

/// What a translation remembers from part to part.
#[derive(Debug)]
pub(crate) struct Context {
    /// Tools that were renamed.
    pub(crate) names: Names,
    /// Ids of calls that another vendor gave and this one would refuse.
    ids: Names,
    /// What was not honoured.
    pub(crate) warnings: Warnings,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            names: Names::new(NAME_LENGTH),
            ids: Names::new(ID_LENGTH),
            warnings: Warnings::default(),
        }
    }
}

impl Context {
    /// The block of a part of this role's message; `None` where it says nothing or had to be left out.
    pub(crate) fn block(&mut self, role: Role, part: &Part) -> Result<Option<Value>, Error> {
        let Some(mut block) = self.content(role, part)? else {
            if part.cache.is_some() {
                self.warnings.add(
                    "cache",
                    "a part that was left out can't end a cached prefix",
                );
            }
            return Ok(None);
        };
        let data = part.provider_data.as_deref();
        fill(
            &mut block,
            data,
            known_fields(&part.content),
            &mut self.warnings,
        );
        if let Some(mark) = &part.cache {
            match &part.content {
                Content::Reasoning(_) => self.warnings.add(
                    "cache",
                    "reasoning can't end a cached prefix here: mark the part before or after it",
                ),
                _ => block["cache_control"] = cache_control(mark, &mut self.warnings),
            }
        }
        Ok(Some(block))
    }

    fn content(&mut self, role: Role, part: &Part) -> Result<Option<Value>, Error> {
        let block = match &part.content {
            Content::Text(text) => return Ok(self.text(&text.text, &text.citations)),
            Content::Refusal(text) => return Ok(self.text(text, &[])),
            Content::Image(_) | Content::File(_) | Content::Audio(_) | Content::Source(_)
                if role == Role::Assistant =>
            {
                self.warnings.add(
                    "messages.assistant",
                    "the vendor takes no media or sources in turns of the model: left out",
                );
                return Ok(None);
            }
            Content::Image(image) => media::image(image, &mut self.warnings)?,
            Content::File(file) => media::document(file, &mut self.warnings)?,
            Content::Audio(_) => {
                return Err(Error::bad_request(
                    "this vendor takes no sound: send a transcript, or choose another model",
                )
                .at("messages.audio"));
            }
            Content::Source(source) => media::search_result(source),
            Content::Reasoning(reasoning) => return Ok(self.reasoning(reasoning, part)),
            Content::ToolCall(call) => return Ok(self.call(call, part)),
            Content::ToolResult(result) => return self.result(result, part),
            Content::Other(kind) => match &part.provider_data {
                Some(_) => json!({"type": kind}),
                None => {
                    return Err(Error::bad_request(format!(
                        "this vendor knows no `{kind}` in a message: leave it out"
                    ))
                    .at("messages"));
                }
            },
        };
        Ok(Some(block))
    }

    /// The vendor refuses blocks of blank text.
    fn text(&mut self, text: &str, cited: &[Citation]) -> Option<Value> {
        if text.trim().is_empty() {
            if !text.is_empty() {
                self.warnings
                    .add("messages.text", "the vendor refuses blank text: left out");
            }
            return None;
        }
        let mut block = json!({"type": "text", "text": text});
        let ours: Vec<_> = cited.iter().filter_map(citations::write).collect();
        if ours.len() < cited.len() {
            self.warnings.add(
                "messages.text.citations",
                "the vendor takes no citations but its own: left out",
            );
        }
        if !ours.is_empty() {
            block["citations"] = Value::Array(ours);
        }
        Some(block)
    }

    /// Only thoughts that the vendor signed come back to it.
    fn reasoning(&mut self, reasoning: &Reasoning, part: &Part) -> Option<Value> {
        let (block, seal) = match reasoning.kind {
            ReasoningKind::Redacted => (json!({"type": "redacted_thinking"}), "data"),
            ReasoningKind::Full | ReasoningKind::Summary => {
                let text = &reasoning.text;
                (json!({"type": "thinking", "thinking": text}), "signature")
            }
        };
        if has_text(part, seal) {
            return Some(block);
        }
        self.warnings.add(
            "messages.reasoning",
            "the vendor refuses reasoning that it has not signed: left out",
        );
        None
    }

    fn call(&mut self, call: &ToolCall, part: &Part) -> Option<Value> {
        let input = self.input(call);
        if !call.by_provider {
            return Some(json!({
                "type": "tool_use",
                "id": self.ids.send(&call.id),
                "name": self.names.send(&call.name),
                "input": input,
            }));
        }
        if !is_own(part, "tool_use") {
            self.warnings.add(
                "messages.tool_call",
                "a tool that another vendor ran has no place in this wire format: left out",
            );
            return None;
        }
        // The type, of which there are several, is in the provider data.
        Some(json!({"id": call.id, "name": call.name, "input": input}))
    }

    fn input(&mut self, call: &ToolCall) -> Value {
        match serde_json::from_str(&call.arguments) {
            Ok(Value::Object(fields)) => Value::Object(fields),
            _ if call.arguments.trim().is_empty() => json!({}),
            _ => {
                self.warnings.add(
                    "messages.tool_call.arguments",
                    format!(
                        "the arguments of call `{}` of `{}` are no JSON object: sent as {{}}",
                        call.id, call.name
                    ),
                );
                json!({})
            }
        }
    }

    fn result(&mut self, result: &ToolResult, part: &Part) -> Result<Option<Value>, Error> {
        if result.by_provider {
            if is_own(part, "_tool_result") {
                return Ok(Some(json!({})));
            }
            self.warnings.add(
                "messages.tool_result",
                "a tool that another vendor ran has no place in this wire format: left out",
            );
            return Ok(None);
        }
        let mut block = json!({
            "type": "tool_result", "tool_use_id": self.ids.send(&result.call_id),
        });
        match result.content.as_slice() {
            [] => {}
            [ResultContent::Text(text)] => block["content"] = json!(text),
            pieces => {
                let mut content = Vec::new();
                for piece in pieces {
                    content.extend(self.piece(piece)?);
                }
                block["content"] = Value::Array(content);
            }
        }
        if result.is_error {
            block["is_error"] = json!(true);
        }
        Ok(Some(block))
    }

    fn piece(&mut self, piece: &ResultContent) -> Result<Option<Value>, Error> {
        Ok(match piece {
            ResultContent::Text(text) => self.text(text, &[]),
            ResultContent::Image(image) => Some(media::image(image, &mut self.warnings)?),
            ResultContent::File(file) => Some(media::document(file, &mut self.warnings)?),
            ResultContent::Source(source) => Some(media::search_result(source)),
        })
    }
}

/// Does the provider data have this field, a text?
fn has_text(part: &Part, field: &str) -> bool {
    let data = part.provider_data.as_deref();
    let data: Option<Value> = data.and_then(|data| serde_json::from_str(data).ok());
    data.is_some_and(|data| data[field].is_string())
}

/// Is it a block of this format, of a type that ends so? Other vendors' items are no blocks.
fn is_own(part: &Part, kind: &str) -> bool {
    let data = part.provider_data.as_deref();
    let data: Option<Value> = data.and_then(|data| serde_json::from_str(data).ok());
    data.is_some_and(|data| data["type"].as_str().is_some_and(|own| own.ends_with(kind)))
}

/// Fields of a block that the neutral form has no place for; `None`: the block is the vendor's own, whatever it says.
fn known_fields(content: &Content) -> Option<&'static [&'static str]> {
    Some(match content {
        Content::ToolCall(call) if call.by_provider => return None,
        Content::ToolResult(result) if result.by_provider => return None,
        Content::Other(_) => return None,
        Content::Reasoning(_) => &["signature", "data"],
        Content::Image(_) => &["transformations"],
        Content::ToolCall(_) => &["caller", "toolset_name"],
        Content::ToolResult(_) => &["toolset_name"],
        _ => &[],
    })
}

/// Adds what provider data say and the block does not say already. Clients of other dialects may have written them, so
/// that only known fields pass; the others are named in warnings.
pub(crate) fn fill(
    block: &mut Value,
    provider_data: Option<&str>,
    known: Option<&[&str]>,
    warnings: &mut Warnings,
) {
    let data = provider_data.and_then(|data| serde_json::from_str(data).ok());
    let (Some(block), Some(Value::Object(data))) = (block.as_object_mut(), data) else {
        return;
    };
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    for (name, value) in data {
        if known.is_none_or(|known| known.contains(&name.as_str())) {
            block.entry(name).or_insert(value);
        } else if !block.contains_key(&name) && !empty(&value) {
            warnings.add(
                &format!("messages.{name}"),
                "the vendor has no such field there: left out",
            );
        }
    }
}

/// The block without fields that say nothing: in answers absent is `null`, in requests some fields refuse it.
pub(crate) fn without_nulls(block: &Map<String, Value>) -> Map<String, Value> {
    let said = block.iter().filter(|(_, value)| !value.is_null());
    said.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A `cache_control` field. The vendor has two lifetimes; others become the nearest shorter one.
pub(crate) fn cache_control(mark: &CacheMark, warnings: &mut Warnings) -> Value {
    let Some(seconds) = mark.ttl_seconds else {
        return json!({"type": "ephemeral"});
    };
    let ttl = if seconds < 3600 { "5m" } else { "1h" };
    if ![300, 3600].contains(&seconds) {
        warnings.add(
            "cache.ttl_seconds",
            format!("the vendor caches for 300 or 3600 seconds: {seconds} became {ttl}"),
        );
    }
    json!({"type": "ephemeral", "ttl": ttl})
}

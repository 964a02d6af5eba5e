use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Map, Value, json};

use super::media::{audio, file, image};
use crate::calls::{arguments, short};
use crate::media::source_text;
use crate::provider_data::{left_out, parse};

/// The vendor refuses longer ids of calls, which other vendors give.
const ID_LENGTH: usize = 40;

/// Fields that servers show their reasoning in.
const REASONING_FIELDS: [&str; 2] = ["reasoning_content", "reasoning"];

/// The conversation as the vendor wants it.
pub(crate) fn messages(
    messages: &[Message],
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<Vec<Value>, Error> {
    let mut out = Vec::new();
    let mut ids = Names::new(ID_LENGTH);
    for message in messages {
        let data = message.provider_data.as_deref();
        left_out(data, &[], "messages", warnings);
        let mut turn = Turn::default();
        for part in &message.parts {
            turn.part(message.role, part, names, &mut ids, warnings)?;
        }
        turn.end(message, &mut out);
    }
    Ok(out)
}

/// One message on its way.
#[derive(Default)]
struct Turn {
    /// Results of tools, each a message of its own in this format.
    results: Vec<Value>,
    /// What they hold that is no text.
    shown: Vec<Value>,
    content: Vec<Value>,
    calls: Vec<Value>,
    /// Fields beside `content`.
    fields: Map<String, Value>,
}

impl Turn {
    fn part(
        &mut self,
        role: Role,
        part: &Part,
        names: &mut Names,
        ids: &mut Names,
        warnings: &mut Warnings,
    ) -> Result<(), Error> {
        if let Some(known) = own_fields(&part.content) {
            left_out(part.provider_data.as_deref(), known, "messages", warnings);
        }
        if part.cache.is_some() {
            warnings.add("cache", "the vendor chooses itself what to cache");
        }
        match &part.content {
            Content::Text(text) => {
                if !text.citations.is_empty() {
                    warnings.add(
                        "messages.text.citations",
                        "this wire format takes no citations back: left out",
                    );
                }
                self.content.push(text_part(&text.text));
            }
            Content::Image(_) | Content::File(_) if role == Role::Assistant => warnings.add(
                "messages.assistant",
                "the vendor takes no images or files in turns of the model: left out",
            ),
            Content::Refusal(text) => self
                .content
                .push(json!({"type": "refusal", "refusal": text})),
            Content::Image(media) => self.content.push(image(media)?),
            Content::Audio(media) if role == Role::Assistant => match spoken(media, part) {
                Some(id) => {
                    self.fields.insert("audio".into(), json!({"id": id}));
                }
                None => warnings.add(
                    "messages.audio",
                    "sound of an answer can only be named by the vendor's id: left out",
                ),
            },
            Content::Audio(media) => self.content.push(audio(media)?),
            Content::File(media) => self.content.push(file(media, warnings)?),
            Content::Source(source) => self.content.push(text_part(&source_text(source))),
            Content::Reasoning(reasoning) => match own(part, "field") {
                // Servers that show their reasoning in a field of their own want it back there.
                Some(field) if REASONING_FIELDS.contains(&field.as_str()) => {
                    let said = self.fields.get(&field).and_then(Value::as_str);
                    let said = format!("{}{}", said.unwrap_or_default(), reasoning.text);
                    self.fields.insert(field, json!(said));
                }
                _ => warnings.add(
                    "messages.reasoning",
                    "this wire format has no place for earlier reasoning: left out",
                ),
            },
            Content::ToolCall(call) if call.by_provider => warnings.add(
                "messages.tool_call",
                "a tool that another vendor ran has no place in this wire format: left out",
            ),
            Content::ToolCall(call) => self.calls.push(json!({
                "id": short(&call.id, ID_LENGTH, ids),
                "type": "function",
                "function": {"name": names.send(&call.name), "arguments": arguments(&call.arguments)},
            })),
            Content::ToolResult(result) if result.by_provider => warnings.add(
                "messages.tool_result",
                "a tool that another vendor ran has no place in this wire format: left out",
            ),
            Content::ToolResult(result) => {
                let message = self.tool_message(result, ids, warnings)?;
                self.results.push(message);
            },
            Content::Other(kind) => match &part.provider_data {
                Some(data) => self.content.push(parse(data)),
                None => {
                    return Err(Error::bad_request(format!(
                        "this vendor knows no `{kind}` in a message"
                    ))
                    .at("messages"));
                }
            },
        }
        Ok(())
    }

    fn end(self, message: &Message, out: &mut Vec<Value>) {
        out.extend(self.results);
        if !self.shown.is_empty() {
            out.push(json!({"role": "user", "content": self.shown}));
        }
        if message.role == Role::Tool {
            return;
        }
        let role = match message.role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        let mut fields = Map::new();
        fields.insert("role".into(), json!(role));
        let needs_content = self.calls.is_empty() && !self.fields.contains_key("audio");
        if !self.content.is_empty() || needs_content {
            fields.insert("content".into(), flatten(self.content));
        }
        if let Some(name) = &message.name {
            fields.insert("name".into(), json!(name));
        }
        if !self.calls.is_empty() {
            fields.insert("tool_calls".into(), Value::Array(self.calls));
        }
        fields.extend(self.fields);
        out.push(Value::Object(fields));
    }

    /// A result's own message, which holds text only: the rest is for a user to show, once all results are there.
    fn tool_message(
        &mut self,
        result: &ToolResult,
        ids: &mut Names,
        warnings: &mut Warnings,
    ) -> Result<Value, Error> {
        let mut content = Vec::new();
        for piece in &result.content {
            let (part, what) = match piece {
                ResultContent::Text(text) => (text_part(text), "text"),
                ResultContent::Source(source) => (text_part(&source_text(source)), "text"),
                ResultContent::Image(media) => (image(media)?, "image"),
                ResultContent::File(media) => (file(media, warnings)?, "file"),
            };
            if part["type"] == "text" {
                content.push(part);
                continue;
            }
            let number = self.shown.len() / 2 + 1;
            content.push(text_part(&format!("[{what} {number}: it follows]")));
            self.shown.push(text_part(&format!(
                "[{what} {number}, from the results above]"
            )));
            self.shown.push(part);
            warnings.add(
                &format!("messages.tool_result.{what}"),
                format!(
                    "results of tools can't hold it here: the {what} follows in a user's message"
                ),
            );
        }
        if result.is_error {
            warnings.add(
                "messages.tool_result.is_error",
                "this wire format can't mark a failed result: only its text says so",
            );
        }
        let id = short(&result.call_id, ID_LENGTH, ids);
        Ok(json!({"role": "tool", "tool_call_id": id, "content": flatten(content)}))
    }
}

/// One text is a plain string: every compatible server understands that.
fn flatten(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [] => json!(""),
        [one] if one["type"] == "text" => one["text"].take(),
        _ => Value::Array(parts),
    }
}

pub(crate) fn text_part(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// A text field of what we said we must see again.
fn own(part: &Part, field: &str) -> Option<String> {
    let data = parse(part.provider_data.as_ref()?);
    data.get(field)?.as_str().map(str::to_owned)
}

/// The vendor's id of sound in an answer.
fn spoken(media: &Media, part: &Part) -> Option<String> {
    match &media.source {
        MediaSource::FileId(id) => Some(id.clone()),
        MediaSource::Bytes(_) | MediaSource::Url(_) => own(part, "id"),
    }
}

/// What provider data may say without a warning; `None`: anything.
fn own_fields(content: &Content) -> Option<&'static [&'static str]> {
    Some(match content {
        Content::Reasoning(_) => &["field", "type", "signature", "data"],
        Content::Audio(_) => &["id", "transcript", "expires_at"],
        // Left out with a warning of their own, or sent whole.
        Content::ToolCall(call) if call.by_provider => return None,
        Content::ToolResult(result) if result.by_provider => return None,
        Content::Other(_) => return None,
        _ => &[],
    })
}

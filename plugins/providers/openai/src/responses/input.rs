//! The conversation as the API wants it: a flat list of items, in the order in which things were said.

use std::collections::HashSet;

use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

use super::{citations, hosted, media, reasoning};
use crate::calls::{arguments, short};
use crate::media::source_text;
use crate::provider_data::{left_out, parse};

/// The vendor refuses longer ids of calls, which other vendors give.
const ID_LENGTH: usize = 64;

/// What may come back with the model's messages, calls and results: the vendor's own ids and states, which a
/// conversation that it doesn't keep has no use for.
const KNOWN: [&str; 8] = [
    "type",
    "id",
    "status",
    "phase",
    "namespace",
    "caller",
    "async",
    "created_by",
];

/// The items of a conversation.
pub(super) fn items(
    messages: &[Message],
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<Vec<Value>, Error> {
    let mut items = Items {
        out: Vec::new(),
        content: Vec::new(),
        ids: Names::new(ID_LENGTH),
        free_form: HashSet::new(),
        run_by_vendor: HashSet::new(),
        names,
        warnings,
    };
    for message in messages {
        items.message(message)?;
    }
    Ok(items.out)
}

struct Items<'a> {
    out: Vec<Value>,
    /// Content of the message that is being put together.
    content: Vec<Value>,
    ids: Names,
    /// Ids of calls of free-form tools, whose results are of another type.
    free_form: HashSet<String>,
    /// Ids of calls that this vendor ran itself; its item says the result too.
    run_by_vendor: HashSet<String>,
    names: &'a mut Names,
    warnings: &'a mut Warnings,
}

impl Items<'_> {
    fn message(&mut self, message: &Message) -> Result<(), Error> {
        left_out(
            message.provider_data.as_deref(),
            &KNOWN,
            "messages",
            self.warnings,
        );
        if message.name.is_some() {
            self.warnings.add(
                "messages.name",
                "this API tells speakers of one role not apart: left out",
            );
        }
        let before = self.out.len();
        for part in &message.parts {
            if part.cache.is_some() {
                self.warnings
                    .add("cache", "the vendor chooses itself what to cache");
            }
            match message.role {
                Role::Assistant => self.said_by_model(message, part)?,
                role => self.said_to_model(role, part)?,
            }
        }
        self.flush(message.role);
        // A turn of the model without content is nothing; another says at least that it was there.
        if self.out.len() == before && !matches!(message.role, Role::Assistant | Role::Tool) {
            self.out
                .push(json!({"type": "message", "role": role(message.role), "content": ""}));
        }
        Ok(())
    }

    fn said_to_model(&mut self, role: Role, part: &Part) -> Result<(), Error> {
        let content = match &part.content {
            Content::Text(text) => {
                if !text.citations.is_empty() {
                    self.warnings.add(
                        "messages.text.citations",
                        "only the model cites here: left out",
                    );
                }
                media::text(&text.text)
            }
            Content::Refusal(text) => media::text(text),
            Content::Image(image) => media::image(image),
            Content::File(file) => media::file(file, self.warnings),
            Content::Audio(_) => return Err(media::audio()),
            Content::Source(source) => media::text(&source_text(source)),
            Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
                self.flush(role);
                return self.item(part);
            }
            Content::Other(kind) => match own(kind, part)? {
                Own::Content(content) => content,
                Own::Item(item) => {
                    self.flush(role);
                    self.out.push(item);
                    return Ok(());
                }
            },
        };
        left_out_of(part, &["type"], self.warnings);
        self.content.push(content);
        Ok(())
    }

    fn said_by_model(&mut self, message: &Message, part: &Part) -> Result<(), Error> {
        let plain =
            |content: Value| json!({"type": "message", "role": "assistant", "content": content});
        let mut item = match &part.content {
            Content::Text(text) => match citations::annotations(&text.citations, self.warnings) {
                // Every server understands a plain string.
                none if none.is_empty() => plain(json!(text.text)),
                annotations => plain(json!([
                    {"type": "output_text", "text": text.text, "annotations": annotations}
                ])),
            },
            Content::Refusal(text) => plain(json!([{"type": "refusal", "refusal": text}])),
            Content::Source(source) => plain(json!(source_text(source))),
            Content::Image(_) | Content::File(_) | Content::Audio(_) => {
                self.warnings.add(
                    "messages.assistant",
                    "the vendor takes no images, files or sound in turns of the model: left out",
                );
                return Ok(());
            }
            Content::Other(kind) => {
                match own(kind, part)? {
                    Own::Item(item) => self.out.push(item),
                    Own::Content(content) => self.out.push(plain(json!([content]))),
                }
                return Ok(());
            }
            Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => {
                return self.item(part);
            }
        };
        left_out_of(part, &KNOWN, self.warnings);
        // Comments on the way and the answer are told apart; models work worse where that is lost.
        let phase = [&part.provider_data, &message.provider_data];
        let phase = phase
            .into_iter()
            .flatten()
            .find_map(|data| Some(parse(data).get("phase")?.clone()));
        if let Some(phase) = phase.filter(Value::is_string) {
            item["phase"] = phase;
        }
        self.out.push(item);
        Ok(())
    }

    /// What is an item of its own, whoever's turn it stands in.
    fn item(&mut self, part: &Part) -> Result<(), Error> {
        match &part.content {
            Content::Reasoning(thought) => self.thought(thought, part),
            Content::ToolCall(call) if call.by_provider => match hosted::returned(part) {
                Some(item) => {
                    self.run_by_vendor.insert(call.id.clone());
                    self.out.push(item);
                }
                None => self.warnings.add(
                    "messages.tool_call",
                    "a tool that another vendor ran has no place in this wire format: left out",
                ),
            },
            Content::ToolCall(call) => self.call(call, part),
            Content::ToolResult(result) if !result.by_provider => self.result(result, part),
            Content::ToolResult(result) if !self.run_by_vendor.contains(&result.call_id) => {
                self.warnings.add(
                    "messages.tool_result",
                    "a tool that another vendor ran has no place in this wire format: left out",
                );
            }
            // A result of this vendor's own tool, which its call says too.
            _ => {}
        }
        Ok(())
    }

    fn thought(&mut self, thought: &Reasoning, part: &Part) {
        match reasoning::returned(thought, part) {
            // One item may have come as several parts; the last of them has it whole.
            Some(item) => match self.out.last_mut() {
                Some(last) if last["type"] == "reasoning" && last["id"] == item["id"] => {
                    *last = item
                }
                _ => self.out.push(item),
            },
            None if reasoning::begins(part) => {}
            None => self.warnings.add(
                "messages.reasoning",
                "the vendor takes back only thoughts that it encrypted or shows itself: left out",
            ),
        }
    }

    fn call(&mut self, call: &ToolCall, part: &Part) {
        let call_id = short(&call.id, ID_LENGTH, &mut self.ids);
        let data = part.provider_data.as_deref().map(parse).unwrap_or_default();
        left_out_of(part, &KNOWN, self.warnings);
        if matches!(data["type"].as_str(), Some("custom" | "custom_tool_call")) {
            self.free_form.insert(call.id.clone());
            let mut item = json!({
                "type": "custom_tool_call", "call_id": call_id, "name": call.name, "input": call.arguments,
            });
            carry(&data, &["namespace", "caller"], &mut item);
            self.out.push(item);
            return;
        }
        let mut item = json!({
            "type": "function_call",
            "call_id": call_id,
            "name": self.names.send(&call.name),
            "arguments": arguments(&call.arguments),
        });
        carry(&data, &["namespace", "caller", "async"], &mut item);
        self.out.push(item);
    }

    fn result(&mut self, result: &ToolResult, part: &Part) {
        if result.is_error {
            self.warnings.add(
                "messages.tool_result.is_error",
                "this wire format can't mark a failed result: only its text says so",
            );
        }
        let kind = match self.free_form.contains(&result.call_id) {
            true => "custom_tool_call_output",
            false => "function_call_output",
        };
        let mut item = json!({
            "type": kind,
            "call_id": short(&result.call_id, ID_LENGTH, &mut self.ids),
            "output": output(&result.content, self.warnings),
        });
        left_out_of(part, &KNOWN, self.warnings);
        let data = part.provider_data.as_deref().map(parse).unwrap_or_default();
        carry(&data, &["caller"], &mut item);
        self.out.push(item);
    }

    fn flush(&mut self, of: Role) {
        let mut content = std::mem::take(&mut self.content);
        if content.is_empty() {
            return;
        }
        let content = match content.as_mut_slice() {
            [one] if one["type"] == "input_text" => one["text"].take(),
            _ => Value::Array(content),
        };
        self.out
            .push(json!({"type": "message", "role": role(of), "content": content}));
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::Assistant => "assistant",
        Role::User | Role::Tool => "user",
    }
}

/// What a tool answered: one text is a plain string.
fn output(content: &[ResultContent], warnings: &mut Warnings) -> Value {
    let parts = content.iter().map(|piece| match piece {
        ResultContent::Text(text) => media::text(text),
        ResultContent::Image(image) => media::image(image),
        ResultContent::File(file) => media::file(file, warnings),
        ResultContent::Source(source) => media::text(&source_text(source)),
    });
    let mut parts: Vec<_> = parts.collect();
    match parts.as_mut_slice() {
        [] => json!(""),
        [one] if one["type"] == "input_text" => one["text"].take(),
        _ => Value::Array(parts),
    }
}

/// What only this vendor has.
enum Own {
    Item(Value),
    Content(Value),
}

fn own(kind: &str, part: &Part) -> Result<Own, Error> {
    let data = part.provider_data.as_deref().map(parse).unwrap_or_default();
    match data["type"].as_str() {
        Some(word) if hosted::is_item(word) => Ok(Own::Item(data)),
        Some("input_text" | "input_image" | "input_file" | "output_text") => Ok(Own::Content(data)),
        _ => Err(
            Error::bad_request(format!("this vendor knows no `{kind}` in a message"))
                .at("messages"),
        ),
    }
}

fn carry(data: &Value, fields: &[&str], item: &mut Value) {
    for field in fields {
        if let Some(value) = data.get(field).filter(|value| !value.is_null()) {
            item[*field] = value.clone();
        }
    }
}

fn left_out_of(part: &Part, known: &[&str], warnings: &mut Warnings) {
    left_out(part.provider_data.as_deref(), known, "messages", warnings);
}

//! Calls of tools, as items of a session.

use serde_json::{Value, json};
use types::{
    neutral::{Media, MediaSource, ResultContent, ToolCall, ToolResult},
    session::{CallOutcome, Decision},
    tool::{CallResult, ResourceContents, ResourceData, ResourceInfo, ToolContent},
};

use super::tools::json_or_text;
use crate::media;

/// The plugin and the tool of a name, `plugin/tool`. One without a plugin is of none.
pub(super) fn named(tool: &str) -> (&str, &str) {
    tool.split_once('/').unwrap_or(("", tool))
}

/// A call that has no result yet.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The item's.
    pub(super) id: String,
    pub(super) turn: String,
    pub(super) output_index: usize,
    call: String,
    /// `plugin/tool`, or a function's.
    pub(super) name: String,
    /// Clients were told that its outcome is not known.
    pub(super) is_unknown: bool,
    arguments: Value,
    /// The client runs it.
    is_function: bool,
    /// Who decided whether it may run, how and when; of calls that wait for that.
    decided: Option<Value>,
}

impl Call {
    pub(super) fn new(
        id: String,
        turn: &str,
        output_index: usize,
        call: &ToolCall,
        is_function: bool,
    ) -> Self {
        Self {
            id,
            turn: turn.to_owned(),
            output_index,
            call: call.id.clone(),
            name: call.name.clone(),
            is_unknown: false,
            arguments: json_or_text(&call.arguments),
            is_function,
            decided: None,
        }
    }

    /// A person decided whether it may run.
    pub(super) fn decided(&mut self, decision: Decision, who: &str, at: i64) {
        let decision = match decision {
            Decision::Approve => "approve",
            Decision::Deny => "deny",
            Decision::Dismiss => "cancel",
        };
        self.decided = Some(json!({
            "decision": decision,
            "by": who,
            "at": super::seconds(at),
        }));
    }

    /// It is the one with this id, the host ran it, and clients weren't told. A function's client knows by itself.
    pub(super) fn may_be_unknown(&self, call: &str) -> bool {
        self.call == call && !self.is_function && !self.is_unknown
    }

    /// It has no result yet.
    pub(super) fn open(&self) -> Value {
        self.item("in_progress", Value::Null, Value::Null)
    }

    /// The turn is over, and it has none.
    pub(super) fn dropped(&self) -> Value {
        let error = error("cancelled", "the turn ended before the call had a result");
        self.item("incomplete", Value::Null, error)
    }

    /// The host stopped while it ran.
    pub(super) fn unknown(&self) -> Value {
        const WHAT: &str = "the host stopped while the tool ran: whether it did its work is not known, and it is not repeated";
        self.item("incomplete", Value::Null, error("unknown_outcome", WHAT))
    }

    /// It has its result.
    pub(super) fn ended(&self, outcome: CallOutcome, result: &CallResult) -> Value {
        match outcome {
            CallOutcome::Unknown => self.unknown(),
            _ => match failure(outcome, result) {
                None => self.item("completed", output(result), Value::Null),
                Some(code) => self.item(
                    status(outcome, result),
                    Value::Null,
                    error(code, &text(result)),
                ),
            },
        }
    }

    /// The result, where it is an item of its own.
    pub(super) fn result(&self, outcome: CallOutcome, result: &CallResult) -> Option<Value> {
        let failed = failure(outcome, result).is_some();
        self.is_function.then(|| {
            json!({
                "id": format!("{}_output", self.id),
                "type": "function_call_output",
                "turn_id": self.turn,
                "call_id": self.call,
                "status": status(outcome, result),
                "output": if failed { Value::Null } else { said(result) },
                "error": failed.then(|| text(result)),
            })
        })
    }

    /// The model's vendor ran it.
    pub(super) fn by_provider(&self, result: Option<&ToolResult>) -> Value {
        let Some(result) = result else {
            return self.item("completed", Value::Null, Value::Null);
        };
        let texts = result.content.iter().filter_map(|piece| match piece {
            ResultContent::Text(text) => Some(ToolContent::Text(text.clone())),
            ResultContent::Image(image) => Some(ToolContent::Image(image.clone())),
            ResultContent::Source(source) => Some(ToolContent::Text(source.passages.join("\n"))),
            ResultContent::File(_) => None,
        });
        let result = CallResult {
            content: texts.collect(),
            structured: None,
            is_error: result.is_error,
        };
        self.ended(CallOutcome::Ran, &result)
    }

    fn item(&self, status: &str, output: Value, error: Value) -> Value {
        if self.is_function {
            return json!({
                "id": self.id,
                "type": "function_call",
                "turn_id": self.turn,
                "call_id": self.call,
                "name": self.name,
                "arguments": self.arguments,
                "status": status,
            });
        }
        let (plugin, tool) = named(&self.name);
        let mut item = json!({
            "id": self.id,
            "type": "mcp_call",
            "turn_id": self.turn,
            "server_label": plugin,
            "name": tool,
            "arguments": self.arguments,
            "output": output,
            "error": error,
            "status": status,
        });
        if let Some(decided) = &self.decided {
            item["approval"] = decided.clone();
        }
        item
    }
}

fn error(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

/// The word for a failure, if it is one.
fn failure(outcome: CallOutcome, result: &CallResult) -> Option<&'static str> {
    match outcome {
        CallOutcome::Ran | CallOutcome::ByClient => result.is_error.then_some("tool_error"),
        CallOutcome::Refused => Some("refused"),
        CallOutcome::Denied => Some("denied"),
        CallOutcome::Failed => Some("failed"),
        CallOutcome::Unknown => Some("unknown_outcome"),
        CallOutcome::Cancelled => Some("cancelled"),
    }
}

fn status(outcome: CallOutcome, result: &CallResult) -> &'static str {
    match (outcome, failure(outcome, result)) {
        (CallOutcome::Unknown | CallOutcome::Cancelled, _) => "incomplete",
        (_, Some(_)) => "failed",
        (_, None) => "completed",
    }
}

fn text(result: &CallResult) -> String {
    let texts = result.content.iter().filter_map(|piece| match piece {
        ToolContent::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// What a function gave, as its client sent it.
fn said(result: &CallResult) -> Value {
    match result.content.as_slice() {
        [] => Value::Null,
        [ToolContent::Text(text)] => text.as_str().into(),
        pieces => pieces.iter().filter_map(input).collect(),
    }
}

fn input(piece: &ToolContent) -> Option<Value> {
    match piece {
        ToolContent::Text(text) => Some(json!({ "type": "input_text", "text": text })),
        ToolContent::Image(image) => {
            let url = media::to_url(image)?;
            Some(json!({ "type": "input_image", "image_url": url }))
        }
        _ => None,
    }
}

/// What a tool gave, as MCP has it (`CallToolResult`).
fn output(result: &CallResult) -> Value {
    let content: Vec<Value> = result.content.iter().map(piece).collect();
    let mut output = json!({ "content": content, "isError": result.is_error });
    if let Some(structured) = &result.structured {
        output["structuredContent"] = json_or_text(structured);
    }
    output
}

fn piece(piece: &ToolContent) -> Value {
    match piece {
        ToolContent::Text(text) => json!({ "type": "text", "text": text }),
        ToolContent::Image(image) => medium("image", image),
        ToolContent::Audio(audio) => medium("audio", audio),
        ToolContent::Link(info) => link(info),
        ToolContent::Resource(contents) => {
            json!({ "type": "resource", "resource": resource(contents) })
        }
    }
}

fn medium(kind: &str, medium: &Media) -> Value {
    match &medium.source {
        MediaSource::Bytes(bytes) => known(json!({
            "type": kind, "data": media::base64(bytes), "mimeType": medium.media_type,
        })),
        MediaSource::Url(uri) | MediaSource::FileId(uri) => known(json!({
            "type": "resource_link",
            "uri": uri,
            "name": medium.name.as_deref().unwrap_or(uri),
            "mimeType": medium.media_type,
        })),
    }
}

fn link(info: &ResourceInfo) -> Value {
    known(json!({
        "type": "resource_link",
        "uri": info.uri,
        "name": info.name,
        "title": info.title,
        "description": info.description,
        "mimeType": info.media_type,
        "size": info.size,
    }))
}

fn resource(contents: &ResourceContents) -> Value {
    let (text, blob) = match &contents.data {
        ResourceData::Text(text) => (Some(text.clone()), None),
        ResourceData::Bytes(bytes) => (None, Some(media::base64(bytes))),
    };
    let uri = &contents.uri;
    known(json!({ "uri": uri, "mimeType": contents.media_type, "text": text, "blob": blob }))
}

/// The same, without nulls.
fn known(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

//! An answer in one piece.

use serde_json::{Map, Value, json};
use types::{
    Error,
    neutral::{Content, Part, ReasoningKind, ToolCall, Warning},
};

use super::{citation, new_id, signature, stop};
use crate::{
    Whole,
    answer::{Answer, arguments},
    anthropic::usage,
};

/// The answer to a request without `stream`; `model` is the name that the client used. One without `Finished` is an
/// error: it was cut off.
pub fn whole(answer: Answer, model: &str) -> Result<Whole, Error> {
    let mut answer = answer.finished()?;
    let mut warnings = std::mem::take(&mut answer.warnings);
    // This dialect can't ask for more than one.
    let (_, choice) = answer.choices.pop_first().unwrap_or_default();
    let reason = choice.reason();
    let refuses = choice
        .parts
        .iter()
        .any(|said| matches!(said.part.content, Content::Refusal(_)));
    let content: Vec<Value> = choice
        .parts
        .iter()
        .filter_map(|said| block(&said.part, &mut warnings))
        .collect();
    let mut body = json!({
        "id": answer.started.id.unwrap_or_else(new_id),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
    });
    let stop = stop(&reason, refuses);
    body["stop_reason"] = stop["stop_reason"].clone();
    body["stop_sequence"] = stop["stop_sequence"].clone();
    let tier = answer.started.service_tier.as_deref();
    body["usage"] = usage::to_json(&answer.usage.unwrap_or_default(), tier);
    Ok(Whole { body, warnings })
}

/// A finished part as a block; what the dialect has no block for becomes a warning.
pub(super) fn block(part: &Part, warnings: &mut Vec<Warning>) -> Option<Value> {
    match &part.content {
        Content::Text(text) if text.text.is_empty() && text.citations.is_empty() => None,
        Content::Text(text) => {
            let mut block = json!({ "type": "text", "text": text.text });
            let citations: Vec<Value> = text.citations.iter().filter_map(citation::write).collect();
            if !citations.is_empty() {
                block["citations"] = citations.into();
            }
            Some(block)
        }
        Content::Refusal(text) if text.is_empty() => None,
        Content::Refusal(text) => Some(json!({ "type": "text", "text": text })),
        Content::Reasoning(thought) if thought.kind == ReasoningKind::Redacted => {
            redacted(part.provider_data.as_deref())
        }
        Content::Reasoning(thought) => {
            let seal = part.provider_data.as_deref();
            if thought.text.is_empty() && seal.is_none() {
                return None;
            }
            Some(json!({
                "type": "thinking",
                "thinking": thought.text,
                "signature": signature::THINKING.close(seal),
            }))
        }
        Content::ToolCall(call) => {
            let input = serde_json::from_str(arguments(&call.arguments))
                .ok()
                .filter(Value::is_object);
            if input.is_none() {
                warnings.push(Warning {
                    field: "content.tool-call.arguments".to_owned(),
                    message: format!(
                        "the arguments of `{}` ({}) are not a JSON object: {{}} is given instead",
                        call.name, call.id
                    ),
                });
            }
            let input = input.unwrap_or_else(|| json!({}));
            Some(call_block(call, input, part.provider_data.as_deref()))
        }
        content => {
            let block = verbatim(part);
            if block.is_none() {
                warnings.push(no_block(name(content)));
            }
            block
        }
    }
}

/// A call. What the vendor says of one that it ran itself has no other place than here.
pub(super) fn call_block(call: &ToolCall, input: Value, provider_data: Option<&str>) -> Value {
    let mut block = Map::new();
    let own = provider_data.filter(|_| call.by_provider);
    if let Some(Value::Object(own)) = own.and_then(|data| serde_json::from_str(data).ok()) {
        block = own;
    }
    let kind = if call.by_provider {
        "server_tool_use"
    } else {
        "tool_use"
    };
    block.entry("type").or_insert_with(|| kind.into());
    block.insert("id".to_owned(), call.id.as_str().into());
    block.insert("name".to_owned(), call.name.as_str().into());
    block.insert("input".to_owned(), input);
    Value::Object(block)
}

/// Reasoning that is hidden: all of it is in what the vendor wants to see again.
pub(super) fn redacted(provider_data: Option<&str>) -> Option<Value> {
    let data = signature::REDACTED.close(Some(provider_data?));
    Some(json!({ "type": "redacted_thinking", "data": data }))
}

pub(super) fn no_block(what: &str) -> Warning {
    Warning {
        field: format!("content.{what}"),
        message: format!("messages have no block for {what}: it was left out"),
    }
}

/// A block that the vendor wrote in this dialect.
fn verbatim(part: &Part) -> Option<Value> {
    let mut data: Map<String, Value> = serde_json::from_str(part.provider_data.as_deref()?).ok()?;
    if let Content::ToolResult(result) = &part.content {
        data.entry("tool_use_id")
            .or_insert_with(|| result.call_id.clone().into());
    }
    let typed = data.get("type").is_some_and(Value::is_string);
    typed.then_some(Value::Object(data))
}

fn name(content: &Content) -> &str {
    match content {
        Content::Image(_) => "image",
        Content::Audio(_) => "audio",
        Content::File(_) => "file",
        Content::ToolResult(_) => "tool-result",
        Content::Source(_) => "source",
        Content::Other(kind) => kind,
        _ => "part",
    }
}

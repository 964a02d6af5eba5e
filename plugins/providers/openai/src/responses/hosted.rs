//! Items that only this vendor has: tools that it ran itself, and everything else that a conversation must hold again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::types::*;
use serde_json::Value;

use crate::provider_data::parse;

/// Tools that the vendor runs: the type of their items, and the name of the tool.
const RUN_BY_VENDOR: [(&str, &str); 5] = [
    ("web_search_call", "web_search"),
    ("file_search_call", "file_search"),
    ("code_interpreter_call", "code_interpreter"),
    ("image_generation_call", "image_generation"),
    ("mcp_call", ""),
];

/// Calls that wait for the client, in a form that no other vendor has.
const WAITING: [&str; 4] = [
    "computer_call",
    "local_shell_call",
    "shell_call",
    "apply_patch_call",
];

/// Other items of a conversation.
const OTHER: [&str; 18] = [
    "additional_tools",
    "apply_patch_call_output",
    "compaction",
    "compaction_trigger",
    "computer_call_output",
    "configuration_update",
    "item_reference",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_list_tools",
    "program",
    "program_output",
    "reasoning",
    "shell_call_output",
    "tool_search_call",
    "tool_search_output",
    "message",
];

/// Is it a type of item?
pub(super) fn is_item(kind: &str) -> bool {
    run_by_vendor(kind).is_some() || WAITING.contains(&kind) || OTHER.contains(&kind)
}

/// Does the model wait for the client after such an item?
pub(super) fn waits(item: &Value) -> bool {
    let kind = item["type"].as_str().unwrap_or_default();
    // A shell in a container of the vendor's is run by the vendor, and so is a search without `client`.
    let by_vendor =
        item["environment"]["type"] == "container_reference" || item["execution"] == "server";
    (WAITING.contains(&kind) || kind == "tool_search_call") && !by_vendor
}

fn run_by_vendor(kind: &str) -> Option<&'static str> {
    let known = RUN_BY_VENDOR.iter().find(|(known, _)| *known == kind);
    known.map(|(_, name)| *name)
}

/// The item of a call that this vendor ran, as it came.
pub(super) fn returned(part: &Part) -> Option<Value> {
    let item = parse(part.provider_data.as_deref()?);
    run_by_vendor(item["type"].as_str()?)?;
    Some(item)
}

/// An item that is complete, as neutral parts: a call and its result where the vendor ran a tool. The call has all of it
/// for the way back.
pub(super) fn parts(item: &Value) -> Vec<Part> {
    let kind = item["type"].as_str().unwrap_or_default();
    let whole = |content| Part {
        provider_data: Some(item.to_string()),
        ..Part::new(content)
    };
    let Some(name) = run_by_vendor(kind) else {
        return vec![whole(Content::Other(kind.into()))];
    };
    let name = match name {
        "" => item["name"].as_str().unwrap_or("mcp"),
        name => name,
    };
    let id = item["id"].as_str().unwrap_or_default();
    let (content, is_error) = result(kind, item);
    let call = ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments(kind, item),
        by_provider: true,
    };
    let result = ToolResult {
        call_id: id.into(),
        name: Some(name.into()),
        content,
        is_error: is_error || item["status"] == "failed",
        by_provider: true,
    };
    vec![
        whole(Content::ToolCall(call)),
        Part::new(Content::ToolResult(result)),
    ]
}

fn arguments(kind: &str, item: &Value) -> String {
    let fields = |names: &[&str]| {
        let given = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), item.get(name)?.clone())));
        Value::Object(given.filter(|(_, value)| !value.is_null()).collect())
    };
    let arguments = match kind {
        "web_search_call" => {
            let mut action = item["action"].clone();
            // What was found is no argument.
            if let Some(fields) = action.as_object_mut() {
                fields.shift_remove("sources");
            }
            action
        }
        "file_search_call" => fields(&["queries"]),
        "code_interpreter_call" => fields(&["code", "container_id"]),
        "image_generation_call" => {
            fields(&["revised_prompt", "action", "size", "quality", "background"])
        }
        _ => {
            return item["arguments"]
                .as_str()
                .filter(|it| !it.is_empty())
                .unwrap_or("{}")
                .into();
        }
    };
    match arguments {
        Value::Object(_) => arguments.to_string(),
        _ => "{}".into(),
    }
}

/// What the tool answered, and whether that is a failure.
fn result(kind: &str, item: &Value) -> (Vec<ResultContent>, bool) {
    let text = |value: &Value| match value {
        Value::Null => vec![],
        Value::String(text) => vec![ResultContent::Text(text.clone())],
        other => vec![ResultContent::Text(other.to_string())],
    };
    match kind {
        "web_search_call" => (text(&item["action"]["sources"]), false),
        "file_search_call" => (text(&item["results"]), false),
        "code_interpreter_call" => {
            let outputs = item["outputs"].as_array().into_iter().flatten();
            let outputs = outputs.flat_map(|output| match output["url"].as_str() {
                Some(url) => vec![ResultContent::Image(medium(
                    MediaSource::Url(url.into()),
                    None,
                ))],
                None => text(&output["logs"]),
            });
            (outputs.collect(), false)
        }
        "image_generation_call" => {
            let bytes = item["result"]
                .as_str()
                .and_then(|text| STANDARD.decode(text).ok());
            let format = item["output_format"].as_str().unwrap_or("png");
            let image = bytes.map(|bytes| {
                ResultContent::Image(medium(
                    MediaSource::Bytes(bytes),
                    Some(format!("image/{format}")),
                ))
            });
            (image.into_iter().collect(), !item["error"].is_null())
        }
        _ => match &item["error"] {
            Value::Null => (text(&item["output"]), false),
            error => (text(error), true),
        },
    }
}

fn medium(source: MediaSource, media_type: Option<String>) -> Media {
    Media {
        source,
        media_type,
        name: None,
        context: None,
        detail: None,
        cite: false,
    }
}

//! Items of tools that the vendor runs, and other items that only some vendors have.

use serde_json::{Value, json};
use types::neutral::{Content, Media, MediaSource, Part, ResultContent, ToolCall, ToolResult};

use crate::media::{self, part};

/// Items of tools that the vendor runs: the tool's name, and the events between the first and `completed`.
const CALLS: [(&str, &str, &[&str]); 6] = [
    ("web_search_call", "web_search", &["searching"]),
    ("file_search_call", "file_search", &["searching"]),
    (
        "code_interpreter_call",
        "code_interpreter",
        &["interpreting"],
    ),
    ("image_generation_call", "image_generation", &["generating"]),
    ("mcp_call", "mcp", &[]),
    ("mcp_list_tools", "mcp", &[]),
];

/// Ids of images that a model gave as a part of its answer begin so: no tool made them.
pub(super) const GENERATED: &str = "img_";

/// Other items that an answer may have. What an SDK doesn't know, it can't read.
const OTHERS: [&str; 15] = [
    "additional_tools",
    "apply_patch_call",
    "apply_patch_call_output",
    "compaction",
    "computer_call",
    "computer_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_list_tools",
    "program",
    "program_output",
    "shell_call",
    "shell_call_output",
    "tool_search_call",
];

/// Does this item tell of a call of a tool that the vendor ran?
pub(super) fn is_call(kind: &str) -> bool {
    kind != "mcp_list_tools" && CALLS.iter().any(|(call, ..)| *call == kind)
}

/// Did the client write this item, or the application for it?
pub(super) fn is_clients(kind: &str) -> bool {
    kind.ends_with("_output")
        || kind.ends_with("_response")
        || ["compaction_trigger", "configuration_update"].contains(&kind)
}

/// The events of an item between `output_item.added` and `output_item.done`: their names, and what else they have.
pub(super) fn events(item: &Value) -> Vec<(String, Value)> {
    let kind = item["type"].as_str().unwrap_or_default();
    let Some((_, _, middle)) = CALLS.iter().find(|(call, ..)| *call == kind) else {
        return Vec::new();
    };
    let plain = |step: &str| (format!("response.{kind}.{step}"), json!({}));
    let mut events = vec![plain("in_progress")];
    let mut text = |of: &str, field: &str| {
        if let Some(text) = item[field].as_str() {
            events.push((format!("response.{of}.delta"), json!({ "delta": text })));
            events.push((format!("response.{of}.done"), json!({ field: text })));
        }
    };
    match kind {
        "code_interpreter_call" => text("code_interpreter_call_code", "code"),
        "mcp_call" => text("mcp_call_arguments", "arguments"),
        _ => {}
    }
    events.extend(middle.iter().map(|step| plain(step)));
    let failed = kind.starts_with("mcp") && !item["error"].is_null();
    events.push(plain(if failed { "failed" } else { "completed" }));
    events
}

/// The parts of an item of a call that a client echoed: the call, which has all of it for its vendor, and what came out.
pub(super) fn read(kind: &str, item: &Value) -> Vec<Part> {
    let text = |key: &str| item[key].as_str().map(str::to_owned);
    let id = text("id").unwrap_or_default();
    if id.starts_with(GENERATED) {
        return vec![part(Content::Image(picture(item)))];
    }
    let tool = CALLS.iter().find(|(call, ..)| *call == kind);
    let name = match (kind, text("name")) {
        ("mcp_call", Some(name)) => name,
        _ => tool.map_or(kind, |(_, name, _)| name).to_owned(),
    };
    let call = ToolCall {
        id: id.clone(),
        name: name.clone(),
        arguments: arguments(kind, item),
        by_provider: true,
    };
    let result = ToolResult {
        call_id: id,
        name: Some(name),
        content: results(kind, item),
        is_error: !item["error"].is_null() || item["status"] == "failed",
        by_provider: true,
    };
    let call = Part {
        provider_data: Some(item.to_string()),
        ..part(Content::ToolCall(call))
    };
    vec![call, part(Content::ToolResult(result))]
}

fn arguments(kind: &str, item: &Value) -> String {
    let fields = match kind {
        "web_search_call" => {
            let mut action = item["action"].clone();
            // What was found is no argument.
            if let Some(fields) = action.as_object_mut() {
                fields.shift_remove("sources");
            }
            action
        }
        "file_search_call" => json!({ "queries": item["queries"] }),
        "code_interpreter_call" => json!({ "code": item["code"] }),
        "image_generation_call" => json!({ "prompt": item["revised_prompt"] }),
        _ => {
            let text = item["arguments"].as_str().unwrap_or_default();
            return crate::answer::arguments(text).to_owned();
        }
    };
    if fields.is_object() {
        fields
    } else {
        json!({})
    }
    .to_string()
}

fn results(kind: &str, item: &Value) -> Vec<ResultContent> {
    let found = match kind {
        "web_search_call" => &item["action"]["sources"],
        "file_search_call" => &item["results"],
        "code_interpreter_call" => &item["outputs"],
        "image_generation_call" if item["result"].is_string() => {
            return vec![ResultContent::Image(picture(item))];
        }
        _ if item["error"].is_null() => &item["output"],
        _ => &item["error"],
    };
    let text = match found {
        Value::Null => return Vec::new(),
        Value::String(text) => text.clone(),
        found => found.to_string(),
    };
    vec![ResultContent::Text(text)]
}

fn picture(item: &Value) -> Media {
    let bytes = item["result"].as_str().unwrap_or_default();
    let bytes = media::bytes(bytes, "").unwrap_or_default();
    let format = item["output_format"].as_str().unwrap_or("png");
    media::media(MediaSource::Bytes(bytes), Some(format!("image/{format}")))
}

/// The item of these parts: the vendor's own if it is one of this dialect, else the nearest.
pub(super) fn item(parts: &[Part], id: &str) -> Option<Value> {
    let first = parts.first()?;
    if let Some(own) = own(first, id) {
        return Some(own);
    }
    match &first.content {
        Content::Image(image) => generated(image, id),
        Content::ToolCall(call) => {
            let result = parts.iter().find_map(|part| match &part.content {
                Content::ToolResult(result) => Some(result),
                _ => None,
            });
            let data = data(first).unwrap_or_default();
            Some(nearest(call, result, &data))
        }
        _ => None,
    }
}

fn data(part: &Part) -> Option<Value> {
    serde_json::from_str(part.provider_data.as_deref()?).ok()
}

/// The item that the vendor wrote in this dialect.
fn own(part: &Part, id: &str) -> Option<Value> {
    let mut own = data(part)?;
    let kind = own["type"].as_str()?;
    let known = match &part.content {
        Content::ToolCall(_) | Content::Image(_) => is_call(kind),
        Content::Other(_) => OTHERS.contains(&kind),
        _ => false,
    };
    if !known {
        return None;
    }
    if !own["id"].is_string() {
        own["id"] = id.into();
    }
    Some(own)
}

fn generated(image: &Media, id: &str) -> Option<Value> {
    let MediaSource::Bytes(bytes) = &image.source else {
        return None;
    };
    let format = image.media_type.as_deref().unwrap_or("image/png");
    Some(json!({
        "id": id,
        "type": "image_generation_call",
        "status": "completed",
        "result": media::base64(bytes),
        "output_format": format.strip_prefix("image/").unwrap_or(format),
    }))
}

/// A call that another vendor ran. Its id is that of the call.
fn nearest(call: &ToolCall, result: Option<&ToolResult>, data: &Value) -> Value {
    let given: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
    let text = |key: &str| given[key].as_str();
    let failed = result.is_some_and(|result| result.is_error);
    let status = if failed { "failed" } else { "completed" };
    if call.name.contains("web_search") || call.name.contains("google_search") {
        let queries = match (&given["queries"], text("query")) {
            (Value::Array(several), _) => several.clone(),
            (_, one) => one.map(Value::from).into_iter().collect(),
        };
        return json!({
            "id": call.id,
            "type": "web_search_call",
            "status": status,
            "action": { "type": "search", "query": queries.first(), "queries": queries },
        });
    }
    if let (true, Some(url)) = (call.name.contains("web_fetch"), text("url")) {
        return json!({
            "id": call.id,
            "type": "web_search_call",
            "status": status,
            "action": { "type": "open_page", "url": url },
        });
    }
    let output = result.map(output);
    if let (true, Some(code)) = (
        call.name.contains("code"),
        text("code").or_else(|| text("command")),
    ) {
        let logs = output.map(|logs| json!([{ "type": "logs", "logs": logs }]));
        return json!({
            "id": call.id,
            "type": "code_interpreter_call",
            "status": status,
            "code": code,
            "container_id": "",
            "outputs": logs,
        });
    }
    let server = data["server_name"].as_str().unwrap_or("provider");
    json!({
        "id": call.id,
        "type": "mcp_call",
        "status": status,
        "server_label": server,
        "name": call.name,
        "arguments": crate::answer::arguments(&call.arguments),
        "output": if failed { &None } else { &output },
        "error": failed.then(|| json!({
            "type": "mcp_tool_execution_error",
            "content": [{ "type": "text", "text": output }],
        })),
    })
}

fn output(result: &ToolResult) -> String {
    let texts = result.content.iter().filter_map(|piece| match piece {
        ResultContent::Text(text) => Some(text.as_str()),
        ResultContent::Source(source) => Some(&source.location),
        ResultContent::Image(_) | ResultContent::File(_) => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

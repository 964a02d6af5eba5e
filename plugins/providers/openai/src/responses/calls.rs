//! Calls that the client runs.

use evenhand_sdk::Error;
use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use serde_json::{Map, Value, json};

/// Does the client run it, and in which field do its arguments grow?
pub(super) fn grows(item: &Value) -> Option<&'static str> {
    match item["type"].as_str()? {
        "function_call" => Some("arguments"),
        "custom_tool_call" => Some("input"),
        _ => None,
    }
}

/// How a call begins.
pub(super) fn start(item: &Value, names: &Names) -> Result<ToolCallStart, Error> {
    let text = |field: &str| item[field].as_str().filter(|text| !text.is_empty());
    let (Some(id), Some(name)) = (text("call_id").or_else(|| text("id")), text("name")) else {
        return Err(Error::upstream(
            "the vendor began a tool call without an id or a name",
        ));
    };
    Ok(ToolCallStart {
        id: id.into(),
        name: names.restore(name),
        by_provider: false,
    })
}

/// What must be seen again with a call: where it came from, and that its input is no JSON.
pub(super) fn carried(item: &Value) -> Option<Value> {
    let fields = ["namespace", "caller", "async"].into_iter();
    let given = fields.filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())));
    let mut given: Map<_, _> = given.filter(|(_, value)| !value.is_null()).collect();
    if item["type"] == "custom_tool_call" {
        given.insert("type".into(), json!("custom_tool_call"));
    }
    (!given.is_empty()).then_some(Value::Object(given))
}

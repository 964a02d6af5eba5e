//! The vendor's search of the web, for clients that know it by another vendor's words. Codex offers it with every request.

use evenhand_sdk::Warnings;
use evenhand_sdk::types::ProviderTool;
use serde_json::{Map, Value, json};

const THEIR_DIALECT: &str = "openai-responses";
const THEIR_KINDS: [&str; 4] = [
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
];

/// The tool in the vendor's words; `None`: it is another one.
pub(crate) fn translated(tool: &ProviderTool, warnings: &mut Warnings) -> Option<Value> {
    if tool.dialect != THEIR_DIALECT || !THEIR_KINDS.contains(&tool.kind.as_str()) {
        return None;
    }
    let asked: Map<String, Value> = serde_json::from_str(&tool.definition).ok()?;
    let mut sent = json!({"type": "web_search_20250305", "name": "web_search"});
    let mut lost = Vec::new();
    for (field, value) in asked.into_iter().filter(|(_, value)| !value.is_null()) {
        match (field.as_str(), value) {
            ("type", _) => {}
            // It searches what is there now: nothing else can be had.
            ("external_web_access", Value::Bool(true)) => {}
            ("user_location", place) => sent["user_location"] = place,
            ("filters", Value::Object(filters)) => {
                for (filter, value) in filters.into_iter().filter(|(_, value)| !value.is_null()) {
                    match filter.as_str() {
                        "allowed_domains" | "blocked_domains" => sent[filter] = value,
                        _ => lost.push(format!("filters.{filter}")),
                    }
                }
            }
            _ => lost.push(field),
        }
    }
    for field in lost {
        warnings.add(
            &format!("tools.web_search.{field}"),
            "the vendor's search has no such setting: left out",
        );
    }
    Some(sent)
}

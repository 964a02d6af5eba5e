//! The model's thoughts: shown as text, and carried whole, because only the vendor can read their encrypted form.

use evenhand_sdk::types::*;
use serde_json::{Value, json};

use crate::provider_data::parse;

/// What must be seen again of a complete item: all of it but its state.
pub(super) fn carried(item: &Value) -> Option<Value> {
    let mut item = item.clone();
    item.as_object_mut()?.shift_remove("status");
    Some(item)
}

/// What marks a part whose item goes on in the next one.
pub(super) fn beginning(id: &Value) -> Value {
    json!({"type": "reasoning", "id": id, "continued": true})
}

/// Is it such a part?
pub(super) fn begins(part: &Part) -> bool {
    let data = part.provider_data.as_deref().map(parse).unwrap_or_default();
    data["continued"] == true
}

/// Is there anything in an item that can be handed back to a vendor who does not keep it?
pub(super) fn says_something(item: &Value) -> bool {
    let shown = |field: &str| {
        item[field]
            .as_array()
            .is_some_and(|texts| !texts.is_empty())
    };
    item["encrypted_content"].is_string() || shown("content")
}

/// The item to hand back, as it came; `None` where the thought is another vendor's, or nothing could be made of it.
pub(super) fn returned(thought: &Reasoning, part: &Part) -> Option<Value> {
    let mut item = parse(part.provider_data.as_deref()?);
    let kind = item.get("type").unwrap_or(&Value::Null);
    if !item["id"].is_string() || !(kind.is_null() || kind == "reasoning") {
        return None;
    }
    item["type"] = json!("reasoning");
    // Who wrote the item into a conversation by hand has its texts in the part.
    let text = |kind: &str| match thought.text.is_empty() {
        true => json!([]),
        false => json!([{"type": kind, "text": thought.text}]),
    };
    if item["content"].is_null() && thought.kind == ReasoningKind::Full && !begins(part) {
        item["content"] = text("reasoning_text");
    }
    if item["summary"].is_null() {
        item["summary"] = match thought.kind {
            ReasoningKind::Summary => text("summary_text"),
            ReasoningKind::Full | ReasoningKind::Redacted => json!([]),
        };
    }
    says_something(&item).then_some(item)
}

//! What tools answered, in the vendor's words.

use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde_json::{Value, json};

use crate::media;
use crate::parts::Context;

/// A `functionResponse` part of the function of this name, and parts that stand beside it.
pub(crate) fn response(
    result: &ToolResult,
    name: String,
    context: &mut Context,
) -> Result<Vec<Value>, Error> {
    let mut said = Vec::new();
    let mut inside = Vec::new();
    let mut beside = Vec::new();
    for piece in &result.content {
        match piece {
            ResultContent::Text(text) => said.push(json!(text)),
            ResultContent::Source(source) => said.push(json!(media::source_text(source))),
            ResultContent::Image(medium) | ResultContent::File(medium) => {
                let parts = match context.earlier {
                    true => &mut beside,
                    false => &mut inside,
                };
                // Without a resolution: the vendor knows it only for parts of messages.
                let mut plain = medium.clone();
                plain.detail = None;
                if medium.detail.as_deref().is_some_and(|word| word != "auto") {
                    context.warnings.add(
                        "messages.tool_result.detail",
                        "the vendor takes no resolution inside a tool's result: left out",
                    );
                }
                parts.extend(media::parts(
                    &plain,
                    context.config,
                    context.earlier,
                    &mut context.warnings,
                )?);
            }
        }
    }
    // Words about a medium are a text, which has no place among the media of a result.
    inside.retain_mut(|part: &mut Value| match part.get_mut("text") {
        Some(text) => {
            said.push(text.take());
            false
        }
        None => true,
    });
    if !beside.is_empty() {
        context.warnings.add(
            "messages.tool_result",
            "this model takes no media inside a tool's result: they were put beside it",
        );
    }
    let said = match said.len() {
        0 => json!(""),
        1 => said.swap_remove(0),
        _ => Value::Array(said),
    };
    let key = if result.is_error { "error" } else { "output" };
    let mut response = json!({"name": name, "response": {key: said}});
    if let Some(id) = context.id(&result.call_id) {
        response["id"] = json!(id);
    }
    if !inside.is_empty() {
        response["parts"] = Value::Array(inside);
    }
    let mut parts = vec![json!({"functionResponse": response})];
    parts.append(&mut beside);
    Ok(parts)
}

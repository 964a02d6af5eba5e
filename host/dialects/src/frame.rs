//! Writing server-sent events.

use serde_json::{Value, json};
use types::neutral::Warning;

/// A frame of one `data:` line.
pub(crate) fn data(out: &mut String, value: &Value) {
    out.push_str("data: ");
    json(out, value);
    out.push_str("\n\n");
}

/// A frame with an event name, which is the value's `type`.
pub(crate) fn named(out: &mut String, name: &str, value: &Value) {
    out.push_str("event: ");
    out.push_str(name);
    out.push('\n');
    data(out, value);
}

/// A comment: parsers skip it, people see it. No dialect has an event for what was not honoured.
pub(crate) fn warning(out: &mut String, warning: &Warning) {
    out.push_str(": evenhand-warning ");
    json(out, &json!(warning));
    out.push_str("\n\n");
}

/// The JSON text of a value.
pub(crate) fn json(out: &mut String, value: &Value) {
    out.push_str(&value.to_string());
}

/// The JSON text of a string.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
}

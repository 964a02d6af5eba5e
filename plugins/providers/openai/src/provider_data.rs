//! What comes back with a part: ours, or a client's own words.

use evenhand_sdk::Warnings;
use serde_json::Value;

/// As JSON; null where it is none.
pub(crate) fn parse(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_default()
}

/// Names what provider data say beside these fields, which this vendor has no place for.
pub(crate) fn left_out(
    provider_data: Option<&str>,
    known: &[&str],
    path: &str,
    warnings: &mut Warnings,
) {
    let data = provider_data.and_then(|data| serde_json::from_str(data).ok());
    let Some(Value::Object(fields)) = data else {
        return;
    };
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    for (name, value) in fields {
        if !known.contains(&name.as_str()) && !empty(&value) {
            warnings.add(
                &format!("{path}.{name}"),
                "the vendor has no such field there: left out",
            );
        }
    }
}

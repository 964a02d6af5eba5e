//! JSON Schemas, and which of them the vendor enforces.

use evenhand_sdk::{Error, Warnings};
use serde_json::Value;

/// A schema as JSON.
pub(crate) fn schema_json(schema: &str, field: &str) -> Result<Value, Error> {
    serde_json::from_str(schema)
        .map_err(|e| Error::bad_request(format!("the schema is no JSON: {e}")).at(field))
}

/// What to say of strictness: a schema that the vendor would refuse as strict is followed without a guarantee.
pub(crate) fn strict(
    asked: Option<bool>,
    schema: &Value,
    field: &str,
    warnings: &mut Warnings,
) -> Option<bool> {
    if asked == Some(true) && !can_be_strict(schema) {
        warnings.add(
            field,
            "the vendor enforces only schemas whose objects have `additionalProperties: false` and require every \
             property: the model was asked to follow this one, without a guarantee",
        );
        return Some(false);
    }
    asked
}

/// Does the vendor accept this schema as strict? Every object must be closed and require all of its properties.
fn can_be_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let is_object = match &fields.get("type") {
                Some(Value::String(kind)) => kind == "object",
                Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
                _ => fields.contains_key("properties"),
            };
            (!is_object || is_closed(schema))
                && fields.iter().all(|(name, inner)| inner_can(name, inner))
        }
        Value::Array(all) => all.iter().all(can_be_strict),
        _ => true,
    }
}

fn inner_can(name: &str, inner: &Value) -> bool {
    match (name, inner) {
        ("enum" | "const" | "default" | "examples", _) => true,
        ("properties" | "$defs" | "definitions", Value::Object(named)) => {
            named.values().all(can_be_strict)
        }
        _ => can_be_strict(inner),
    }
}

fn is_closed(schema: &Value) -> bool {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let mut names = schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|it| it.keys());
    schema["additionalProperties"] == false
        && names.all(|name| required.iter().any(|it| it == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_must_be_closed_and_require_everything() {
        let closed = json!({"type": "object", "additionalProperties": false, "required": ["type"],
            "properties": {"type": {"type": ["string", "null"], "enum": [{"type": "object"}]}}});
        assert!(can_be_strict(&closed));
        assert!(can_be_strict(
            &json!({"anyOf": [closed, {"type": "string"}]})
        ));
        let mut optional = closed.clone();
        optional["required"] = json!([]);
        assert!(!can_be_strict(&optional));
        assert!(!can_be_strict(
            &json!({"$defs": {"a": {"type": "object"}}, "$ref": "#/$defs/a"})
        ));
        assert!(!can_be_strict(
            &json!({"type": "array", "items": {"type": ["null", "object"]}})
        ));
    }
}

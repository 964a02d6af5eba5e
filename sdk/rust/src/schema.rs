//! JSON Schemas for vendors that enforce a subset: others are rewritten into it.
//!
//! The subset is the one of structured outputs by constrained decoding: objects are closed, and what can't be enforced (bounds,
//! lengths, patterns of properties, unknown formats) is said in the description, so that the model may still follow it.

use crate::Warnings;
use serde_json::{Map, Value, json};

/// Keywords that are refused.
const UNENFORCED: [&str; 15] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "contains",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "not",
];

/// Formats of strings that are enforced; others are refused.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Rewrites a schema into the subset. `field` is where it stands in the neutral form.
pub fn fit(schema: &mut Value, field: &str, warnings: &mut Warnings) {
    let Value::Object(schema) = schema else {
        return;
    };
    if !schema.contains_key("anyOf")
        && let Some(variants) = schema.remove("oneOf")
    {
        schema.insert("anyOf".into(), variants);
    }
    close(schema, field, warnings);
    describe(schema, field, warnings);
    for name in ["properties", "$defs", "definitions"] {
        if let Some(Value::Object(inner)) = schema.get_mut(name) {
            inner
                .values_mut()
                .for_each(|inner| fit(inner, field, warnings));
        }
    }
    for name in ["anyOf", "allOf", "prefixItems"] {
        if let Some(Value::Array(inner)) = schema.get_mut(name) {
            inner
                .iter_mut()
                .for_each(|inner| fit(inner, field, warnings));
        }
    }
    if let Some(items) = schema.get_mut("items") {
        fit(items, field, warnings);
    }
}

/// Objects may have no further fields.
fn close(schema: &mut Map<String, Value>, field: &str, warnings: &mut Warnings) {
    let is_object = match schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => schema.contains_key("properties"),
    };
    if !is_object {
        return;
    }
    let open = schema.insert("additionalProperties".into(), json!(false));
    if open.is_some_and(|open| open != json!(false)) {
        warnings.add(
            field,
            "the vendor can't enforce `additionalProperties`: set to false",
        );
    }
}

/// Moves what can't be enforced into the description.
fn describe(schema: &mut Map<String, Value>, field: &str, warnings: &mut Warnings) {
    let enforced = |name: &str, value: &Value| match name {
        "format" => value
            .as_str()
            .is_some_and(|format| FORMATS.contains(&format)),
        "minItems" => value.as_u64().is_some_and(|least| least <= 1),
        name => !UNENFORCED.contains(&name),
    };
    let kept = std::mem::take(schema).into_iter();
    let (kept, moved): (Vec<_>, Vec<_>) = kept.partition(|(name, value)| enforced(name, value));
    schema.extend(kept);
    if moved.is_empty() {
        return;
    }
    let mut said = Vec::new();
    for (name, value) in moved {
        warnings.add(
            field,
            format!("the vendor can't enforce `{name}`: moved into the description"),
        );
        said.push(format!("{name}: {value}"));
    }
    let said = format!("{{{}}}", said.join(", "));
    let said = match schema.get("description").and_then(Value::as_str) {
        Some(description) => format!("{description}\n\n{said}"),
        None => said,
    };
    schema.insert("description".into(), json!(said));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fitted(mut schema: Value) -> (Value, usize) {
        let mut warnings = Warnings::default();
        fit(&mut schema, "output.schema", &mut warnings);
        let count = warnings.fields().count();
        (schema, count)
    }

    #[test]
    fn a_schema_within_the_subset_stays_as_it_is() {
        let schema = json!({"type": "object", "additionalProperties": false, "required": ["a"], "properties": {
            "a": {"type": ["string", "null"], "format": "date", "pattern": "^x"},
            "minimum": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/x"}}},
            "$defs": {"x": {"enum": [1, 2]}}});
        assert_eq!(fitted(schema.clone()), (schema, 0));
    }

    #[test]
    fn objects_are_closed_and_the_rest_is_described() {
        let (schema, warnings) = fitted(json!({"properties": {
            "n": {"type": "integer", "description": "How many", "minimum": 1, "maximum": 9},
            "o": {"oneOf": [{"type": "object", "additionalProperties": true}, {"type": "string", "format": "x"}]}}}));
        assert_eq!(
            schema,
            json!({"additionalProperties": false, "properties": {
                "n": {"type": "integer", "description": "How many\n\n{minimum: 1, maximum: 9}"},
                "o": {"anyOf": [
                    {"type": "object", "additionalProperties": false},
                    {"type": "string", "description": "{format: \"x\"}"}]}}})
        );
        assert_eq!(warnings, 4);
    }

    fn any_schema() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!({"type": "string", "minLength": 3})),
            Just(json!({"type": "number", "maximum": 1.5})),
            Just(json!(true)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(("[a-z]{1,3}", inner.clone()), 0..4).prop_map(|fields| {
                    let fields: Map<_, _> = fields.into_iter().collect();
                    json!({"type": "object", "properties": fields})
                }),
                proptest::collection::vec(inner.clone(), 1..3)
                    .prop_map(|all| json!({"oneOf": all})),
                inner.prop_map(|inner| json!({"type": "array", "items": inner, "maxItems": 3})),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_rewritten_needs_no_rewriting(schema in any_schema()) {
            let (once, _) = fitted(schema);
            prop_assert_eq!(fitted(once.clone()), (once, 0));
        }
    }
}

use super::*;
use proptest::prelude::*;

fn fitted(schema: Value) -> (Value, usize) {
    let mut warnings = Warnings::default();
    let Value::Object(schema) = schema else {
        panic!("an object");
    };
    let fitted = fit(schema, "output.schema", &mut warnings);
    (fitted, warnings.into_vec().len())
}

#[test]
fn what_is_in_the_subset_stays_as_it_is() {
    let schema = json!({"type": "object", "title": "T", "additionalProperties": false, "required": ["a"], "properties": {
        "a": {"type": ["string", "null"], "description": "d"},
        "type": {"type": "integer", "minimum": 1, "maximum": 9, "format": "int32"},
        "format": {"enum": ["C", "F", 1]},
        "when": {"type": "string", "format": "date-time"},
        "list": {"type": "array", "items": {"$ref": "#/$defs/x"}, "minItems": 1, "maxItems": 3},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
        "either": {"anyOf": [{"type": "string"}, {"oneOf": [{"type": "null"}, {"type": "boolean"}]}]},
        "map": {"type": "object", "additionalProperties": {"type": "number"}}},
        "$defs": {"x": {"type": "string"}}, "propertyOrdering": ["a"]});
    assert_eq!(fitted(schema.clone()), (schema, 0));
}

#[test]
fn what_says_nothing_of_values_goes_and_advice_is_described() {
    let (schema, warned) = fitted(
        json!({"$schema": "s", "$comment": "c", "type": "object", "properties": {
        "a": {"type": "string", "default": "x", "readOnly": true, "description": "d"}, "b": true}}),
    );
    assert_eq!(
        schema,
        json!({"type": "object", "properties": {
            "a": {"type": "string", "description": "d\n\n{default: \"x\"}"}, "b": {}}})
    );
    assert_eq!(warned, 0);
}

#[test]
fn what_cannot_be_enforced_is_described_with_a_warning() {
    let (schema, warned) =
        fitted(json!({"type": "string", "pattern": "^a", "minLength": 2, "format": "email"}));
    assert_eq!(
        schema,
        json!({"type": "string", "description": "{pattern: \"^a\", minLength: 2, format: \"email\"}"})
    );
    assert_eq!(warned, 3);
    let (schema, warned) = fitted(json!({"const": true}));
    assert_eq!(
        (schema, warned),
        (json!({"description": "{const: true}"}), 1)
    );
    let (schema, warned) = fitted(json!({"type": "number", "exclusiveMinimum": 0.5}));
    assert_eq!(schema["description"], "{exclusiveMinimum: 0.5}");
    assert_eq!(warned, 1);
}

#[test]
fn values_are_rewritten_without_loss() {
    for (given, sent) in [
        (json!({"const": "a"}), json!({"enum": ["a"]})),
        (json!({"const": null}), json!({"type": "null"})),
        (
            json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}),
            json!({"type": "integer", "minimum": 1, "maximum": 9}),
        ),
        (
            json!({"type": ["string", "null"], "enum": ["a", null], "description": "d"}),
            json!({"description": "d", "anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
        ),
    ] {
        assert_eq!(fitted(given), (sent, 0));
    }
}

#[test]
fn references_stand_alone_and_lead_to_defs() {
    let (schema, warned) = fitted(json!({"type": "object", "properties": {
        "a": {"$ref": "#/definitions/x", "description": "d"},
        "b": {"$ref": "#/$defs/x"},
        "c": {"allOf": [{"$ref": "#/definitions/x"}], "title": "T"}},
        "definitions": {"x": {"type": "string", "const": "v"}}}));
    let x = json!({"$ref": "#/$defs/x"});
    assert_eq!(
        schema,
        json!({"type": "object", "properties": {
            "a": {"description": "d", "anyOf": [x]}, "b": x, "c": {"title": "T", "anyOf": [x]}},
            "$defs": {"x": {"type": "string", "enum": ["v"]}}})
    );
    assert_eq!(warned, 0);
    let (schema, warned) = fitted(json!({"properties": {"a": {"$ref": "#"}}}));
    assert_eq!(
        (schema["properties"]["a"]["$ref"].clone(), warned),
        (json!("#"), 1)
    );
    let root = json!({"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}});
    assert_eq!(fitted(root.clone()), (root, 0));
}

#[test]
fn all_of_becomes_one() {
    let (schema, warned) = fitted(json!({
        "allOf": [
            {"$ref": "#/$defs/base"},
            {"properties": {"b": {"type": "number"}}, "required": ["b"], "description": "inner"},
            {"allOf": [{"required": ["a", "c"]}]}],
        "description": "outer",
        "$defs": {"base": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}}}));
    assert_eq!(schema["type"], "object");
    assert_eq!(
        schema["properties"],
        json!({"a": {"type": "string"}, "b": {"type": "number"}})
    );
    assert_eq!(schema["required"], json!(["a", "b", "c"]));
    assert_eq!((schema["description"].clone(), warned), (json!("outer"), 0));
    let (schema, warned) = fitted(json!({"allOf": [{"type": "string"}, {"type": "number"}]}));
    assert_eq!((schema, warned), (json!({"type": "string"}), 1));
    let circle = json!({"allOf": [{"$ref": "#/$defs/a"}, {"title": "T"}], "$defs": {"a": {"$ref": "#/$defs/a"}}});
    assert!(fitted(circle).0["$defs"].is_object());
    let inner = json!({"allOf": [{"$ref": "#/$defs/a"}, {"title": "T"}]});
    let circle = json!({"$defs": {"a": {"properties": {"x": inner}}}, "items": inner});
    let (schema, warned) = fitted(circle);
    assert_eq!(
        (schema["items"]["properties"]["x"].clone(), warned),
        (json!({"title": "T"}), 1)
    );
}

/// Is every keyword one that the vendor takes, and does every reference stand alone?
fn is_within(schema: &Value) -> bool {
    let Value::Object(schema) = schema else {
        return schema.is_boolean();
    };
    let alone = schema.keys().all(|name| name.starts_with('$'));
    (alone || !schema.contains_key("$ref"))
        && schema.iter().all(|(name, value)| match name.as_str() {
            "properties" | "$defs" => value.as_object().unwrap().values().all(is_within),
            "anyOf" | "oneOf" | "prefixItems" => value.as_array().unwrap().iter().all(is_within),
            "items" | "additionalProperties" => is_within(value),
            "enum" => is_plain(value),
            "format" | "$ref" => true,
            name => KNOWN.contains(&name),
        })
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string", "minLength": 1})),
        Just(json!({"$ref": "#/$defs/a", "description": "d"})),
        Just(json!({"enum": ["a", null, 3]})),
        Just(json!({"const": 4, "format": "uuid"})),
        Just(json!({"type": "integer", "exclusiveMinimum": 1})),
        Just(json!(true)),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        let all = proptest::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            all.clone()
                .prop_map(|all| json!({"anyOf": all, "title": "t"})),
            all.clone().prop_map(|all| json!({"allOf": all})),
            all.prop_map(|all| json!({"type": "array", "prefixItems": all, "uniqueItems": true})),
            inner
                .clone()
                .prop_map(|one| json!({"type": "object", "properties": {"enum": one}, "not": {}})),
            inner.prop_map(|one| json!({"type": "array", "items": one, "$comment": "c"})),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_comes_is_within_the_subset(one in schemas(), named in schemas()) {
        let (schema, _) = fitted(json!({"type": "object", "properties": {"x": one}, "definitions": {"a": named}}));
        prop_assert!(is_within(&schema), "{schema}");
    }
}

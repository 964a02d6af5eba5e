//! Values that fit a JSON Schema and make no sense.

use serde_json::{Map, Value, json};

use crate::requests::UNICODE;

/// Deepest that a schema is followed.
const DEEPEST: usize = 8;

/// Most values that are made of one schema.
const MOST: usize = 24;

/// Values that a schema takes, the plainest first; only those that it does take.
pub(crate) fn fitting(schema: &Value) -> Vec<Value> {
    let made = of(schema, schema, DEEPEST);
    let text = schema.to_string();
    let mut good: Vec<Value> = Vec::new();
    for value in made {
        let checked = manifest::schema::validator(&text, value.to_string().len());
        if checked.is_ok_and(|it| it.is_valid(&value)) && !good.contains(&value) {
            good.push(value);
        }
    }
    good.truncate(MOST);
    good
}

/// Values of one kind after the other; some may not fit.
fn of(root: &Value, schema: &Value, depth: usize) -> Vec<Value> {
    if depth == 0 {
        return vec![Value::Null];
    }
    if let Some(place) = schema["$ref"].as_str() {
        let found = place
            .strip_prefix('#')
            .and_then(|place| root.pointer(place));
        return found.map_or(vec![Value::Null], |found| of(root, found, depth - 1));
    }
    if let Some(fixed) = schema.get("const") {
        return vec![fixed.clone()];
    }
    if let Some(all) = schema["enum"].as_array() {
        return all.clone();
    }
    for either in ["oneOf", "anyOf"] {
        if let Some(all) = schema[either].as_array() {
            return all
                .iter()
                .flat_map(|one| of(root, one, depth - 1))
                .collect();
        }
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ if schema.get("properties").is_some() => vec!["object"],
        _ => vec!["string", "integer", "null"],
    };
    kinds
        .into_iter()
        .flat_map(|kind| of_kind(root, schema, kind, depth))
        .collect()
}

fn of_kind(root: &Value, schema: &Value, kind: &str, depth: usize) -> Vec<Value> {
    match kind {
        "string" => vec![
            json!("x"),
            json!(""),
            json!(UNICODE),
            json!("\u{0}\u{0}"),
            json!("../../etc/passwd"),
            json!("'; drop table x; --"),
            json!("(".repeat(500)),
            json!("9".repeat(100_000)),
            json!("2026-11-26"),
            json!("https://example.invalid/x"),
            json!("a@example.invalid"),
        ],
        "integer" => {
            let bounds = [&schema["minimum"], &schema["maximum"]];
            let bounds = bounds
                .into_iter()
                .filter(|bound| bound.is_number())
                .cloned();
            let plain = [
                json!(1),
                json!(0),
                json!(-1),
                json!(i64::MAX),
                json!(i64::MIN),
                json!(u64::MAX),
            ];
            plain.into_iter().chain(bounds).collect()
        }
        "number" => vec![
            json!(1.5),
            json!(0),
            json!(-1e300),
            json!(1e300),
            json!(5e-324),
        ],
        "boolean" => vec![json!(true), json!(false)],
        "array" => {
            let items = of(root, &schema["items"], depth - 1);
            let one = items.first().cloned().map(|item| json!([item]));
            let many = items
                .first()
                .map(|item| Value::Array(vec![item.clone(); 1000]));
            let each = Value::Array(items.iter().take(8).cloned().collect());
            let all = [Some(json!([])), one, Some(each), many];
            all.into_iter().flatten().collect()
        }
        "object" => objects(root, schema, depth),
        _ => vec![Value::Null],
    }
}

/// Objects: all fields of the first kind, only those that must be there, and each field of each other kind.
fn objects(root: &Value, schema: &Value, depth: usize) -> Vec<Value> {
    let empty = Map::new();
    let fields = schema["properties"].as_object().unwrap_or(&empty);
    let required: Vec<&str> = match schema["required"].as_array() {
        Some(names) => names.iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    };
    let kinds: Vec<(&String, Vec<Value>)> = fields
        .iter()
        .map(|(name, field)| (name, of(root, field, depth - 1)))
        .collect();
    let first = kinds
        .iter()
        .filter_map(|(name, values)| Some(((*name).clone(), values.first()?.clone())));
    let full: Map<String, Value> = first.collect();
    let mut least = full.clone();
    least.retain(|name, _| required.contains(&name.as_str()));
    let mut all = vec![Value::Object(full.clone()), Value::Object(least)];
    let longest = kinds.iter().map(|(_, values)| values.len()).max();
    for at in 1..longest.unwrap_or_default() {
        for (name, values) in &kinds {
            if let Some(value) = values.get(at) {
                let mut other = full.clone();
                other.insert((*name).clone(), value.clone());
                all.push(Value::Object(other));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_fits() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 100},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
                "unit": {"enum": ["C", "F"]},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
            },
            "required": ["city"],
            "additionalProperties": false,
            "$defs": {"tag": {"type": "string"}},
        });
        let made = fitting(&schema);
        assert!(made.len() > 10, "{made:?}");
        assert!(made.contains(&json!({"city": "x"})), "{made:?}");
        assert!(made.iter().any(|it| it["days"] == 7));
        // The longest text and the lowest number don't fit.
        assert!(
            made.iter()
                .all(|it| it["city"].as_str().unwrap().len() < 1000)
        );
        let never = json!({"type": "string", "pattern": "^never$"});
        assert_eq!(fitting(&never), Vec::<Value>::new());
    }
}

//! JSON Schemas that the vendor enforces: a subset, into which others are rewritten.
//!
//! The subset is what the vendor says of `responseJsonSchema` and `parametersJsonSchema`. What can't be enforced is said in
//! the description, so that the model may still follow it.

use evenhand_sdk::Warnings;
use serde_json::{Map, Value, json};

/// Keywords that the vendor takes as they are.
const KNOWN: [&str; 11] = [
    "$id",
    "$anchor",
    "type",
    "title",
    "description",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "propertyOrdering",
    "required",
];

/// Keywords that say nothing about values.
const SILENT: [&str; 6] = [
    "$schema",
    "$comment",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$vocabulary",
];

/// Keywords that are advice: no warning where they are moved into the description.
const ADVICE: [&str; 2] = ["default", "examples"];

/// Formats that the vendor takes, of strings and of numbers.
const FORMATS: [&str; 7] = [
    "date-time",
    "date",
    "time",
    "float",
    "double",
    "int32",
    "int64",
];

/// A schema within the subset. `field` is where it stands in the neutral form.
pub(crate) fn fit(mut root: Map<String, Value>, field: &str, warnings: &mut Warnings) -> Value {
    if let Some(Value::Object(older)) = root.remove("definitions") {
        let named = root.entry("$defs").or_insert_with(|| json!({}));
        if let Value::Object(named) = named {
            older.into_iter().for_each(|(name, schema)| {
                named.entry(name).or_insert(schema);
            });
        }
    }
    let named = root.get("$defs").and_then(Value::as_object).cloned();
    let mut fitter = Fitter {
        named: named.unwrap_or_default(),
        followed: Vec::new(),
        field,
        warnings,
    };
    Value::Object(fitter.object(root))
}

struct Fitter<'a> {
    /// The schemas that references name, as the client wrote them.
    named: Map<String, Value>,
    /// References that are being put in place, so that a circle ends.
    followed: Vec<String>,
    field: &'a str,
    warnings: &'a mut Warnings,
}

impl Fitter<'_> {
    fn value(&mut self, schema: Value) -> Value {
        match schema {
            Value::Object(schema) => Value::Object(self.object(schema)),
            // Anything fits.
            Value::Bool(true) => json!({}),
            other => other,
        }
    }

    fn object(&mut self, mut schema: Map<String, Value>) -> Map<String, Value> {
        let depth = self.followed.len();
        let joined = self.join(&mut schema);
        self.followed.extend(joined);
        let fitted = self.joined(schema);
        self.followed.truncate(depth);
        fitted
    }

    fn joined(&mut self, mut schema: Map<String, Value>) -> Map<String, Value> {
        if let Some(Value::String(reference)) = schema.remove("$ref") {
            return self.reference(&reference, schema);
        }
        constant(&mut schema);
        bounds(&mut schema);
        if let Some(nullable) = nullable(&mut schema) {
            return self.object(nullable);
        }
        let mut fitted = Map::new();
        let mut moved = Vec::new();
        for (name, value) in schema {
            match (name.as_str(), value) {
                ("properties" | "$defs", Value::Object(named)) => {
                    let named = named.into_iter().map(|(name, one)| (name, self.value(one)));
                    fitted.insert(name, Value::Object(named.collect()));
                }
                ("anyOf" | "oneOf" | "prefixItems", Value::Array(all)) => {
                    let all = all.into_iter().map(|one| self.value(one));
                    fitted.insert(name, Value::Array(all.collect()));
                }
                ("items", value @ (Value::Object(_) | Value::Bool(true)))
                | ("additionalProperties", value @ Value::Object(_)) => {
                    fitted.insert(name, self.value(value));
                }
                ("additionalProperties", value @ Value::Bool(_)) => {
                    fitted.insert(name, value);
                }
                (known, value) if KNOWN.contains(&known) => {
                    fitted.insert(name, value);
                }
                ("enum", value) if is_plain(&value) => {
                    fitted.insert(name, value);
                }
                ("format", value) if FORMATS.iter().any(|format| value == *format) => {
                    fitted.insert(name, value);
                }
                (silent, _) if SILENT.contains(&silent) => {}
                (_, value) => moved.push((name, value)),
            }
        }
        self.describe(&mut fitted, moved);
        fitted
    }

    /// A reference stands alone; what is said beside it goes around it.
    fn reference(&mut self, reference: &str, beside: Map<String, Value>) -> Map<String, Value> {
        let reference = reference.replacen("#/definitions/", "#/$defs/", 1);
        if !reference.starts_with("#/$defs/") {
            self.warnings.add(
                self.field,
                format!("the vendor follows references to `$defs` only, not `{reference}`"),
            );
        }
        let (kept, beside): (Map<_, _>, Map<_, _>) = beside
            .into_iter()
            .partition(|(name, _)| name.starts_with('$'));
        let mut alone = Map::new();
        alone.insert("$ref".into(), json!(reference));
        if beside.is_empty() {
            alone.extend(self.object(kept));
            return alone;
        }
        let mut around = kept;
        around.extend(beside);
        match around.contains_key("anyOf") {
            true => self.warnings.add(
                self.field,
                format!("the vendor can't enforce both `anyOf` and `{reference}`: the latter is left out"),
            ),
            false => drop(around.insert("anyOf".into(), json!([alone]))),
        }
        self.object(around)
    }

    /// The vendor knows no `allOf`: its schemas become one. Gives the references that were put in place.
    fn join(&mut self, schema: &mut Map<String, Value>) -> Vec<String> {
        let mut joined = Vec::new();
        let Some(Value::Array(all)) = schema.remove("allOf") else {
            return joined;
        };
        // One reference alone stays a reference.
        let stays = all.len() == 1 && !schema.contains_key("$ref");
        for part in all {
            let Value::Object(mut part) = part else {
                continue;
            };
            let depth = self.followed.len();
            if !stays {
                self.resolve(&mut part);
            }
            let inner = self.join(&mut part);
            joined.extend(self.followed.drain(depth..).chain(inner));
            for (name, value) in part {
                self.join_keyword(schema, name, value);
            }
        }
        joined
    }

    fn join_keyword(&mut self, schema: &mut Map<String, Value>, name: String, value: Value) {
        match (schema.get_mut(&name), value) {
            (None, value) => drop(schema.insert(name, value)),
            (Some(Value::Object(known)), Value::Object(more)) if name == "properties" => {
                for (name, value) in more {
                    known.entry(name).or_insert(value);
                }
            }
            (Some(Value::Array(known)), Value::Array(more)) if name == "required" => {
                let new: Vec<_> = more.into_iter().filter(|it| !known.contains(it)).collect();
                known.extend(new);
            }
            (Some(known), value) if *known == value => {}
            // What describes the whole says it for the part.
            (Some(_), _) if ["title", "description"].contains(&name.as_str()) => {}
            (Some(_), value) => self.warnings.add(
                self.field,
                format!("the vendor knows no `allOf`, and `{name}: {value}` differs from another in it: left out"),
            ),
        }
    }

    /// Puts the named schema in place of a reference; of a circle, nothing.
    fn resolve(&mut self, schema: &mut Map<String, Value>) {
        while let Some(Value::String(reference)) = schema.remove("$ref") {
            let name = reference.rsplit_once('/').map_or("", |(_, name)| name);
            let found = self.named.get(name).and_then(Value::as_object).cloned();
            match found {
                Some(found) if !self.followed.contains(&reference) => {
                    for (name, value) in found {
                        schema.entry(name).or_insert(value);
                    }
                    self.followed.push(reference);
                }
                _ => self.warnings.add(
                    self.field,
                    format!(
                        "the vendor knows no `allOf`, and `{reference}` can't be joined: left out"
                    ),
                ),
            }
        }
    }

    /// Moves what can't be enforced into the description.
    fn describe(&mut self, schema: &mut Map<String, Value>, moved: Vec<(String, Value)>) {
        if moved.is_empty() {
            return;
        }
        let mut said = Vec::new();
        for (name, value) in moved {
            if !ADVICE.contains(&name.as_str()) {
                self.warnings.add(
                    self.field,
                    format!("the vendor can't enforce `{name}`: moved into the description"),
                );
            }
            said.push(format!("{name}: {value}"));
        }
        let said = format!("{{{}}}", said.join(", "));
        let said = match schema.get("description").and_then(Value::as_str) {
            Some(description) => format!("{description}\n\n{said}"),
            None => said,
        };
        schema.insert("description".into(), json!(said));
    }
}

/// The vendor enforces lists of strings and numbers.
fn is_plain(list: &Value) -> bool {
    let mut list = list.as_array().into_iter().flatten();
    list.all(|value| value.is_string() || value.is_number())
}

/// One value is a list of one.
fn constant(schema: &mut Map<String, Value>) {
    let plain = |value: &Value| value.is_string() || value.is_number();
    match schema.get("const") {
        Some(Value::Null) => {
            schema.remove("const");
            schema.insert("type".into(), json!("null"));
        }
        Some(value) if plain(value) && !schema.contains_key("enum") => {
            let only = schema.remove("const");
            schema.insert("enum".into(), json!([only]));
        }
        _ => {}
    }
}

/// Between whole numbers a strict bound is the next one's.
fn bounds(schema: &mut Map<String, Value>) {
    if schema.get("type") != Some(&json!("integer")) {
        return;
    }
    for (strict, plain, step) in [
        ("exclusiveMinimum", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
    ] {
        let bound = schema.get(strict).and_then(Value::as_i64);
        if let (Some(bound), None) = (bound, schema.get(plain)) {
            schema.remove(strict);
            schema.insert(plain.into(), json!(bound.saturating_add(step)));
        }
    }
}

/// A list of values with null in it becomes a choice between the list and null.
fn nullable(schema: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    let values = schema.get_mut("enum")?.as_array_mut()?;
    let all = values.len();
    values.retain(|value| !value.is_null());
    if values.len() == all || schema.contains_key("anyOf") {
        return None;
    }
    let mut outer = Map::new();
    for name in ["title", "description"] {
        outer.extend(schema.remove(name).map(|said| (name.to_owned(), said)));
    }
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [one] = kinds.as_slice() {
            let one = one.clone();
            schema.insert("type".into(), one);
        }
    }
    let inner = std::mem::take(schema);
    outer.insert("anyOf".into(), json!([inner, {"type": "null"}]));
    Some(outer)
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;

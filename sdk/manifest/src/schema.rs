//! JSON Schemas of plugins: <https://json-schema.org/draft/2020-12>. They come from components: nothing is fetched for them, and their
//! patterns run in linear time.

use std::collections::HashMap;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// Longest schema, in bytes.
const SCHEMA: usize = 256 * 1024;

/// Most parts of a schema, with each reference in the place of which it stands.
const PARTS: u64 = 20_000;

/// Deepest place of a schema, counted through references: who reads it goes down as often.
const DEPTH: usize = 200;

/// Most steps that checking may take: parts of the schema times bytes of what is checked.
const STEPS: u64 = 200_000_000;

/// Most errors that are told at a time.
const ERRORS: usize = 5;

/// Longest value that is shown in an error.
const SHOWN: usize = 500;

/// Reads a schema. `checked`: bytes of what it is for.
///
/// # Errors
/// It is none, refers to the outside or to itself, or is too large for what it checks.
pub fn validator(schema: &str, checked: usize) -> Result<Validator, String> {
    if schema.len() > SCHEMA {
        return Err(format!("the schema has more than {SCHEMA} bytes"));
    }
    let schema: Value =
        serde_json::from_str(schema).map_err(|error| format!("the schema is no JSON: {error}"))?;
    if !schema.is_object() {
        return Err("the schema is no JSON object".into());
    }
    let steps = unfolded(&schema)?.saturating_mul(checked as u64);
    if steps > STEPS {
        return Err("it is too long for a schema of this size".into());
    }
    // Without a retriever, references to the outside are errors.
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .build(&schema)
        .map_err(|error| format!("the schema is not valid: {error}"))
}

/// Parts of a schema with all references unfolded. Who checks against it does so part by part, and as often as one is referred to:
/// sixty references to two others each would take longer than there is time.
///
/// # Errors
/// It has too many; a reference that leads to itself, or to anything but a place in the schema.
fn unfolded(schema: &Value) -> Result<u64, String> {
    fn count<'s>(
        root: &'s Value,
        at: &'s Value,
        known: &mut HashMap<&'s str, Option<u64>>,
        depth: usize,
    ) -> Result<u64, String> {
        if depth > DEPTH {
            return Err(format!("the schema is nested more than {DEPTH} times"));
        }
        let mut sum: u64 = 1;
        match at {
            Value::Array(all) => {
                for one in all {
                    sum = sum.saturating_add(count(root, one, known, depth + 1)?);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    let parts = match (key.as_str(), value) {
                        ("$ref", Value::String(to)) => follow(root, to, known, depth + 1)?,
                        ("$dynamicRef" | "$recursiveRef", _) => {
                            return Err(format!("`{key}` is not followed here"));
                        }
                        _ => count(root, value, known, depth + 1)?,
                    };
                    sum = sum.saturating_add(parts);
                }
            }
            _ => {}
        }
        match sum <= PARTS {
            true => Ok(sum),
            false => Err(format!("the schema has more than {PARTS} parts")),
        }
    }
    fn follow<'s>(
        root: &'s Value,
        to: &'s str,
        known: &mut HashMap<&'s str, Option<u64>>,
        depth: usize,
    ) -> Result<u64, String> {
        match known.get(to) {
            Some(Some(parts)) => return Ok(*parts),
            Some(None) => return Err(format!("`{to}` refers to itself")),
            None => {}
        }
        let place = to.strip_prefix('#').and_then(|place| root.pointer(place));
        let place = place.ok_or_else(|| format!("`{to}` is no place in the schema"))?;
        known.insert(to, None);
        let parts = count(root, place, known, depth)?;
        known.insert(to, Some(parts));
        Ok(parts)
    }
    count(schema, schema, &mut HashMap::new(), 0)
}

/// Where a value breaks a schema; `None`: nowhere.
pub fn faults(validator: &Validator, value: &Value) -> Option<String> {
    if validator.is_valid(value) {
        return None;
    }
    let faults: Vec<String> = validator
        .iter_errors(value)
        .take(ERRORS)
        .map(|error| {
            let place = error.instance_path().to_string();
            let mut text = error.to_string();
            text.truncate(text.floor_char_boundary(SHOWN));
            match place.is_empty() {
                true => text,
                false => format!("at {place}: {text}"),
            }
        })
        .collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_references_is_no_way_down_the_stack() {
        let hops: Vec<String> = (1..3000)
            .map(|n| format!(r##"{{"$ref":"#/a/{n}"}}"##))
            .collect();
        let schema = format!(r#"{{"a":[{},{{}}]}}"#, hops.join(","));
        let error = validator(&schema, 0).map(drop).unwrap_err();
        assert!(error.contains("nested"), "{error}");
    }
}

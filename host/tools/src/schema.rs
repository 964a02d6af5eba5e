//! JSON Schemas of tools: <https://json-schema.org/draft/2020-12>. They come from components: nothing is fetched for them, and their
//! patterns run in linear time.

use std::collections::HashMap;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use types::tool::{CallResult, ToolInfo};

/// Longest schema, in bytes.
const SCHEMA: usize = 256 * 1024;

/// Most parts of a schema, with each reference in the place of which it stands.
const PARTS: u64 = 20_000;

/// Most steps that checking may take: parts of the schema times bytes of what is checked.
const STEPS: u64 = 200_000_000;

/// Longest name of a tool: that of MCP.
const NAME: usize = 128;

/// Most errors that are told at a time.
const ERRORS: usize = 5;

/// Longest value that is shown in an error.
const SHOWN: usize = 500;

/// `checked`: bytes of what it is for.
fn validator(schema: &str, checked: usize) -> Result<Validator, String> {
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
    ) -> Result<u64, String> {
        let mut sum: u64 = 1;
        match at {
            Value::Array(all) => {
                for one in all {
                    sum = sum.saturating_add(count(root, one, known)?);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    let parts = match (key.as_str(), value) {
                        ("$ref", Value::String(to)) => follow(root, to, known)?,
                        ("$dynamicRef" | "$recursiveRef", _) => {
                            return Err(format!("`{key}` is not followed here"));
                        }
                        _ => count(root, value, known)?,
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
    ) -> Result<u64, String> {
        match known.get(to) {
            Some(Some(parts)) => return Ok(*parts),
            Some(None) => return Err(format!("`{to}` refers to itself")),
            None => {}
        }
        let place = to.strip_prefix('#').and_then(|place| root.pointer(place));
        let place = place.ok_or_else(|| format!("`{to}` is no place in the schema"))?;
        known.insert(to, None);
        let parts = count(root, place, known)?;
        known.insert(to, Some(parts));
        Ok(parts)
    }
    count(schema, schema, &mut HashMap::new())
}

/// Can the tool be offered?
pub(crate) fn check(info: &ToolInfo) -> Result<(), String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    if info.name.is_empty() || info.name.len() > NAME || !info.name.bytes().all(good) {
        return Err(format!(
            "its name has 1 to {NAME} letters, digits, `_`, `-` and `.`"
        ));
    }
    validator(&info.input_schema, 0)?;
    match &info.output_schema {
        Some(schema) => validator(schema, 0).map(drop),
        None => Ok(()),
    }
}

/// Why arguments don't fit a tool, for the model.
pub fn misfit(info: &ToolInfo, arguments: &str) -> Option<String> {
    let length = arguments.len();
    let arguments: Value = match serde_json::from_str(arguments) {
        Ok(value @ Value::Object(_)) => value,
        Ok(_) => return Some("the arguments are no JSON object".into()),
        Err(error) => return Some(format!("the arguments are no JSON: {error}")),
    };
    match validator(&info.input_schema, length) {
        Ok(validator) => faults(&validator, &arguments).map(|faults| {
            format!(
                "the arguments don't fit the schema of {:?}: {faults}",
                info.name
            )
        }),
        Err(error) => Some(error),
    }
}

/// How a result breaks what the tool promises.
pub(crate) fn breach(info: &ToolInfo, result: &CallResult) -> Option<String> {
    let schema = info.output_schema.as_ref().filter(|_| !result.is_error)?;
    let Some(structured) = &result.structured else {
        return Some("there is no structured result".into());
    };
    match (
        serde_json::from_str(structured),
        validator(schema, structured.len()),
    ) {
        (Ok(value), Ok(validator)) => faults(&validator, &value),
        (Err(error), _) => Some(format!("the structured result is no JSON: {error}")),
        (_, Err(error)) => Some(error),
    }
}

fn faults(validator: &Validator, value: &Value) -> Option<String> {
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

    fn tool(schema: &str) -> ToolInfo {
        ToolInfo {
            name: "add".into(),
            title: None,
            description: String::new(),
            input_schema: schema.into(),
            output_schema: None,
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: false,
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let add = tool(
            r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}}},"required":["a"],"additionalProperties":false}"#,
        );
        assert_eq!(misfit(&add, r#"{"a":[1,2]}"#), None);
        for (arguments, named) in [
            (r#"{"a":[1,"x"]}"#, "/a/1"),
            ("{}", "\"a\" is a required"),
            (r#"{"a":[],"b":1}"#, "'b'"),
            ("[1]", "no JSON object"),
            ("{", "no JSON"),
        ] {
            let said = misfit(&add, arguments).unwrap();
            assert!(said.contains(named), "{said}");
        }
    }

    #[test]
    fn a_schema_fetches_nothing_and_no_pattern_blows_up() {
        for remote in [
            r#"{"$ref":"https://example.com/schema.json"}"#,
            r#"{"$ref":"file:///etc/passwd"}"#,
            r#"{"type":"objekt"}"#,
            "[]",
            "",
        ] {
            assert!(check(&tool(remote)).is_err(), "{remote}");
        }
        let twice = |n: u32| {
            format!(
                r##""d{n}":{{"allOf":[{{"$ref":"#/$defs/d{m}"}},{{"$ref":"#/$defs/d{m}"}}]}}"##,
                m = n + 1
            )
        };
        let all: Vec<String> = (0..60).map(twice).collect();
        let grows = format!(
            r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d60":{{}}}}}}"##,
            all.join(",")
        );
        assert!(check(&tool(&grows)).unwrap_err().contains("parts"));
        for endless in [
            r##"{"$ref":"#"}"##,
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"properties":{"b":{"$ref":"#/$defs/a"}}}}}"##,
        ] {
            let error = check(&tool(endless)).unwrap_err();
            assert!(error.contains("itself"), "{error}");
        }
        let local = r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"object"}}}"##;
        assert_eq!(check(&tool(local)), Ok(()));
        let slow = tool(r#"{"properties":{"a":{"pattern":"^(a+)+$"}}}"#);
        let arguments = format!("{{\"a\":\"{}b\"}}", "a".repeat(50_000));
        assert!(misfit(&slow, &arguments).unwrap().contains("/a"));
    }

    #[test]
    fn a_result_keeps_what_was_promised() {
        let mut add = tool("{}");
        add.output_schema = Some(r#"{"type":"object","required":["sum"]}"#.into());
        let result = |structured: Option<&str>, is_error| CallResult {
            content: Vec::new(),
            structured: structured.map(str::to_owned),
            is_error,
        };
        assert_eq!(breach(&add, &result(Some(r#"{"sum":3}"#), false)), None);
        assert_eq!(breach(&add, &result(None, true)), None);
        assert!(breach(&add, &result(None, false)).is_some());
        assert!(breach(&add, &result(Some("{}"), false)).is_some());
    }
}

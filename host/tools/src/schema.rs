//! JSON Schemas of tools: <https://json-schema.org/draft/2020-12>. They come from components: nothing is fetched for them, and their
//! patterns run in linear time.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use types::tool::{CallResult, ToolInfo};

/// Longest schema, in bytes.
const SCHEMA: usize = 256 * 1024;

/// Longest name of a tool: that of MCP.
const NAME: usize = 128;

/// Most errors that are told at a time.
const ERRORS: usize = 5;

/// Longest value that is shown in an error.
const SHOWN: usize = 500;

fn validator(schema: &str) -> Result<Validator, String> {
    if schema.len() > SCHEMA {
        return Err(format!("the schema has more than {SCHEMA} bytes"));
    }
    let schema: Value =
        serde_json::from_str(schema).map_err(|error| format!("the schema is no JSON: {error}"))?;
    if !schema.is_object() {
        return Err("the schema is no JSON object".into());
    }
    // Without a retriever, references to the outside are errors.
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .build(&schema)
        .map_err(|error| format!("the schema is not valid: {error}"))
}

/// Can the tool be offered?
pub(crate) fn check(info: &ToolInfo) -> Result<(), String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    if info.name.is_empty() || info.name.len() > NAME || !info.name.bytes().all(good) {
        return Err(format!(
            "its name has 1 to {NAME} letters, digits, `_`, `-` and `.`"
        ));
    }
    validator(&info.input_schema)?;
    match &info.output_schema {
        Some(schema) => validator(schema).map(drop),
        None => Ok(()),
    }
}

/// Why arguments don't fit a tool, for the model.
pub fn misfit(info: &ToolInfo, arguments: &str) -> Option<String> {
    let arguments: Value = match serde_json::from_str(arguments) {
        Ok(value @ Value::Object(_)) => value,
        Ok(_) => return Some("the arguments are no JSON object".into()),
        Err(error) => return Some(format!("the arguments are no JSON: {error}")),
    };
    match validator(&info.input_schema) {
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
    match (serde_json::from_str(structured), validator(schema)) {
        (Ok(value), Ok(validator)) => faults(&validator, &value),
        (Err(error), _) => Some(format!("the structured result is no JSON: {error}")),
        (_, Err(error)) => Some(error),
    }
}

fn faults(validator: &Validator, value: &Value) -> Option<String> {
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

//! Tools and their results, by the schemas that they come with.

use manifest::schema::{faults, validator};
use serde_json::Value;
use types::tool::{CallResult, ToolInfo};

/// Longest name of a tool: that of MCP.
const NAME: usize = 128;

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

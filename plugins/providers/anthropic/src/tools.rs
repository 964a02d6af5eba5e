//! Tools and which of them the model may call.

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings, schema};
use serde_json::{Map, Value, json};

use crate::blocks::{Context, cache_control, fill};
use crate::request::DIALECT;
use crate::web_search;

/// Fields of a function that the neutral form has no place for.
const TOOL_FIELDS: [&str; 5] = [
    "type",
    "allowed_callers",
    "defer_loading",
    "eager_input_streaming",
    "input_examples",
];

/// Adds `tools` and `tool_choice`.
pub(crate) fn tools(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
    context: &mut Context,
) -> Result<(), Error> {
    let mut offered = Vec::new();
    for tool in &request.tools {
        offered.push(match tool {
            Tool::Function(tool) => (tool.name.clone(), function(tool, context)?),
            Tool::Provider(tool) => provider_tool(tool, &mut context.warnings)?,
        });
    }
    let mut choice = choice(request, &mut offered, context)?;
    if !offered.is_empty() && request.parallel_tool_calls == Some(false) {
        let choice = choice.get_or_insert_with(|| json!({"type": "auto"}));
        if choice["type"] != "none" {
            choice["disable_parallel_tool_use"] = json!(true);
        }
    }
    if !offered.is_empty() {
        let tools = offered.into_iter().map(|(_, tool)| tool).collect();
        body.insert("tools".into(), tools);
    }
    body.extend(choice.map(|choice| ("tool_choice".into(), choice)));
    Ok(())
}

/// Must the model call a tool?
pub(crate) fn is_forced(request: &GenerateRequest) -> bool {
    matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Tool(_))
    )
}

fn function(tool: &FunctionTool, context: &mut Context) -> Result<Value, Error> {
    let mut sent = json!({"name": context.names.send(&tool.name)});
    if let Some(description) = &tool.description {
        sent["description"] = json!(description);
    }
    let mut schema = match &tool.parameters {
        None => json!({"type": "object", "properties": {}}),
        Some(schema) => match serde_json::from_str(schema) {
            Ok(Value::Object(schema)) => Value::Object(schema),
            _ => {
                return Err(Error::bad_request(format!(
                    "the parameters of tool `{}` are no JSON Schema: they must be a JSON object",
                    tool.name
                ))
                .at("tools.parameters"));
            }
        },
    };
    if schema.get("type").is_none() {
        schema["type"] = json!("object");
    }
    if tool.strict == Some(true) {
        schema::fit(&mut schema, "tools.parameters", &mut context.warnings);
    }
    sent["input_schema"] = schema;
    if let Some(strict) = tool.strict {
        sent["strict"] = json!(strict);
    }
    if let Some(mark) = &tool.cache {
        sent["cache_control"] = cache_control(mark, &mut context.warnings);
    }
    let data = tool.provider_data.as_deref();
    fill(&mut sent, data, Some(&TOOL_FIELDS), &mut context.warnings);
    Ok(sent)
}

/// A tool of the vendor's own, as the client wrote it or in the vendor's words, and its name.
fn provider_tool(tool: &ProviderTool, warnings: &mut Warnings) -> Result<(String, Value), Error> {
    let refused =
        |why: &str| Error::bad_request(format!("tool `{}`: {why}", tool.kind)).at("tools");
    if let Some(search) = web_search::translated(tool, warnings) {
        return Ok(("web_search".to_owned(), search));
    }
    if tool.dialect != DIALECT {
        return Err(Error::no_such_tool(tool));
    }
    let definition: Value = serde_json::from_str(&tool.definition)
        .map_err(|e| refused(&format!("its definition is no JSON: {e}")))?;
    let name = definition["name"].as_str().unwrap_or(&tool.kind).to_owned();
    Ok((name, definition))
}

fn choice(
    request: &GenerateRequest,
    offered: &mut Vec<(String, Value)>,
    context: &mut Context,
) -> Result<Option<Value>, Error> {
    let Some(choice) = &request.tool_choice else {
        return Ok(None);
    };
    Ok(Some(match choice {
        // The vendor refuses a choice where no tool is offered, and these two say nothing there.
        ToolChoice::Auto | ToolChoice::None if offered.is_empty() => return Ok(None),
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Tool(name) => json!({"type": "tool", "name": chosen(name, request, context)}),
        ToolChoice::Allowed(list) => {
            if let Some(missing) = list
                .iter()
                .find(|name| !offered.iter().any(|(own, _)| own == *name))
            {
                return Err(Error::bad_request(format!(
                    "tool `{missing}` is allowed but not among the tools: offer it, or leave it out"
                ))
                .at("tool_choice"));
            }
            if list.is_empty() {
                return Ok((!offered.is_empty()).then(|| json!({"type": "none"})));
            }
            let all = offered.len();
            offered.retain(|(name, _)| list.contains(name));
            if offered.len() < all {
                context.warnings.add(
                    "tool_choice.allowed",
                    "the vendor has no such list: only the tools in it were offered",
                );
            }
            json!({"type": "auto"})
        }
    }))
}

/// The vendor's name of a tool; its own tools may be chosen by their type.
fn chosen(name: &str, request: &GenerateRequest, context: &mut Context) -> String {
    let by_type = request.tools.iter().find_map(|tool| match tool {
        // What was left out of it was told where it was offered.
        Tool::Provider(tool) if tool.kind == name => {
            provider_tool(tool, &mut Warnings::default()).ok()
        }
        _ => None,
    });
    match by_type {
        Some((own, _)) => own,
        None => context.names.send(name),
    }
}

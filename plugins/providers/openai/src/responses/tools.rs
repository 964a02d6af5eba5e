//! Tools, and which of them the model may call.

use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Map, Value, json};

use super::request::DIALECT;
use crate::chat;
use crate::provider_data::{left_out, parse};
use crate::schema::{schema_json, strict};

/// Fields of a function that the vendor knows and the neutral form doesn't.
const OWN: [&str; 3] = ["allowed_callers", "async", "output_schema"];

/// One more, for tools that the vendor's own search finds: without the search the model would never see them, though other vendors'
/// clients search themselves.
const DEFERRED: &str = "defer_loading";

/// Puts tools and the choice among them into a request.
pub(super) fn tools(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let searched = request.tools.iter().any(
        |tool| matches!(tool, Tool::Provider(it) if (it.dialect.as_str(), it.kind.as_str()) == (DIALECT, "tool_search")),
    );
    let own_fields: Vec<_> = OWN
        .into_iter()
        .chain(searched.then_some(DEFERRED))
        .collect();
    let mut tools = Vec::new();
    for tool in &request.tools {
        tools.push(match tool {
            Tool::Function(tool) => function(tool, &own_fields, names, warnings)?,
            Tool::Provider(tool) => own(tool)?,
        });
    }
    let offered = !tools.is_empty();
    let named = |name: &str, names: &mut Names| reference(name, &tools, names);
    let choice = match &request.tool_choice {
        // The vendor refuses a choice where no tool is offered, and these two say nothing there.
        Some(ToolChoice::Auto | ToolChoice::None) if !offered => None,
        None => None,
        Some(ToolChoice::Auto) => Some(json!("auto")),
        Some(ToolChoice::None) => Some(json!("none")),
        Some(ToolChoice::Required) => Some(json!("required")),
        Some(ToolChoice::Tool(name)) => Some(named(name, names)),
        Some(ToolChoice::Allowed(list)) => {
            let list: Vec<_> = list.iter().map(|name| named(name, names)).collect();
            Some(json!({"type": "allowed_tools", "mode": "auto", "tools": list}))
        }
    };
    if offered {
        body.insert("tools".into(), Value::Array(tools));
    }
    body.extend(choice.map(|choice| ("tool_choice".into(), choice)));
    if let (true, Some(parallel)) = (offered, request.parallel_tool_calls) {
        body.insert("parallel_tool_calls".into(), json!(parallel));
    }
    Ok(())
}

/// How a choice names a tool: a function or a free-form tool by its name, one that the vendor runs by its type.
fn reference(name: &str, tools: &[Value], names: &mut Names) -> Value {
    let own = |tool: &&Value| {
        tool["type"] != "function" && (tool["name"] == name || tool["type"] == name)
    };
    match tools.iter().find(own) {
        Some(tool) if tool["type"] == "custom" => json!({"type": "custom", "name": tool["name"]}),
        Some(tool) if tool["type"] == "mcp" => {
            json!({"type": "mcp", "server_label": tool["server_label"]})
        }
        Some(tool) => json!({"type": tool["type"]}),
        None => json!({"type": "function", "name": names.send(name)}),
    }
}

fn function(
    tool: &FunctionTool,
    own_fields: &[&str],
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<Value, Error> {
    if tool.cache.is_some() {
        warnings.add("cache", "the vendor chooses itself what to cache");
    }
    let mut function = json!({"type": "function", "name": names.send(&tool.name)});
    if let Some(description) = &tool.description {
        function["description"] = json!(description);
    }
    let mut schema = match &tool.parameters {
        Some(schema) => schema_json(schema, "tools.parameters")?,
        None => json!({"type": "object", "properties": {}}),
    };
    if let Some(fields) = schema.as_object_mut().filter(|fields| !fields.is_empty()) {
        fields.entry("type").or_insert_with(|| json!("object"));
    }
    // Said always: unlike the other formats, this API enforces where nothing is said.
    let strict = strict(tool.strict, &schema, "tools.strict", warnings);
    function["strict"] = json!(strict.unwrap_or(false));
    function["parameters"] = schema;
    let data = tool.provider_data.as_deref();
    if let Some(Value::Object(fields)) = data.map(parse) {
        let known = fields
            .into_iter()
            .filter(|(name, _)| own_fields.contains(&name.as_str()));
        for (name, value) in known {
            function[name] = value;
        }
    }
    let known: Vec<_> = own_fields.iter().copied().chain(["type"]).collect();
    left_out(data, &known, "tools", warnings);
    Ok(function)
}

/// A tool that is no function: in this API's own words as it is, and a chat's free-form tool, which this API has too.
fn own(tool: &ProviderTool) -> Result<Value, Error> {
    let definition = parse(&tool.definition);
    match (tool.dialect.as_str(), tool.kind.as_str(), &definition) {
        (DIALECT, _, Value::Object(_)) => Ok(definition),
        (chat::DIALECT, "custom", Value::Object(outer))
            if outer.get("custom").is_some_and(Value::is_object) =>
        {
            let mut custom = definition["custom"].clone();
            custom["type"] = json!("custom");
            // One level flatter here.
            if let Some(Value::Object(grammar)) = custom["format"].get("grammar").cloned() {
                let mut format = Map::from_iter([("type".to_owned(), json!("grammar"))]);
                format.extend(grammar);
                custom["format"] = Value::Object(format);
            }
            Ok(custom)
        }
        _ => Err(Error::no_such_tool(tool)),
    }
}

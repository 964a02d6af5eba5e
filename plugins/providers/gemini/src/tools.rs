//! Tools and which of them the model may call.

use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde_json::{Map, Value, json};

use crate::parts::{Context, data};
use crate::request::DIALECT;
use crate::schema;

/// Adds `tools` and `toolConfig`.
pub(crate) fn tools(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
    context: &mut Context,
) -> Result<(), Error> {
    let mut functions = Vec::new();
    let own = context.config.tools.iter();
    let mut tools: Vec<Value> = own.map(|tool| Value::Object(tool.clone())).collect();
    for tool in &request.tools {
        match tool {
            Tool::Function(tool) => functions.push((tool.name.clone(), function(tool, context)?)),
            Tool::Provider(tool) => tools.push(provider_tool(tool)?),
        }
    }
    let choice = choice(request, &mut functions, context)?;
    if request.parallel_tool_calls == Some(false) && !functions.is_empty() {
        context.warnings.add(
            "parallel_tool_calls",
            "the vendor can't be kept from several calls at once: left out",
        );
    }
    if !functions.is_empty() {
        let functions: Vec<_> = functions.into_iter().map(|(_, sent)| sent).collect();
        tools.insert(0, json!({"functionDeclarations": functions}));
    }
    if !tools.is_empty() {
        body.insert("tools".into(), Value::Array(tools));
    }
    if let Some(choice) = choice {
        body.insert(
            "toolConfig".into(),
            json!({"functionCallingConfig": choice}),
        );
    }
    Ok(())
}

fn function(tool: &FunctionTool, context: &mut Context) -> Result<Value, Error> {
    let mut sent = json!({"name": context.names.send(&tool.name)});
    if let Some(description) = &tool.description {
        sent["description"] = json!(description);
    }
    if let Some(schema) = &tool.parameters {
        let Ok(Value::Object(mut schema)) = serde_json::from_str(schema) else {
            return Err(Error::bad_request(format!(
                "the parameters of tool `{}` are no JSON Schema: they must be a JSON object",
                tool.name
            ))
            .at("tools.parameters"));
        };
        schema.entry("type").or_insert_with(|| json!("object"));
        let schema = schema::fit(schema, "tools.parameters", &mut context.warnings);
        sent["parametersJsonSchema"] = schema;
    }
    if tool.strict == Some(true) {
        context.warnings.add(
            "tools.strict",
            "the vendor does not promise to keep to the schema of a call: left out",
        );
    }
    for (name, value) in data(tool.provider_data.as_deref()) {
        if name != "type" && !value.is_null() {
            context.warnings.add(
                &format!("tools.{name}"),
                "the vendor has no such field there: left out",
            );
        }
    }
    Ok(sent)
}

/// A tool of the vendor's own, as the client wrote it.
fn provider_tool(tool: &ProviderTool) -> Result<Value, Error> {
    if tool.dialect != DIALECT {
        return Err(Error::no_such_tool(tool));
    }
    serde_json::from_str(&tool.definition).map_err(|e| {
        let why = format!("tool `{}`: its definition is no JSON: {e}", tool.kind);
        Error::bad_request(why).at("tools")
    })
}

fn choice(
    request: &GenerateRequest,
    functions: &mut Vec<(String, Value)>,
    context: &mut Context,
) -> Result<Option<Value>, Error> {
    let Some(choice) = &request.tool_choice else {
        return Ok(None);
    };
    Ok(Some(match choice {
        // The vendor refuses a choice where no function is offered, and these two say nothing there.
        ToolChoice::Auto | ToolChoice::None if functions.is_empty() => return Ok(None),
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Tool(name) => {
            json!({"mode": "ANY", "allowedFunctionNames": [context.names.send(name)]})
        }
        ToolChoice::Allowed(list) => {
            let is_offered = |name: &String| functions.iter().any(|(own, _)| own == name);
            if let Some(missing) = list.iter().find(|name| !is_offered(name)) {
                return Err(Error::bad_request(format!(
                    "tool `{missing}` is allowed but not among the functions: offer it, or leave it out"
                ))
                .at("tool_choice"));
            }
            if list.is_empty() {
                return Ok((!functions.is_empty()).then(|| json!({"mode": "NONE"})));
            }
            let all = functions.len();
            functions.retain(|(name, _)| list.contains(name));
            if functions.len() < all {
                context.warnings.add(
                    "tool_choice.allowed",
                    "the vendor has no such list where the model may also answer: only the tools in it were offered",
                );
            }
            json!({"mode": "AUTO"})
        }
    }))
}

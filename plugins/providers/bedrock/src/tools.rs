//! Tools and which of them the model may call.

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, schema};
use serde_json::{Map, Value, json};

use crate::blocks::{Context, cache_point, name_foreign};
use crate::extra::{Extra, MESSAGES};
use crate::family::Family;
use crate::request::DIALECT;
use crate::turns::Conversation;

/// Tools that Anthropic defined and the client runs: the vendor takes them beside those of its own form.
const RUN_BY_CLIENTS: [&str; 4] = ["bash_", "computer_", "memory_", "text_editor_"];

/// A tool with its name, and the cache point after it.
type Offered = (String, Vec<Value>);

/// Adds `toolConfig`, and what has its place only among the model's own fields.
pub(crate) fn tools(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
    conversation: &Conversation,
    extra: &mut Extra,
    context: &mut Context,
) -> Result<(), Error> {
    let mut offered: Vec<Offered> = Vec::new();
    for tool in &request.tools {
        match tool {
            Tool::Function(tool) => offered.push((tool.name.clone(), function(tool, context)?)),
            Tool::Provider(tool) => provider_tool(tool, &mut offered, extra, context)?,
        }
    }
    let choice = choice(request, &mut offered, conversation, context)?;
    if offered.is_empty() {
        offered = made_up(conversation, context);
    } else if request.parallel_tool_calls == Some(false) {
        one_at_a_time(request, choice.as_ref(), extra, context);
    }
    if offered.is_empty() {
        return Ok(());
    }
    let tools: Vec<_> = offered.into_iter().flat_map(|(_, tool)| tool).collect();
    let mut config = json!({"tools": tools});
    if let Some(choice) = choice.filter(|_| !extra.has("tool_choice")) {
        config["toolChoice"] = choice;
    }
    body.insert("toolConfig".into(), config);
    Ok(())
}

/// Must the model call a tool?
pub(crate) fn is_forced(request: &GenerateRequest) -> bool {
    matches!(
        request.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Tool(_))
    )
}

fn function(tool: &FunctionTool, context: &mut Context) -> Result<Vec<Value>, Error> {
    let mut spec = json!({"name": context.names.send(&tool.name)});
    if let Some(description) = tool.description.as_ref().filter(|said| !said.is_empty()) {
        spec["description"] = json!(description);
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
    spec["inputSchema"] = json!({"json": schema});
    // `false` is what absent means, and not every model knows the field.
    if tool.strict == Some(true) {
        spec["strict"] = json!(true);
    }
    let data = tool.provider_data.as_deref();
    name_foreign("tools", data, &mut context.warnings);
    let mut sent = vec![json!({"toolSpec": spec})];
    if let Some(mark) = &tool.cache {
        sent.push(cache_point(mark, &mut context.warnings));
    }
    Ok(sent)
}

/// A tool of the vendor's own, or one of Anthropic's that its models take.
fn provider_tool(
    tool: &ProviderTool,
    offered: &mut Vec<Offered>,
    extra: &mut Extra,
    context: &Context,
) -> Result<(), Error> {
    let refused =
        |why: &str| Error::bad_request(format!("tool `{}`: {why}", tool.kind)).at("tools");
    let definition: Value = serde_json::from_str(&tool.definition)
        .map_err(|e| refused(&format!("its definition is no JSON: {e}")))?;
    let for_clients = RUN_BY_CLIENTS
        .iter()
        .any(|kind| tool.kind.starts_with(kind));
    match tool.dialect.as_str() {
        DIALECT => {
            let name = definition["systemTool"]["name"]
                .as_str()
                .unwrap_or(&tool.kind);
            offered.push((name.to_owned(), vec![definition.clone()]));
        }
        MESSAGES if for_clients && context.family == Family::Anthropic => {
            extra.push("tools", definition);
        }
        _ => return Err(Error::no_such_tool(tool)),
    }
    Ok(())
}

fn choice(
    request: &GenerateRequest,
    offered: &mut Vec<Offered>,
    conversation: &Conversation,
    context: &mut Context,
) -> Result<Option<Value>, Error> {
    let Some(choice) = &request.tool_choice else {
        return Ok(None);
    };
    Ok(Some(match choice {
        // The vendor refuses a choice where no tool is offered, and these two say nothing there.
        ToolChoice::Auto | ToolChoice::None if offered.is_empty() => return Ok(None),
        ToolChoice::Auto => json!({"auto": {}}),
        ToolChoice::None => {
            none(offered, conversation, context);
            return Ok(None);
        }
        ToolChoice::Required => json!({"any": {}}),
        ToolChoice::Tool(name) => json!({"tool": {"name": context.names.send(name)}}),
        ToolChoice::Allowed(list) => {
            let missing = list
                .iter()
                .find(|name| !offered.iter().any(|(own, _)| own == *name));
            if let Some(missing) = missing {
                return Err(Error::bad_request(format!(
                    "tool `{missing}` is allowed but not among the tools: offer it, or leave it out"
                ))
                .at("tool_choice"));
            }
            if list.is_empty() {
                none(offered, conversation, context);
                return Ok(None);
            }
            let all = offered.len();
            offered.retain(|(name, _)| list.contains(name));
            if offered.len() < all {
                context.warnings.add(
                    "tool_choice.allowed",
                    "the vendor has no such list: only the tools in it were offered",
                );
            }
            json!({"auto": {}})
        }
    }))
}

/// The vendor has no word for it. Without tools the model calls none; but a conversation with calls must have some.
fn none(offered: &mut Vec<Offered>, conversation: &Conversation, context: &mut Context) {
    match conversation.called() {
        None => offered.clear(),
        Some(_) => context.warnings.add(
            "tool_choice",
            "the vendor can't forbid calls in a conversation that has some: the tools stay offered",
        ),
    }
}

/// The vendor refuses calls and results where no tool is offered: those that were called are, with a word not to.
fn made_up(conversation: &Conversation, context: &mut Context) -> Vec<Offered> {
    let Some(mut names) = conversation.called() else {
        return Vec::new();
    };
    if names.is_empty() {
        names.push("unknown_tool".into());
    }
    context.warnings.add(
        "tools",
        "the vendor refuses a conversation with calls but without tools: those that were called are offered, with a word not to",
    );
    let tools = names.into_iter().map(|name| {
        let spec = json!({
            "name": name,
            "description": "No longer available. Do not call it.",
            "inputSchema": {"json": {"type": "object", "properties": {}}},
        });
        (name, vec![json!({"toolSpec": spec})])
    });
    tools.collect()
}

/// Converse has no field for it; newer models of Anthropic's do, in a choice of their own form.
fn one_at_a_time(
    request: &GenerateRequest,
    choice: Option<&Value>,
    extra: &mut Extra,
    context: &mut Context,
) {
    if !context.family.calls_one_at_a_time(&request.model) {
        context.warnings.add(
            "parallel_tool_calls",
            "the vendor has no such setting for this model: left out",
        );
        return;
    }
    let mut own = match choice {
        Some(choice) if choice.get("any").is_some() => json!({"type": "any"}),
        Some(choice) if choice.get("tool").is_some() => {
            json!({"type": "tool", "name": choice["tool"]["name"]})
        }
        _ => json!({"type": "auto"}),
    };
    own["disable_parallel_tool_use"] = json!(true);
    extra.set("tool_choice", own);
}

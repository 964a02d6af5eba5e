//! Tools, and which of them the model may call.

use serde_json::Value;
use types::{
    Error,
    neutral::{FunctionTool, ProviderTool, Tool, ToolChoice},
};

use crate::{
    Wire,
    field::{Object, Read, at},
    media,
};

pub(super) fn read(tools: Vec<Object>) -> Result<Vec<Tool>, Error> {
    tools.into_iter().map(tool).collect()
}

fn tool(mut tool: Object) -> Result<Tool, Error> {
    let kind: String = tool.need("type")?;
    if kind != "function" {
        tool.put("type", Value::String(kind.clone()));
        return Ok(Tool::Provider(ProviderTool {
            kind,
            dialect: Wire::OpenAiChat.id().to_owned(),
            definition: tool.into_text(),
        }));
    }
    let mut function: Object = tool.need("function")?;
    let cache = match media::cache_mark(&mut tool)? {
        Some(mark) => Some(mark),
        None => media::cache_mark(&mut function)?,
    };
    Ok(Tool::Function(FunctionTool {
        name: function.need("name")?,
        description: function.opt("description")?,
        parameters: function.opt::<Object>("parameters")?.map(Object::into_text),
        strict: function.opt("strict")?,
        cache,
        provider_data: function.rest(),
    }))
}

/// The choice; a list of allowed tools of which one must be called is expressed by dropping the other tools.
pub(super) fn choice(choice: Value, tools: &mut Vec<Tool>) -> Result<ToolChoice, Error> {
    const PATH: &str = "tool_choice";
    if let Value::String(word) = &choice {
        return match word.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            // "any" is another dialect's word that some clients send here.
            "required" | "any" => Ok(ToolChoice::Required),
            _ => Err(at(
                PATH,
                "must be `auto`, `none`, `required` or name a tool",
            )),
        };
    }
    let mut choice = Object::read(choice, PATH)?;
    let kind: String = choice.need("type")?;
    match kind.as_str() {
        "function" | "custom" => Ok(ToolChoice::Tool(
            choice.need::<Object>(&kind)?.need("name")?,
        )),
        "allowed_tools" => {
            let mut allowed: Object = choice.need("allowed_tools")?;
            let names = allowed
                .need::<Vec<Object>>("tools")?
                .into_iter()
                .map(name)
                .collect::<Result<Vec<_>, _>>()?;
            match allowed.need::<String>("mode")?.as_str() {
                "auto" => Ok(ToolChoice::Allowed(names)),
                "required" => {
                    tools.retain(|tool| names.iter().any(|n| n == name_of(tool)));
                    Ok(ToolChoice::Required)
                }
                _ => Err(allowed.wrong("mode", "must be `auto` or `required`")),
            }
        }
        _ => Err(choice.wrong("type", "must be `function`, `custom` or `allowed_tools`")),
    }
}

/// The name of an allowed tool: that of a function, else its type.
fn name(mut tool: Object) -> Result<String, Error> {
    let kind: String = tool.need("type")?;
    match kind.as_str() {
        "function" | "custom" => tool.need::<Object>(&kind)?.need("name"),
        _ => Ok(kind),
    }
}

fn name_of(tool: &Tool) -> &str {
    match tool {
        Tool::Function(tool) => &tool.name,
        Tool::Provider(tool) => &tool.kind,
    }
}

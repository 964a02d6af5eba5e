//! Tools, and which of them the model may call.

use serde_json::Value;
use types::{
    Error,
    neutral::{FunctionTool, ProviderTool, Tool, ToolChoice},
};

use crate::{Wire, field::Object, media};

pub(super) fn read(tools: Vec<Object>) -> Result<Vec<Tool>, Error> {
    tools.into_iter().map(tool).collect()
}

fn tool(mut tool: Object) -> Result<Tool, Error> {
    let kind = tool.opt::<String>("type")?;
    if let Some(kind) = kind.filter(|kind| kind != "custom") {
        tool.put("type", Value::String(kind.clone()));
        return Ok(Tool::Provider(ProviderTool {
            kind,
            dialect: Wire::AnthropicMessages.id().to_owned(),
            definition: tool.into_text(),
        }));
    }
    Ok(Tool::Function(FunctionTool {
        name: tool.need("name")?,
        description: tool.opt("description")?,
        parameters: Some(tool.need::<Object>("input_schema")?.into_text()),
        strict: tool.opt("strict")?,
        cache: media::cache_mark(&mut tool)?,
        provider_data: tool.rest(),
    }))
}

/// The choice, and whether several calls in one turn are welcome.
pub(super) fn choice(mut choice: Object) -> Result<(ToolChoice, Option<bool>), Error> {
    let parallel = choice
        .opt::<bool>("disable_parallel_tool_use")?
        .map(|disable| !disable);
    let choice = match choice.need::<String>("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Tool(choice.need("name")?),
        _ => return Err(choice.wrong("type", "must be `auto`, `any`, `tool` or `none`")),
    };
    Ok((choice, parallel))
}

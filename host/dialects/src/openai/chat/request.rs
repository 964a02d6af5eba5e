//! The request's own fields.

use serde_json::Value;
use types::{
    Error,
    neutral::{GenerateRequest, OutputFormat, OutputSchema, ReasoningOptions, Sampling},
};

use super::{messages, tools};
use crate::{
    Wire,
    field::{Object, Read, at},
    openai::content::metadata,
};

/// Reads a request, and its `stream_options.include_usage`: the stream's last chunk tells the tokens.
pub fn parse(body: &[u8]) -> Result<(GenerateRequest, bool), Error> {
    let mut body = Object::body(body)?;
    for (old, new) in [("functions", "tools"), ("function_call", "tool_choice")] {
        if body.peek(old).is_some() {
            return Err(at(old, format_args!("is deprecated: use `{new}`")));
        }
    }
    let model = body.need("model")?;
    let messages = messages::read(body.need("messages")?)?;
    let mut tools = tools::read(body.opt("tools")?.unwrap_or_default())?;
    let tool_choice = match body.opt("tool_choice")? {
        Some(choice) => Some(tools::choice(choice, &mut tools)?),
        None => None,
    };
    let output = match body.opt("response_format")? {
        Some(format) => output(format)?,
        None => OutputFormat::Text,
    };
    let include_usage = stream_options(&mut body)?;
    let request = GenerateRequest {
        model,
        messages,
        tools,
        tool_choice,
        parallel_tool_calls: body.opt("parallel_tool_calls")?,
        output,
        sampling: sampling(&mut body)?,
        reasoning: body.opt::<String>("reasoning_effort")?.map(reasoning),
        verbosity: body.opt("verbosity")?,
        // Text goes without saying.
        modalities: body
            .opt::<Vec<String>>("modalities")?
            .unwrap_or_default()
            .into_iter()
            .filter(|m| m != "text")
            .collect(),
        service_tier: body.opt("service_tier")?,
        user: body.opt("user")?,
        metadata: metadata(body.opt("metadata")?)?,
        stream: body.opt("stream")?.unwrap_or(false),
        extensions: body.extensions(Wire::OpenAiChat),
    };
    Ok((request, include_usage))
}

fn sampling(body: &mut Object) -> Result<Sampling, Error> {
    let old_max = body.opt("max_tokens")?;
    let wants_logprobs = body.opt("logprobs")?.unwrap_or(false);
    let top_logprobs = body.opt::<u32>("top_logprobs")?;
    if top_logprobs.is_some() && !wants_logprobs {
        return Err(at("top_logprobs", "needs `logprobs`: true"));
    }
    let stop = match body.opt::<Value>("stop")? {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(several) => Vec::read(several, "stop")?,
    };
    let choices = body.opt::<u32>("n")?;
    if choices == Some(0) {
        return Err(at("n", "must be at least 1"));
    }
    Ok(Sampling {
        max_tokens: body.opt("max_completion_tokens")?.or(old_max),
        temperature: body.opt("temperature")?,
        top_p: body.opt("top_p")?,
        top_k: body.opt("top_k")?,
        seed: body.opt("seed")?,
        frequency_penalty: body.opt("frequency_penalty")?,
        presence_penalty: body.opt("presence_penalty")?,
        stop,
        choices,
        logprobs: wants_logprobs.then(|| top_logprobs.unwrap_or(0)),
    })
}

fn reasoning(effort: String) -> ReasoningOptions {
    ReasoningOptions {
        enabled: (effort == "none").then_some(false),
        effort: Some(effort),
        ..ReasoningOptions::default()
    }
}

fn output(mut format: Object) -> Result<OutputFormat, Error> {
    match format.need::<String>("type")?.as_str() {
        "text" => Ok(OutputFormat::Text),
        "json_object" => Ok(OutputFormat::Json),
        "json_schema" => {
            let mut schema: Object = format.need("json_schema")?;
            Ok(OutputFormat::JsonSchema(OutputSchema {
                name: Some(schema.need("name")?),
                description: schema.opt("description")?,
                strict: schema.opt("strict")?,
                schema: schema
                    .opt::<Object>("schema")?
                    .map_or_else(|| "{}".to_owned(), Object::into_text),
            }))
        }
        _ => Err(format.wrong("type", "must be `text`, `json_object` or `json_schema`")),
    }
}

/// Takes `include_usage`; what else is in there stays for the extensions.
fn stream_options(body: &mut Object) -> Result<bool, Error> {
    let Some(mut options) = body.opt::<Object>("stream_options")? else {
        return Ok(false);
    };
    let include = options.opt("include_usage")?.unwrap_or(false);
    body.put_rest("stream_options", options);
    Ok(include)
}

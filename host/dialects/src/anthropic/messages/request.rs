//! The request's own fields.

use serde_json::json;
use types::{
    Error, UpstreamError,
    neutral::{GenerateRequest, OutputFormat, OutputSchema, ReasoningOptions, Sampling},
};

use super::{history, tools};
use crate::{
    Wire,
    field::{Object, at},
    media,
};

/// Reads a request for a message.
pub fn parse(body: &[u8]) -> Result<GenerateRequest, Error> {
    let mut body = Object::body(body)?;
    let max_tokens: u32 = body.need("max_tokens")?;
    let mut request = read(body)?;
    request.sampling.max_tokens = Some(max_tokens);
    Ok(request)
}

/// Reads a request to count tokens: the same, but nothing will be generated.
pub fn parse_count(body: &[u8]) -> Result<GenerateRequest, Error> {
    let mut body = Object::body(body)?;
    let max_tokens = body.opt("max_tokens")?;
    let mut request = read(body)?;
    request.sampling.max_tokens = max_tokens;
    Ok(request)
}

fn read(mut body: Object) -> Result<GenerateRequest, Error> {
    if body.peek("thread").is_some() {
        return Err(no_threads());
    }
    let model = body.need("model")?;
    let system = body.opt("system")?;
    let mut messages = history::read(system, body.need("messages")?)?;
    if let Some(mark) = media::cache_mark(&mut body)?
        && let Some(part) = messages.last_mut().and_then(|last| last.parts.last_mut())
    {
        part.cache.get_or_insert(mark);
    }
    let (tool_choice, parallel_tool_calls) = match body.opt("tool_choice")? {
        Some(choice) => tools::choice(choice).map(|(choice, parallel)| (Some(choice), parallel))?,
        None => (None, None),
    };
    let mut reasoning = thinking(&mut body)?;
    let output = output(&mut body, &mut reasoning)?;
    Ok(GenerateRequest {
        model,
        messages,
        tools: tools::read(body.opt("tools")?.unwrap_or_default())?,
        tool_choice,
        parallel_tool_calls,
        output,
        sampling: Sampling {
            temperature: body.opt("temperature")?,
            top_p: body.opt("top_p")?,
            top_k: body.opt("top_k")?,
            stop: body.opt("stop_sequences")?.unwrap_or_default(),
            ..Sampling::default()
        },
        reasoning,
        verbosity: None,
        modalities: Vec::new(),
        service_tier: body.opt::<String>("service_tier")?.map(service_tier),
        user: user(&mut body)?,
        metadata: Vec::new(),
        stream: body.opt("stream")?.unwrap_or(false),
        extensions: body.extensions(Wire::AnthropicMessages),
    })
}

/// The SDK's tool runner sends only what is new if threads are not refused in these words.
fn no_threads() -> Error {
    let error = at(
        "thread",
        "is not supported: send the whole conversation without it",
    );
    let body = json!({ "type": "error", "error": {
        "type": "invalid_request_error",
        "message": error.message,
        "details": { "error_code": "thread_unsupported_request" },
    } });
    Error {
        upstream: Some(UpstreamError {
            status: 400,
            body: body.to_string(),
        }),
        ..error
    }
}

/// `enabled` without a budget is `adaptive`: the model decides how much.
fn thinking(body: &mut Object) -> Result<Option<ReasoningOptions>, Error> {
    let known = ["enabled", "disabled", "adaptive"];
    let kind = body.peek("thinking").and_then(|it| it["type"].as_str());
    if kind.is_some_and(|kind| !known.contains(&kind)) {
        // A newer mode: who knows it finds it among the extensions.
        return Ok(None);
    }
    let Some(mut thinking) = body.opt::<Object>("thinking")? else {
        return Ok(None);
    };
    let kind: String = thinking.need("type")?;
    let options = ReasoningOptions {
        enabled: Some(kind != "disabled"),
        effort: None,
        budget_tokens: match kind.as_str() {
            "enabled" => Some(thinking.need("budget_tokens")?),
            _ => None,
        },
        display: thinking.opt("display")?,
    };
    body.put_rest("thinking", thinking);
    Ok(Some(options))
}

/// `output_config`, and `output_format`, which came before it. What is unknown in there stays for the extensions.
fn output(
    body: &mut Object,
    reasoning: &mut Option<ReasoningOptions>,
) -> Result<OutputFormat, Error> {
    let mut format = body.opt::<Object>("output_format")?;
    if let Some(mut config) = body.opt::<Object>("output_config")? {
        format = config.opt("format")?.or(format);
        if let Some(effort) = config.opt("effort")? {
            reasoning.get_or_insert_default().effort = Some(effort);
        }
        body.put_rest("output_config", config);
    }
    let Some(mut format) = format else {
        return Ok(OutputFormat::Text);
    };
    if format.need::<String>("type")? != "json_schema" {
        return Err(format.wrong("type", "must be `json_schema`"));
    }
    Ok(OutputFormat::JsonSchema(OutputSchema {
        name: None,
        description: None,
        schema: format.need::<Object>("schema")?.into_text(),
        // This dialect knows no other schemas than enforced ones.
        strict: Some(true),
    }))
}

fn user(body: &mut Object) -> Result<Option<String>, Error> {
    let Some(mut metadata) = body.opt::<Object>("metadata")? else {
        return Ok(None);
    };
    let user = metadata.opt("user_id")?;
    body.put_rest("metadata", metadata);
    Ok(user)
}

fn service_tier(tier: String) -> String {
    match tier.as_str() {
        "standard_only" => "default".to_owned(),
        _ => tier,
    }
}

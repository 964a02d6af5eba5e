use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings, merge_extensions};
use serde_json::{Map, Value, json};

use super::content;
use crate::config::Config;
use crate::leave_out::leave_out;
use crate::provider_data::left_out;
use crate::schema::{schema_json, strict};
use crate::user::user;

/// The wire format that is native here.
pub(crate) const DIALECT: &str = "openai-chat";

/// The vendor refuses names outside `^[a-zA-Z0-9_-]{1,64}$`.
const NAME_LENGTH: usize = 64;

/// A request in the vendor's words, and what is needed to read the answer.
#[derive(Debug)]
pub(crate) struct Translated {
    /// The JSON to send.
    pub(crate) body: Value,
    /// Tools that were renamed.
    pub(crate) names: Names,
    /// What was not honoured.
    pub(crate) warnings: Warnings,
}

/// Translates a request.
pub(crate) fn translate(request: &GenerateRequest, config: &Config) -> Result<Translated, Error> {
    let mut names = Names::new(NAME_LENGTH);
    let mut warnings = Warnings::default();
    let mut body = Map::new();
    let messages = config
        .instructions
        .arrange(&request.messages, &mut warnings);
    let messages = content::messages(&messages, &mut names, &mut warnings)?;
    body.insert("model".into(), json!(request.model));
    body.insert("messages".into(), Value::Array(messages));
    tools(&mut body, request, &mut names, &mut warnings)?;
    output(&mut body, request, &mut warnings)?;
    let limit = config.max_tokens_field.name();
    sampling(&mut body, &request.sampling, limit, &mut warnings);
    reasoning(&mut body, request.reasoning.as_ref(), &mut warnings);
    let mut put = |field: &str, value: &Option<String>| {
        if let Some(value) = value {
            body.insert(field.into(), json!(value));
        }
    };
    put("verbosity", &request.verbosity);
    put("service_tier", &request.service_tier);
    if let Some(user) = user(request.user.as_deref(), &mut warnings) {
        body.insert("user".into(), json!(user));
    }
    if !request.metadata.is_empty() {
        let labels = request.metadata.iter().cloned();
        let labels: Map<_, _> = labels.map(|(name, value)| (name, json!(value))).collect();
        body.insert("metadata".into(), Value::Object(labels));
    }
    if !request.modalities.is_empty() {
        let text = "text".to_owned();
        let others = request.modalities.iter().filter(|kind| **kind != text);
        let all: Vec<_> = std::iter::once(&text).chain(others).collect();
        body.insert("modalities".into(), json!(all));
    }
    if request.stream {
        body.insert("stream".into(), json!(true));
    }
    merge_extensions(&mut body, &request.extensions, DIALECT, &mut warnings);
    match request.stream {
        true => ask_for_usage(&mut body),
        // Refused by the vendor unless it streams.
        false => drop(body.remove("stream_options")),
    }
    leave_out(&mut body, &config.leave_out, &mut warnings);
    Ok(Translated {
        body: Value::Object(body),
        names,
        warnings,
    })
}

/// The host accounts for every call, so usage is always asked for, whatever else the client wrote there.
fn ask_for_usage(body: &mut Map<String, Value>) {
    let options = body
        .entry("stream_options")
        .and_modify(|given| {
            if !given.is_object() {
                *given = json!({});
            }
        })
        .or_insert_with(|| json!({}));
    options["include_usage"] = json!(true);
}

fn tools(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let mut tools = Vec::new();
    for tool in &request.tools {
        match tool {
            Tool::Function(tool) => tools.push(function(tool, names, warnings)?),
            Tool::Provider(tool) => return Err(Error::no_such_tool(tool)),
        }
    }
    let offered = !tools.is_empty();
    if offered {
        body.insert("tools".into(), Value::Array(tools));
    }
    let named = |name: String| json!({"type": "function", "function": {"name": name}});
    let choice = match &request.tool_choice {
        // The vendor refuses a choice where no tool is offered, and these two say nothing there.
        Some(ToolChoice::Auto | ToolChoice::None) if !offered => None,
        None => None,
        Some(ToolChoice::Auto) => Some(json!("auto")),
        Some(ToolChoice::None) => Some(json!("none")),
        Some(ToolChoice::Required) => Some(json!("required")),
        Some(ToolChoice::Tool(name)) => Some(named(names.send(name))),
        Some(ToolChoice::Allowed(list)) => {
            let list: Vec<_> = list.iter().map(|name| named(names.send(name))).collect();
            Some(json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": list}}))
        }
    };
    body.extend(choice.map(|choice| ("tool_choice".into(), choice)));
    if let (true, Some(parallel)) = (offered, request.parallel_tool_calls) {
        body.insert("parallel_tool_calls".into(), json!(parallel));
    }
    Ok(())
}

fn function(
    tool: &FunctionTool,
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<Value, Error> {
    if tool.cache.is_some() {
        warnings.add("cache", "the vendor chooses itself what to cache");
    }
    let mut function = json!({"name": names.send(&tool.name)});
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
    if let Some(strict) = strict(tool.strict, &schema, "tools.strict", warnings) {
        function["strict"] = json!(strict);
    }
    function["parameters"] = schema;
    left_out(tool.provider_data.as_deref(), &["type"], "tools", warnings);
    Ok(json!({"type": "function", "function": function}))
}

fn output(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let format = match &request.output {
        OutputFormat::Text => return Ok(()),
        OutputFormat::Json => json!({"type": "json_object"}),
        OutputFormat::JsonSchema(wanted) => {
            // A label that nothing comes back under, so what the vendor refuses of it may go.
            let name = wanted.name.as_deref().unwrap_or("response");
            let mut inner = json!({"name": Names::new(NAME_LENGTH).send(name)});
            if let Some(description) = &wanted.description {
                inner["description"] = json!(description);
            }
            let schema = schema_json(&wanted.schema, "output.schema")?;
            if let Some(strict) = strict(wanted.strict, &schema, "output.strict", warnings) {
                inner["strict"] = json!(strict);
            }
            inner["schema"] = schema;
            json!({"type": "json_schema", "json_schema": inner})
        }
    };
    body.insert("response_format".into(), format);
    Ok(())
}

fn sampling(
    body: &mut Map<String, Value>,
    sampling: &Sampling,
    limit: &'static str,
    warnings: &mut Warnings,
) {
    let fields = [
        (limit, sampling.max_tokens.map(Value::from)),
        ("temperature", sampling.temperature.map(Value::from)),
        ("top_p", sampling.top_p.map(Value::from)),
        ("seed", sampling.seed.map(Value::from)),
        (
            "frequency_penalty",
            sampling.frequency_penalty.map(Value::from),
        ),
        (
            "presence_penalty",
            sampling.presence_penalty.map(Value::from),
        ),
        ("n", sampling.choices.map(Value::from)),
        ("logprobs", sampling.logprobs.map(|_| json!(true))),
        (
            "top_logprobs",
            sampling.logprobs.filter(|n| *n > 0).map(Value::from),
        ),
    ];
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    body.extend(given);
    if !sampling.stop.is_empty() {
        body.insert("stop".into(), json!(sampling.stop));
    }
    if sampling.top_k.is_some() {
        warnings.add("sampling.top_k", "the vendor has no such setting: left out");
    }
}

/// Only an effort has a place here. The rest is not guessed into one, since models that don't reason refuse the field.
fn reasoning(
    body: &mut Map<String, Value>,
    reasoning: Option<&ReasoningOptions>,
    warnings: &mut Warnings,
) {
    let Some(reasoning) = reasoning else { return };
    match (&reasoning.effort, reasoning.enabled) {
        (Some(effort), _) => {
            body.insert("reasoning_effort".into(), json!(effort));
        }
        (None, Some(_)) => warnings.add(
            "reasoning.enabled",
            "the vendor knows only an effort: its default is used",
        ),
        (None, None) => {}
    }
    if reasoning.budget_tokens.is_some() {
        warnings.add(
            "reasoning.budget_tokens",
            "the vendor knows only an effort: left out",
        );
    }
    if reasoning
        .display
        .as_deref()
        .is_some_and(|display| display != "auto")
    {
        warnings.add(
            "reasoning.display",
            "this wire format can't ask for it: left out",
        );
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;

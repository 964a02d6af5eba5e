//! The request's own fields.

use serde_json::{Map, Value, json};
use types::{
    Error,
    neutral::{
        GenerateRequest, Message, OutputFormat, OutputSchema, ReasoningOptions, Role, Sampling,
        Text,
    },
};

use super::{
    Turn,
    items::{Conversation, reference},
    settings::{Settings, prefix},
    stored::{Past, previous_not_found, previous_not_over},
    tools::{self, Tools},
};
use crate::{
    Wire, clock,
    field::{Object, Read, at},
    media::part,
    openai::content::metadata,
};

/// What an answer has of its request even where the request has it not.
fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "instructions": null,
        "max_output_tokens": null,
        "max_tool_calls": null,
        "metadata": {},
        "parallel_tool_calls": true,
        "prompt_cache_key": null,
        "prompt_cache_retention": null,
        "reasoning": {},
        "safety_identifier": null,
        "service_tier": "default",
        "temperature": 1.0,
        "text": {},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "truncation": "disabled",
        "user": null,
    });
    match defaults {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}

/// What answers show of what only the answer's dialect can: no vendor is asked for it by name.
const OURS: [&str; 2] = [
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
];

/// What a request refers to: ids of stored answers and of items in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// The answer that it goes on from.
    pub previous_response_id: Option<String>,
    /// Items that are not sent but named.
    pub items: Vec<String>,
}

/// What a request refers to, so that it can be looked up for [`parse`].
///
/// # Errors
/// It can't be read.
pub fn references(body: &[u8]) -> Result<References, Error> {
    let mut body = Object::body(body)?;
    let mut found = References {
        previous_response_id: body.opt("previous_response_id")?,
        items: Vec::new(),
    };
    if let Some(Value::Array(items)) = body.opt("input")? {
        for item in Vec::<Object>::read(Value::Array(items), "input")? {
            found.items.extend(reference(&item));
        }
    }
    Ok(found)
}

/// Reads a request; `past` is what it [refers](references) to.
///
/// # Errors
/// What is wrong with it, and where; or it refers to what isn't there.
pub fn parse(body: &[u8], past: &Past) -> Result<Turn, Error> {
    let mut body = Object::body(body)?;
    let model = body.need("model")?;
    let input = match body.opt::<Value>("input")? {
        Some(input) => input,
        None if body.peek("previous_response_id").is_some() => json!([]),
        None => return Err(at("input", "is required")),
    };
    read(model, input, body, past)
}

/// Reads a request to count tokens: the same, but nothing will be generated.
///
/// # Errors
/// As those of [`parse`].
pub fn parse_count(body: &[u8], past: &Past) -> Result<GenerateRequest, Error> {
    let mut body = Object::body(body)?;
    let model = body.need("model")?;
    let input = body.opt("input")?.unwrap_or_else(|| json!([]));
    Ok(read(model, input, body, past)?.request)
}

fn read(model: String, input: Value, mut body: Object, past: &Past) -> Result<Turn, Error> {
    if body.peek("prompt").is_some() {
        return Err(at(
            "prompt",
            "names a text that only its vendor has: send the text as `instructions`",
        ));
    }
    let mut settings = settings(&mut body)?;
    if let Some(id) = &settings.previous_response_id
        && past.chain.last().is_none_or(|last| last.id() != id)
    {
        return Err(previous_not_found(id));
    }
    if let Some(running) = past.chain.last().filter(|last| !last.is_over()) {
        return Err(previous_not_over(running.id()));
    }
    let mut conversation = Conversation::default();
    if let Some(instructions) = body.opt::<String>("instructions")? {
        conversation.messages.push(system(instructions));
    }
    conversation.remember(past)?;
    let input = hear(input, &mut conversation, &settings, past)?;
    let mut tools = Tools::default();
    tools.read(body.opt("tools")?.unwrap_or_default())?;
    tools.read_found(std::mem::take(&mut conversation.tools))?;
    let tool_choice: Option<Value> = body.opt("tool_choice")?;
    if let Some(choice) = tool_choice.as_ref().filter(|it| it["type"] == "mcp") {
        // Which server, and which of its tools, only its vendor knows.
        body.put("tool_choice", choice.clone());
    }
    let tool_choice = tool_choice.map(|it| tools.choice(&it)).transpose()?;
    let (output, verbosity) = text(&mut body)?;
    let reasoning = reasoning(&mut body)?;
    let sampling = sampling(&mut body, &settings)?;
    if body.peek("truncation").and_then(Value::as_str) == Some("disabled") {
        body.opt::<Value>("truncation")?;
    }
    settings.names = tools.names;
    let request = GenerateRequest {
        model,
        messages: conversation.messages,
        tools: tools.tools,
        tool_choice,
        parallel_tool_calls: body.opt("parallel_tool_calls")?,
        output,
        sampling,
        reasoning,
        verbosity,
        modalities: Vec::new(),
        service_tier: body.opt("service_tier")?,
        user: body.opt("user")?,
        metadata: metadata(body.opt("metadata")?)?,
        stream: settings.stream,
        extensions: body.extensions(Wire::OpenAiResponses),
    };
    Ok(Turn {
        request,
        settings,
        input,
    })
}

fn system(text: String) -> Message {
    let text = types::neutral::Content::Text(Text {
        text,
        citations: Vec::new(),
    });
    Message {
        role: Role::System,
        parts: vec![part(text)],
        name: None,
        provider_data: None,
    }
}

/// The host's own fields, and what the answer shows.
fn settings(body: &mut Object) -> Result<Settings, Error> {
    let mut shown = defaults();
    for (key, shown) in &mut shown {
        if let Some(given) = body.peek(key) {
            *shown = given.clone();
        }
    }
    if let Some(Value::Array(tools)) = shown.get_mut("tools") {
        *tools = tools::shown(tools);
    }
    for (outer, key, default) in [
        ("text", "format", json!({ "type": "text" })),
        ("reasoning", "effort", Value::Null),
        ("reasoning", "summary", Value::Null),
    ] {
        if let Some(Value::Object(fields)) = shown.get_mut(outer) {
            fields.entry(key).or_insert(default);
        }
    }
    let include: Vec<String> = body.opt("include")?.unwrap_or_default();
    let rest: Vec<&String> = include
        .iter()
        .filter(|it| !OURS.contains(&it.as_str()))
        .collect();
    if !rest.is_empty() {
        body.put("include", json!(rest));
    }
    let mut include_obfuscation = false;
    if let Some(mut options) = body.opt::<Object>("stream_options")? {
        include_obfuscation = options.opt("include_obfuscation")?.unwrap_or(false);
        // Usage always comes here; clients of another dialect ask for it.
        options.opt::<Value>("include_usage")?;
        body.put_rest("stream_options", options);
    }
    let settings = Settings {
        id: format!("resp_{}", uuid::Uuid::now_v7().simple()),
        created_at: clock::now(),
        stream: body.opt("stream")?.unwrap_or(false),
        store: body.opt("store")?.unwrap_or(true),
        background: body.opt("background")?.unwrap_or(false),
        previous_response_id: body.opt("previous_response_id")?,
        conversation: conversation(body)?,
        include,
        include_obfuscation,
        shown,
        names: tools::Names::default(),
    };
    if settings.background && !settings.store {
        return Err(at("background", "needs `store`: true"));
    }
    if settings.conversation.is_some() && settings.previous_response_id.is_some() {
        return Err(at(
            "previous_response_id",
            "can't be used together with `conversation`",
        ));
    }
    Ok(settings)
}

fn conversation(body: &mut Object) -> Result<Option<String>, Error> {
    match body.opt::<Value>("conversation")? {
        None => Ok(None),
        Some(Value::String(id)) => Ok(Some(id)),
        Some(object) => Object::read(object, "conversation")?.need("id").map(Some),
    }
}

/// Reads the input; returns its items as they are listed.
fn hear(
    input: Value,
    conversation: &mut Conversation,
    settings: &Settings,
    past: &Past,
) -> Result<Vec<Value>, Error> {
    let items = match input {
        Value::String(text) => vec![json!({ "role": "user", "content": text })],
        Value::Array(items) => items,
        _ => return Err(at("input", "must be a string or a list of items")),
    };
    let mut listed = Vec::with_capacity(items.len());
    for (number, item) in items.into_iter().enumerate() {
        let item = conversation.hear(item, &format!("input[{number}]"), past)?;
        listed.push(complete(item, settings, number));
    }
    Ok(listed)
}

/// An item as it is listed: with an id, a state, and its content in full.
fn complete(item: Value, settings: &Settings, number: usize) -> Value {
    let Value::Object(mut fields) = item else {
        return item;
    };
    let kind = match fields.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => "message".to_owned(),
    };
    let id = fields.shift_remove("id").filter(Value::is_string);
    let id = id.unwrap_or_else(|| settings.item_id(prefix(&kind), 'i', number).into());
    let mut item = Map::new();
    item.insert("id".to_owned(), id);
    item.insert("type".to_owned(), kind.as_str().into());
    item.extend(fields);
    if kind == "message" {
        let assistant = item.get("role").is_some_and(|role| role == "assistant");
        if let Some(content) = item.get_mut("content") {
            content_in_full(content, assistant);
        }
    }
    if kind == "reasoning" {
        item.entry("summary").or_insert_with(|| json!([]));
    } else if !["compaction", "item_reference"].contains(&kind.as_str()) {
        item.entry("status").or_insert_with(|| "completed".into());
    }
    Value::Object(item)
}

fn content_in_full(content: &mut Value, assistant: bool) {
    if let Value::String(text) = content {
        let kind = if assistant {
            "output_text"
        } else {
            "input_text"
        };
        *content = json!([{ "type": kind, "text": text }]);
    }
    for piece in content.as_array_mut().into_iter().flatten() {
        match piece["type"].as_str() {
            Some("output_text") if piece["annotations"].is_null() => {
                piece["annotations"] = json!([]);
            }
            Some("input_image") if piece["detail"].is_null() => piece["detail"] = "auto".into(),
            _ => {}
        }
    }
}

fn sampling(body: &mut Object, settings: &Settings) -> Result<Sampling, Error> {
    let top: Option<u32> = body.opt("top_logprobs")?;
    let wants = settings.include.iter().any(|it| it == OURS[1]);
    Ok(Sampling {
        max_tokens: body.opt("max_output_tokens")?,
        temperature: body.opt("temperature")?,
        top_p: body.opt("top_p")?,
        // Not in the vendor's API, but in others of this dialect.
        frequency_penalty: body.opt("frequency_penalty")?,
        presence_penalty: body.opt("presence_penalty")?,
        logprobs: match top {
            Some(0) | None => wants.then_some(0),
            some => some,
        },
        ..Sampling::default()
    })
}

/// `reasoning`. What is unknown in there stays for the extensions.
fn reasoning(body: &mut Object) -> Result<Option<ReasoningOptions>, Error> {
    let Some(mut object) = body.opt::<Object>("reasoning")? else {
        return Ok(None);
    };
    let effort: Option<String> = object.opt("effort")?;
    let summary: Option<String> = object.opt("summary")?;
    let old: Option<String> = object.opt("generate_summary")?;
    body.put_rest("reasoning", object);
    let options = ReasoningOptions {
        enabled: (effort.as_deref() == Some("none")).then_some(false),
        effort,
        budget_tokens: None,
        display: summary.or(old),
    };
    Ok((options != ReasoningOptions::default()).then_some(options))
}

fn text(body: &mut Object) -> Result<(OutputFormat, Option<String>), Error> {
    let Some(mut text) = body.opt::<Object>("text")? else {
        return Ok((OutputFormat::Text, None));
    };
    let verbosity = text.opt("verbosity")?;
    let format = match text.opt::<Object>("format")? {
        Some(format) => format_of(format)?,
        None => OutputFormat::Text,
    };
    body.put_rest("text", text);
    Ok((format, verbosity))
}

fn format_of(mut format: Object) -> Result<OutputFormat, Error> {
    match format.need::<String>("type")?.as_str() {
        "text" => Ok(OutputFormat::Text),
        "json_object" => Ok(OutputFormat::Json),
        "json_schema" => Ok(OutputFormat::JsonSchema(OutputSchema {
            name: Some(format.need("name")?),
            description: format.opt("description")?,
            strict: format.opt("strict")?,
            schema: format.need::<Object>("schema")?.into_text(),
        })),
        _ => Err(format.wrong("type", "must be `text`, `json_object` or `json_schema`")),
    }
}

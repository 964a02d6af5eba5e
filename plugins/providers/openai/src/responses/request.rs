use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings, merge_extensions};
use serde_json::{Map, Value, json};

use super::{input, tools};
use crate::chat;
use crate::config::Config;
use crate::leave_out::leave_out;
use crate::schema::{schema_json, strict};
use crate::user::user;

/// The wire format that is native here.
pub(crate) const DIALECT: &str = "openai-responses";

/// The vendor refuses names outside `^[a-zA-Z0-9_-]{1,64}$`.
pub(super) const NAME_LENGTH: usize = 64;

/// How thoughts can be summarised.
const SUMMARIES: [&str; 3] = ["auto", "concise", "detailed"];

/// The vendor refuses a lower limit.
const LEAST_TOKENS: u32 = 16;

/// Fields that chat completions have too, with the same meaning and the same values.
const ALSO_IN_CHAT: [&str; 7] = [
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "moderation",
    "stream_options",
];

/// Fields of a request that decide how many tokens it is.
const COUNTED: [&str; 8] = [
    "model",
    "input",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "truncation",
];

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
    refuse(request)?;
    let mut names = Names::new(NAME_LENGTH);
    let mut warnings = Warnings::default();
    let mut body = Map::new();
    let messages = config
        .instructions
        .arrange(&request.messages, &mut warnings);
    let items = input::items(&messages, &mut names, &mut warnings)?;
    body.insert("model".into(), json!(request.model));
    body.insert("input".into(), Value::Array(items));
    tools::tools(&mut body, request, &mut names, &mut warnings)?;
    text(&mut body, request, &mut warnings)?;
    sampling(&mut body, &request.sampling, &mut warnings);
    reasoning(&mut body, request.reasoning.as_ref(), &mut warnings);
    let user = user(request.user.as_deref(), &mut warnings);
    let named = [
        ("service_tier", request.service_tier.as_deref()),
        ("user", user),
    ];
    for (field, value) in named {
        body.extend(value.map(|value| (field.into(), json!(value))));
    }
    if !request.metadata.is_empty() {
        let labels = request.metadata.iter().cloned();
        let labels: Map<_, _> = labels.map(|(name, value)| (name, json!(value))).collect();
        body.insert("metadata".into(), Value::Object(labels));
    }
    if request.stream {
        body.insert("stream".into(), json!(true));
    }
    let extensions: Vec<_> = request.extensions.iter().flat_map(ours).collect();
    merge_extensions(&mut body, &extensions, DIALECT, &mut warnings);
    if !request.stream {
        // Refused by the vendor unless it streams.
        body.remove("stream_options");
    }
    // The conversation is the host's and comes whole every time: the vendor need not keep it, and gives the model's
    // thoughts in a form that only it can read.
    body.entry("store").or_insert(json!(false));
    include(&mut body, request);
    leave_out(&mut body, &config.leave_out, &mut warnings);
    Ok(Translated {
        body: Value::Object(body),
        names,
        warnings,
    })
}

/// What the API asks of a request that is only counted.
pub(crate) fn count(body: &Value) -> Value {
    let fields = COUNTED
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), body.get(name)?.clone())));
    Value::Object(fields.collect())
}

/// What can't be had here, and without which the client would get something else.
fn refuse(request: &GenerateRequest) -> Result<(), Error> {
    if request.sampling.choices.is_some_and(|choices| choices > 1) {
        return Err(
            Error::bad_request("this API gives one answer: ask several times")
                .at("sampling.choices"),
        );
    }
    if let Some(medium) = request.modalities.iter().find(|medium| *medium != "text") {
        let message = format!("this API answers in text, not in {medium}");
        return Err(Error::bad_request(message).at("modalities"));
    }
    Ok(())
}

/// An extension in this API's words: a chat's fields that it has too are its own.
fn ours(extension: &Extension) -> Vec<Extension> {
    let fields = serde_json::from_str::<Map<String, Value>>(&extension.fields);
    let (true, Ok(fields)) = (extension.dialect == chat::DIALECT, fields) else {
        return vec![extension.clone()];
    };
    let (mut same, other): (Map<_, _>, Map<_, _>) = fields
        .into_iter()
        .partition(|(name, _)| ALSO_IN_CHAT.contains(&name.as_str()));
    let extension = |dialect: &str, fields| Extension {
        dialect: dialect.into(),
        fields: Value::Object(fields).to_string(),
    };
    if let Some(options) = same
        .get_mut("stream_options")
        .and_then(Value::as_object_mut)
    {
        // Usage always comes here.
        options.remove("include_usage");
    }
    same.retain(|_, value| value.as_object().is_none_or(|fields| !fields.is_empty()));
    vec![extension(DIALECT, same), extension(chat::DIALECT, other)]
}

/// Asks for thoughts in a form that can be handed back, beside whatever the client asks for.
fn include(body: &mut Map<String, Value>, request: &GenerateRequest) {
    let mut wanted = Vec::new();
    if reasons(&request.model) {
        wanted.push("reasoning.encrypted_content");
    }
    if request.sampling.logprobs.is_some() {
        wanted.push("message.output_text.logprobs");
    }
    let given = body.get_mut("include").and_then(Value::as_array_mut);
    match given {
        Some(given) => {
            for word in wanted {
                if !given.iter().any(|known| known == word) {
                    given.push(json!(word));
                }
            }
        }
        None if wanted.is_empty() => {}
        None => drop(body.insert("include".into(), json!(wanted))),
    }
}

/// Of the vendor's models, those before its reasoning ones refuse to be asked for encrypted thoughts ("Encrypted content is
/// not supported with this model").
fn reasons(model: &str) -> bool {
    let base = model.strip_prefix("ft:").unwrap_or(model);
    let families = ["gpt-3.5", "gpt-4", "chatgpt-", "gpt-5-chat"];
    !families.iter().any(|family| base.starts_with(family))
}

fn text(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let mut text = Map::new();
    match &request.output {
        OutputFormat::Text => {}
        OutputFormat::Json => drop(text.insert("format".into(), json!({"type": "json_object"}))),
        OutputFormat::JsonSchema(wanted) => {
            // A label that nothing comes back under, so what the vendor refuses of it may go.
            let name = Names::new(NAME_LENGTH).send(wanted.name.as_deref().unwrap_or("response"));
            let mut format = json!({"type": "json_schema", "name": name});
            if let Some(description) = &wanted.description {
                format["description"] = json!(description);
            }
            let schema = schema_json(&wanted.schema, "output.schema")?;
            if let Some(strict) = strict(wanted.strict, &schema, "output.strict", warnings) {
                format["strict"] = json!(strict);
            }
            format["schema"] = schema;
            text.insert("format".into(), format);
        }
    }
    if let Some(verbosity) = &request.verbosity {
        text.insert("verbosity".into(), json!(verbosity));
    }
    if !text.is_empty() {
        body.insert("text".into(), Value::Object(text));
    }
    Ok(())
}

fn sampling(body: &mut Map<String, Value>, sampling: &Sampling, warnings: &mut Warnings) {
    let limit = sampling.max_tokens.map(|limit| {
        if limit < LEAST_TOKENS {
            warnings.add(
                "sampling.max_tokens",
                format!("the vendor takes no limit below {LEAST_TOKENS}: that is used"),
            );
        }
        limit.max(LEAST_TOKENS)
    });
    let fields = [
        ("max_output_tokens", limit.map(Value::from)),
        ("temperature", sampling.temperature.map(Value::from)),
        ("top_p", sampling.top_p.map(Value::from)),
        (
            "top_logprobs",
            sampling.logprobs.filter(|n| *n > 0).map(Value::from),
        ),
    ];
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    body.extend(given);
    let lacking = [
        ("sampling.top_k", sampling.top_k.is_some()),
        ("sampling.seed", sampling.seed.is_some()),
        (
            "sampling.frequency_penalty",
            sampling.frequency_penalty.is_some_and(|it| it != 0.0),
        ),
        (
            "sampling.presence_penalty",
            sampling.presence_penalty.is_some_and(|it| it != 0.0),
        ),
        ("sampling.stop", !sampling.stop.is_empty()),
    ];
    for (field, _) in lacking.into_iter().filter(|(_, asked)| *asked) {
        warnings.add(field, "this API has no such setting: left out");
    }
}

fn reasoning(
    body: &mut Map<String, Value>,
    asked: Option<&ReasoningOptions>,
    warnings: &mut Warnings,
) {
    let Some(asked) = asked else { return };
    let mut reasoning = Map::new();
    match (&asked.effort, asked.enabled) {
        (Some(effort), _) => drop(reasoning.insert("effort".into(), json!(effort))),
        (None, Some(false)) => drop(reasoning.insert("effort".into(), json!("none"))),
        // Models that reason do so by themselves; how much, the vendor knows only in words.
        (None, Some(true) | None) => {}
    }
    if asked.budget_tokens.is_some() {
        warnings.add(
            "reasoning.budget_tokens",
            "the vendor knows only an effort: left out",
        );
    }
    match asked.display.as_deref() {
        None | Some("omitted") => {}
        Some("summarized") => drop(reasoning.insert("summary".into(), json!("auto"))),
        Some(word) if SUMMARIES.contains(&word) => {
            drop(reasoning.insert("summary".into(), json!(word)));
        }
        Some(word) => warnings.add(
            "reasoning.display",
            format!("the vendor knows no `{word}`: left out"),
        ),
    }
    if !reasoning.is_empty() {
        body.insert("reasoning".into(), Value::Object(reasoning));
    }
}

#[cfg(test)]
#[path = "request_tests/mod.rs"]
mod tests;

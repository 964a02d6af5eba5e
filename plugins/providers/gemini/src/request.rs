use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings, merge_extensions};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::names::Names;
use crate::parts::Context;
use crate::turns::Conversation;
use crate::{schema, thinking, tools};

/// The vendor's own wire format. No client speaks it to the host yet.
pub(crate) const DIALECT: &str = "gemini-generate-content";

/// The vendor takes no more stop sequences.
const MOST_STOPS: usize = 5;

/// A request in the vendor's words, and what is needed to read the answer.
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
    if request.sampling.stop.len() > MOST_STOPS {
        return Err(Error::bad_request(format!(
            "this vendor takes at most {MOST_STOPS} stop sequences: send fewer"
        ))
        .at("sampling.stop"));
    }
    let mut context = Context::new(config, &request.model);
    let mut body = Map::new();
    let conversation = Conversation::read(&request.messages, &mut context)?;
    if !conversation.system.is_empty() {
        body.insert(
            "systemInstruction".into(),
            json!({"parts": conversation.system}),
        );
    }
    body.insert("contents".into(), conversation.into_contents());
    tools::tools(&mut body, request, &mut context)?;
    let earlier = context.earlier;
    let Context {
        names,
        mut warnings,
        ..
    } = context;
    let mut generation = Map::new();
    sampling(&mut generation, &request.sampling, &mut warnings);
    output(&mut generation, &request.output, &mut warnings)?;
    modalities(&mut generation, request);
    let thinking = thinking::config(request, earlier, &mut warnings);
    generation.extend(thinking.map(|thinking| ("thinkingConfig".into(), thinking)));
    if !generation.is_empty() {
        body.insert("generationConfig".into(), Value::Object(generation));
    }
    labels(&mut body, request, &mut warnings);
    merge_extensions(&mut body, &request.extensions, DIALECT, &mut warnings);
    config.preset(&mut body);
    Ok(Translated {
        body: Value::Object(body),
        names,
        warnings,
    })
}

fn sampling(fields: &mut Map<String, Value>, sampling: &Sampling, warnings: &mut Warnings) {
    let mut temperature = sampling.temperature;
    if temperature.is_some_and(|given| given > 2.0) {
        warnings.add(
            "sampling.temperature",
            "the vendor's highest is 2: it became 2",
        );
        temperature = Some(2.0);
    }
    // The vendor's seeds have 32 bits. Equal seeds stay equal, which is all that a seed promises.
    let seed = sampling.seed.map(|seed| seed as i32);
    let logprobs = sampling.logprobs;
    let all = [
        ("maxOutputTokens", sampling.max_tokens.map(Value::from)),
        ("temperature", temperature.map(Value::from)),
        ("topP", sampling.top_p.map(Value::from)),
        ("topK", sampling.top_k.map(Value::from)),
        ("seed", seed.map(Value::from)),
        (
            "frequencyPenalty",
            sampling.frequency_penalty.map(Value::from),
        ),
        (
            "presencePenalty",
            sampling.presence_penalty.map(Value::from),
        ),
        ("candidateCount", sampling.choices.map(Value::from)),
        ("responseLogprobs", logprobs.map(|_| json!(true))),
        ("logprobs", logprobs.filter(|n| *n > 0).map(Value::from)),
    ];
    let given = all
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    fields.extend(given);
    if !sampling.stop.is_empty() {
        fields.insert("stopSequences".into(), json!(sampling.stop));
    }
}

fn output(
    fields: &mut Map<String, Value>,
    output: &OutputFormat,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    if matches!(output, OutputFormat::Text) {
        return Ok(());
    }
    fields.insert("responseMimeType".into(), json!("application/json"));
    let OutputFormat::JsonSchema(wanted) = output else {
        return Ok(());
    };
    let Ok(Value::Object(mut schema)) = serde_json::from_str(&wanted.schema) else {
        return Err(
            Error::bad_request("the schema of the answer is no JSON object").at("output.schema"),
        );
    };
    if let Some(description) = &wanted.description {
        let known = schema.entry("description");
        known.or_insert_with(|| json!(description));
    }
    let schema = schema::fit(schema, "output.schema", warnings);
    fields.insert("responseJsonSchema".into(), schema);
    Ok(())
}

/// Text alone is what the vendor answers in when nothing is said.
fn modalities(fields: &mut Map<String, Value>, request: &GenerateRequest) {
    if request.modalities.iter().any(|kind| kind != "text") {
        let kinds = request
            .modalities
            .iter()
            .map(|kind| kind.to_ascii_uppercase());
        fields.insert(
            "responseModalities".into(),
            json!(kinds.collect::<Vec<_>>()),
        );
    }
}

fn labels(body: &mut Map<String, Value>, request: &GenerateRequest, warnings: &mut Warnings) {
    if request.user.is_some() {
        warnings.add("user", "the vendor has no such field: left out");
    }
    if request.verbosity.is_some() {
        warnings.add("verbosity", "the vendor has no such setting: left out");
    }
    let mut kept = Map::new();
    for (name, value) in &request.metadata {
        if is_label(name) && !name.is_empty() && is_label(value) {
            kept.insert(name.clone(), json!(value));
        } else {
            warnings.add(
                "metadata",
                format!(
                    "`{name}` is left out: the vendor's labels are up to 63 lower-case letters, digits, `_` or `-`"
                ),
            );
        }
    }
    if !kept.is_empty() {
        body.insert("labels".into(), Value::Object(kept));
    }
    let tier = match request.service_tier.as_deref() {
        None | Some("auto") => return,
        Some("default" | "standard" | "standard_only") => "standard",
        Some("flex") => "flex",
        Some("priority") => "priority",
        Some(other) => {
            warnings.add(
                "service_tier",
                format!("the vendor has no `{other}`: left out"),
            );
            return;
        }
    };
    body.insert("serviceTier".into(), json!(tier));
}

fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    text.len() <= 63 && text.chars().all(fits)
}

#[cfg(test)]
#[path = "request_tests/mod.rs"]
mod tests;

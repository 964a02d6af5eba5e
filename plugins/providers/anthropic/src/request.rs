use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings, merge_extensions, schema};
use serde_json::{Map, Value, json};

use crate::blocks::Context;
use crate::config::Config;
use crate::thinking::Thinking;
use crate::tools;
use crate::turns::{Conversation, shorthand};

/// The wire format that is native here.
pub(crate) const DIALECT: &str = "anthropic-messages";

/// The wire format of counting, which is native too.
pub(crate) const COUNT_DIALECT: &str = "anthropic-count-tokens";

/// Fields that a request for counting has too.
const COUNTED: [&str; 9] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
    "speed",
];

/// A request in the vendor's words, and what is needed to read the answer.
#[derive(Debug)]
pub(crate) struct Translated {
    /// The JSON to send.
    pub(crate) body: Value,
    /// Beta features that the client asked for and may have.
    pub(crate) betas: Vec<String>,
    /// Tools that were renamed.
    pub(crate) names: Names,
    /// What its thinking shows.
    pub(crate) thoughts: ReasoningKind,
    /// What was not honoured.
    pub(crate) warnings: Warnings,
}

impl Translated {
    /// The same request, only to be counted.
    pub(crate) fn into_counted(mut self) -> Self {
        if let Some(body) = self.body.as_object_mut() {
            body.retain(|name, _| COUNTED.contains(&name.as_str()));
        }
        self
    }
}

/// Translates a request.
pub(crate) fn translate(request: &GenerateRequest, config: &Config) -> Result<Translated, Error> {
    refuse(request)?;
    let mut context = Context::default();
    let conversation =
        Conversation::read(&request.messages, config.system_in_messages, &mut context)?;
    let warnings = &mut context.warnings;
    let thinking = Thinking::decide(request, config, &conversation, warnings);
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    let mut system = conversation.system.clone();
    output(&mut body, &mut system, &request.output, warnings)?;
    thinking.write(&mut body);
    if !system.is_empty() {
        body.insert("system".into(), shorthand(system));
    }
    body.insert("messages".into(), conversation.into_messages());
    sampling(&mut body, &request.sampling, thinking.is_on(), warnings);
    labels(&mut body, request, warnings);
    tools::tools(&mut body, request, &mut context)?;
    if request.stream {
        body.insert("stream".into(), json!(true));
    }
    let Context {
        names,
        mut warnings,
        ..
    } = context;
    let (extensions, asked) = betas(&request.extensions);
    let betas = config.admit(asked);
    for beta in betas.refused {
        warnings.add(
            "extensions.betas",
            format!("`{beta}` is not among the plugin's `allowed_betas`: left out"),
        );
    }
    merge_extensions(&mut body, &extensions, DIALECT, &mut warnings);
    let thoughts = match thinking.summarized {
        true => ReasoningKind::Summary,
        false => ReasoningKind::Full,
    };
    Ok(Translated {
        body: Value::Object(body),
        betas: betas.allowed,
        names,
        thoughts,
        warnings,
    })
}

/// What can't be left out without changing what the client gets.
fn refuse(request: &GenerateRequest) -> Result<(), Error> {
    if request.sampling.choices.is_some_and(|choices| choices > 1) {
        return Err(Error::bad_request(
            "this vendor gives one answer to a request: ask for one, or send the request several times",
        )
        .at("sampling.choices"));
    }
    let other = request.modalities.iter().find(|kind| *kind != "text");
    match other {
        Some(kind) => Err(Error::bad_request(format!(
            "this vendor answers in text, not in {kind}: choose another model"
        ))
        .at("modalities")),
        None => Ok(()),
    }
}

fn output(
    body: &mut Map<String, Value>,
    system: &mut Vec<Value>,
    output: &OutputFormat,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let wanted = match output {
        OutputFormat::Text => return Ok(()),
        OutputFormat::Json => {
            warnings.add(
                "output.json",
                "the vendor can't enforce JSON without a schema: the model was told instead",
            );
            system.push(json!({
                "type": "text",
                "text": "Answer with one JSON object and nothing else: no words around it, no code fence.",
            }));
            return Ok(());
        }
        OutputFormat::JsonSchema(wanted) => wanted,
    };
    let mut schema: Value = serde_json::from_str(&wanted.schema).map_err(|e| {
        Error::bad_request(format!("the schema is no JSON: {e}")).at("output.schema")
    })?;
    if let (Some(description), Some(fields)) = (&wanted.description, schema.as_object_mut()) {
        fields
            .entry("description")
            .or_insert_with(|| json!(description));
    }
    schema::fit(&mut schema, "output.schema", warnings);
    let format = json!({"type": "json_schema", "schema": schema});
    body.insert("output_config".into(), json!({"format": format}));
    Ok(())
}

fn sampling(
    body: &mut Map<String, Value>,
    sampling: &Sampling,
    thinks: bool,
    warnings: &mut Warnings,
) {
    let mut temperature = sampling.temperature;
    let mut top_p = sampling.top_p;
    let mut top_k = sampling.top_k;
    if temperature.is_some_and(|given| given > 1.0) {
        warnings.add(
            "sampling.temperature",
            "the vendor's highest is 1: it became 1",
        );
        temperature = Some(1.0);
    }
    if thinks {
        let mut left_out = |field: &str, unlike: bool| {
            if unlike {
                warnings.add(
                    field,
                    "the vendor can't change it while the model thinks: left out",
                );
            }
            unlike
        };
        let is_default = |given: f64| (given - 1.0).abs() < f64::EPSILON;
        if left_out(
            "sampling.temperature",
            temperature.is_some_and(|it| !is_default(it)),
        ) {
            temperature = None;
        }
        if left_out("sampling.top_p", top_p.is_some_and(|given| given < 0.95)) {
            top_p = None;
        }
        if left_out("sampling.top_k", top_k.is_some()) {
            top_k = None;
        }
    }
    // Newer models refuse both at once; 1 is the default of either, so that one says nothing.
    if let (Some(given), Some(nucleus)) = (temperature, top_p) {
        if nucleus >= 1.0 {
            top_p = None;
        } else if given >= 1.0 {
            temperature = None;
        }
    }
    let fields = [
        ("temperature", temperature.map(Value::from)),
        ("top_p", top_p.map(Value::from)),
        ("top_k", top_k.map(Value::from)),
    ];
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    body.extend(given);
    if !sampling.stop.is_empty() {
        body.insert("stop_sequences".into(), json!(sampling.stop));
    }
    let changes = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    let unknown = [
        ("sampling.seed", sampling.seed.is_some()),
        (
            "sampling.frequency_penalty",
            changes(sampling.frequency_penalty),
        ),
        (
            "sampling.presence_penalty",
            changes(sampling.presence_penalty),
        ),
        ("sampling.logprobs", sampling.logprobs.is_some()),
    ];
    for (field, _) in unknown.into_iter().filter(|(_, given)| *given) {
        warnings.add(field, "the vendor has no such setting: left out");
    }
}

fn labels(body: &mut Map<String, Value>, request: &GenerateRequest, warnings: &mut Warnings) {
    if let Some(user) = &request.user {
        body.insert("metadata".into(), json!({"user_id": user}));
    }
    if !request.metadata.is_empty() {
        warnings.add("metadata", "the vendor keeps no labels: left out");
    }
    if request.verbosity.is_some() {
        warnings.add("verbosity", "the vendor has no such setting: left out");
    }
    let tier = match request.service_tier.as_deref() {
        None => return,
        Some("auto") => "auto",
        Some("default" | "standard_only") => "standard_only",
        Some("priority") => {
            warnings.add(
                "service_tier",
                "the vendor gives priority where it was bought: `auto` asks for it",
            );
            "auto"
        }
        Some(other) => {
            warnings.add(
                "service_tier",
                format!("the vendor has no `{other}`: left out"),
            );
            return;
        }
    };
    body.insert("service_tier".into(), json!(tier));
}

/// Takes `betas`, which the vendor wants as a header, out of our own dialect's extensions.
fn betas(extensions: &[Extension]) -> (Vec<Extension>, Vec<String>) {
    let mut asked = Vec::new();
    let mut rest = extensions.to_vec();
    for extension in rest
        .iter_mut()
        .filter(|extension| extension.dialect == DIALECT)
    {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(&extension.fields) else {
            continue;
        };
        if let Some(Value::Array(betas)) = fields.remove("betas") {
            asked.extend(
                betas
                    .iter()
                    .filter_map(|beta| beta.as_str().map(str::to_owned)),
            );
            extension.fields = Value::Object(fields).to_string();
        }
    }
    (rest, asked)
}

#[cfg(test)]
#[path = "request_tests/mod.rs"]
mod tests;

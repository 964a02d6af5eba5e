use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings, merge_extensions, schema};
use serde_json::{Map, Value, json};

use crate::blocks::Context;
use crate::config::{Config, GuardedStream, Latency};
use crate::extra::{Extra, MESSAGES};
use crate::family::Family;
use crate::thinking::Thinking;
use crate::tools;
use crate::turns::Conversation;

/// The vendor's own words, where a client or operator writes them.
pub(crate) const DIALECT: &str = "bedrock-converse";

/// Where models of Anthropic's say which of several stop texts it was.
const WHICH_STOP: &str = "/stop_sequence";

/// Labels of a request: most of them, and most characters of a name or value.
const MOST_LABELS: usize = 16;
const LONGEST_LABEL: usize = 256;

/// A request in the vendor's words, and what is needed to read the answer.
#[derive(Debug)]
pub(crate) struct Translated {
    /// The JSON to send.
    pub(crate) body: Value,
    /// What to know about the answer.
    pub(crate) answer: Expected,
}

/// What the request says about the answer to it.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Whose model answers.
    pub(crate) family: Family,
    /// Tools that were renamed.
    pub(crate) names: Names,
    /// What its thinking shows.
    pub(crate) thoughts: ReasoningKind,
    /// Texts that end it.
    pub(crate) stop: Vec<String>,
    /// What was not honoured.
    pub(crate) warnings: Warnings,
}

impl Translated {
    /// The same request, only to be counted.
    pub(crate) fn into_counted(mut self) -> Value {
        let counted = [
            "messages",
            "system",
            "toolConfig",
            "additionalModelRequestFields",
        ];
        if let Some(body) = self.body.as_object_mut() {
            body.retain(|name, _| counted.contains(&name.as_str()));
        }
        json!({"input": {"converse": self.body}})
    }
}

/// Translates a request.
pub(crate) fn translate(request: &GenerateRequest, config: &Config) -> Result<Translated, Error> {
    refuse(request)?;
    let family = config.family(&request.model);
    let mut context = Context::new(family);
    let mut extra = Extra::default();
    let conversation =
        Conversation::read(&request.messages, config.system_in_messages, &mut context)?;
    let mut body = Map::new();
    let mut system = conversation.system.clone();
    let mut output_config = Map::new();
    let warnings = &mut context.warnings;
    output(&mut output_config, &mut system, &request.output, warnings)?;
    let thinking = Thinking::decide(request, family, config, &conversation, &mut extra, warnings);
    output_config.extend(
        thinking
            .effort
            .clone()
            .map(|effort| ("effort".into(), json!(effort))),
    );
    let sampling = Sampled {
        sampling: &request.sampling,
        family,
        thinks: thinking.is_on(),
    };
    let inference = sampling.write(thinking.max_tokens, &mut extra, warnings);
    tools::tools(&mut body, request, &conversation, &mut extra, &mut context)?;
    body.insert("messages".into(), conversation.into_messages());
    if !system.is_empty() {
        body.insert("system".into(), Value::Array(system));
    }
    if !inference.is_empty() {
        body.insert("inferenceConfig".into(), Value::Object(inference));
    }
    if !output_config.is_empty() {
        body.insert("outputConfig".into(), Value::Object(output_config));
    }
    if family == Family::Anthropic && request.sampling.stop.len() > 1 {
        body.insert(
            "additionalModelResponseFieldPaths".into(),
            json!([WHICH_STOP]),
        );
    }
    let warnings = &mut context.warnings;
    labels(&mut body, request, warnings);
    settings(&mut body, request.stream, config);
    let (ours, foreign): (Vec<_>, Vec<_>) = split_betas(&request.extensions, |asked| {
        extra.betas(family, config, asked, warnings);
    })
    .into_iter()
    .partition(|extension| extension.dialect == DIALECT);
    extra.merge_client(family, &foreign, warnings);
    extra.merge_operator(&config.additional_model_request_fields);
    extra.write(&mut body);
    merge_extensions(&mut body, &ours, DIALECT, warnings);
    let thoughts = match thinking.summarized {
        true => ReasoningKind::Summary,
        false => ReasoningKind::Full,
    };
    Ok(Translated {
        body: Value::Object(body),
        answer: Expected {
            family,
            names: context.names,
            thoughts,
            stop: request.sampling.stop.clone(),
            warnings: context.warnings,
        },
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
    config: &mut Map<String, Value>,
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
                "text": "Answer with one JSON object and nothing else: no words around it, no code fence.",
            }));
            return Ok(());
        }
        OutputFormat::JsonSchema(wanted) => wanted,
    };
    let mut schema: Value = serde_json::from_str(&wanted.schema).map_err(|e| {
        Error::bad_request(format!("the schema is no JSON: {e}")).at("output.schema")
    })?;
    schema::fit(&mut schema, "output.schema", warnings);
    let mut definition = json!({"schema": schema.to_string()});
    for (name, value) in [("name", &wanted.name), ("description", &wanted.description)] {
        if let Some(value) = value {
            definition[name] = json!(value);
        }
    }
    let format = json!({"type": "json_schema", "structure": {"jsonSchema": definition}});
    config.insert("textFormat".into(), format);
    Ok(())
}

/// How tokens are chosen, and by whose model.
struct Sampled<'a> {
    sampling: &'a Sampling,
    family: Family,
    /// One of Anthropic's models thinks, which rules out most of it.
    thinks: bool,
}

impl Sampled<'_> {
    /// `inferenceConfig`, and what has its place only among the model's own fields.
    fn write(
        &self,
        max_tokens: Option<u32>,
        extra: &mut Extra,
        warnings: &mut Warnings,
    ) -> Map<String, Value> {
        let mut temperature = self.sampling.temperature;
        let mut top_p = self.sampling.top_p;
        let mut top_k = self.sampling.top_k;
        if temperature.is_some_and(|given| given > 1.0) {
            warnings.add(
                "sampling.temperature",
                "the vendor's highest is 1: it became 1",
            );
            temperature = Some(1.0);
        }
        if self.thinks {
            let mut keep = |field: &str, fits: bool| {
                if !fits {
                    warnings.add(field, "the model can't change it while it thinks: left out");
                }
                fits
            };
            let is_default = |given: &f64| (given - 1.0).abs() < f64::EPSILON;
            temperature =
                temperature.filter(|given| keep("sampling.temperature", is_default(given)));
            top_p = top_p.filter(|given| keep("sampling.top_p", *given >= 0.95));
            top_k = top_k.filter(|_| keep("sampling.top_k", false));
        }
        // Newer models of Anthropic's refuse both at once; 1 is the default of either, so that one says nothing.
        if let (Family::Anthropic, Some(given), Some(nucleus)) = (self.family, temperature, top_p) {
            if nucleus >= 1.0 {
                top_p = None;
            } else if given >= 1.0 {
                temperature = None;
            }
        }
        let stop = &self.sampling.stop;
        let fields = [
            ("maxTokens", max_tokens.map(Value::from)),
            ("temperature", temperature.map(Value::from)),
            ("topP", top_p.map(Value::from)),
            ("stopSequences", (!stop.is_empty()).then(|| json!(stop))),
        ];
        self.makers_own(top_k, extra, warnings);
        let given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect()
    }

    /// Settings that some makers have fields for.
    fn makers_own(&self, top_k: Option<u32>, extra: &mut Extra, warnings: &mut Warnings) {
        let mut unknown = Vec::new();
        match (top_k, self.family) {
            (None, _) => {}
            (Some(top_k), Family::Anthropic | Family::Mistral) => extra.set("top_k", json!(top_k)),
            (Some(top_k), Family::Cohere) => extra.set("k", json!(top_k)),
            (Some(top_k), Family::Nova) => extra.set("inferenceConfig", json!({"topK": top_k})),
            (Some(_), _) => unknown.push("sampling.top_k"),
        }
        let changed = |penalty: Option<f64>| penalty.filter(|penalty| *penalty != 0.0);
        let settings = [
            ("seed", self.sampling.seed.map(Value::from)),
            (
                "frequency_penalty",
                changed(self.sampling.frequency_penalty).map(Value::from),
            ),
            (
                "presence_penalty",
                changed(self.sampling.presence_penalty).map(Value::from),
            ),
        ];
        for (name, value) in settings {
            match (value, self.family) {
                (None, _) => {}
                (Some(value), Family::Cohere) => extra.set(name, value),
                (Some(_), _) => unknown.push(match name {
                    "seed" => "sampling.seed",
                    "frequency_penalty" => "sampling.frequency_penalty",
                    _ => "sampling.presence_penalty",
                }),
            }
        }
        if self.sampling.logprobs.is_some() {
            unknown.push("sampling.logprobs");
        }
        for field in unknown {
            warnings.add(
                field,
                "the vendor has no such setting for this model: left out",
            );
        }
    }
}

fn labels(body: &mut Map<String, Value>, request: &GenerateRequest, warnings: &mut Warnings) {
    if request.user.is_some() {
        warnings.add("user", "the vendor has no such field: left out");
    }
    if request.verbosity.is_some() {
        warnings.add("verbosity", "the vendor has no such setting: left out");
    }
    let fits = |text: &str, least: usize| {
        let plain =
            |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || ":_@$#=/+,-.".contains(c);
        (least..=LONGEST_LABEL).contains(&text.len()) && text.chars().all(plain)
    };
    let all = request.metadata.iter();
    let labels: Map<String, Value> = all
        .filter(|(name, value)| fits(name, 1) && fits(value, 0))
        .take(MOST_LABELS)
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    if labels.len() < request.metadata.len() {
        warnings.add(
            "metadata",
            format!("the vendor takes {MOST_LABELS} labels of {LONGEST_LABEL} plain characters: the others were left out"),
        );
    }
    if !labels.is_empty() {
        body.insert("requestMetadata".into(), Value::Object(labels));
    }
    let tier = match request.service_tier.as_deref() {
        // The vendor's default.
        None | Some("auto") => return,
        Some("default" | "standard_only") => "default",
        Some(tier @ ("priority" | "flex" | "reserved")) => tier,
        Some(other) => {
            warnings.add(
                "service_tier",
                format!("the vendor has no `{other}`: left out"),
            );
            return;
        }
    };
    body.insert("serviceTier".into(), json!({"type": tier}));
}

/// What the operator set.
fn settings(body: &mut Map<String, Value>, stream: bool, config: &Config) {
    if let Some(guardrail) = &config.guardrail {
        let mut sent = json!({
            "guardrailIdentifier": guardrail.id, "guardrailVersion": guardrail.version,
        });
        if let Some(mode) = guardrail.stream.filter(|_| stream) {
            sent["streamProcessingMode"] = json!(match mode {
                GuardedStream::Sync => "sync",
                GuardedStream::Async => "async",
            });
        }
        body.insert("guardrailConfig".into(), sent);
    }
    if let Some(latency) = config.latency {
        let latency = match latency {
            Latency::Standard => "standard",
            Latency::Optimized => "optimized",
        };
        body.insert("performanceConfig".into(), json!({"latency": latency}));
    }
}

/// Takes `betas`, a header field of Anthropic's API, out of the extensions and hands them on.
fn split_betas(extensions: &[Extension], admit: impl FnOnce(Vec<String>)) -> Vec<Extension> {
    let mut asked = Vec::new();
    let mut rest = extensions.to_vec();
    for extension in rest
        .iter_mut()
        .filter(|extension| extension.dialect == MESSAGES)
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
    admit(asked);
    rest
}

#[cfg(test)]
#[path = "request_tests/mod.rs"]
mod tests;

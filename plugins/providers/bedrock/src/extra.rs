//! `additionalModelRequestFields`: what the model's maker has a field for, and Converse has not.

use evenhand_sdk::types::*;
use evenhand_sdk::{Warnings, merge_extensions};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::family::Family;

/// The wire format of Anthropic's own API, whose fields its models take here too.
pub(crate) const MESSAGES: &str = "anthropic-messages";

/// Fields of that wire format, beside those that the neutral form has, that the vendor hands on to the model.
const HANDED_ON: [&str; 2] = ["thinking", "context_management"];

/// Fields for the model itself.
#[derive(Debug, Default)]
pub(crate) struct Extra(Map<String, Value>);

impl Extra {
    /// Sets a field.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.0.insert(name.into(), value);
    }

    /// Adds an element to a list.
    pub(crate) fn push(&mut self, name: &str, value: Value) {
        let list = self.0.entry(name).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(value);
        }
    }

    /// Is this field set?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The beta features that operator and client ask for: a list of their own in the body (fidelity 31).
    pub(crate) fn betas(
        &mut self,
        family: Family,
        config: &Config,
        asked: Vec<String>,
        warnings: &mut Warnings,
    ) {
        if family != Family::Anthropic {
            if !asked.is_empty() {
                warnings.add(
                    "extensions.betas",
                    "this model has no beta features: left out",
                );
            }
            return;
        }
        let betas = config.admit(asked);
        for beta in betas.refused {
            warnings.add(
                "extensions.betas",
                format!("`{beta}` is not among the plugin's `allowed_betas`: left out"),
            );
        }
        let mut all: Vec<&String> = Vec::new();
        for beta in config.betas.iter().chain(&betas.allowed) {
            if !all.contains(&beta) {
                all.push(beta);
            }
        }
        if !all.is_empty() {
            self.0.insert("anthropic_beta".into(), json!(all));
        }
    }

    /// Fields that the client wrote in the words of the model's maker.
    pub(crate) fn merge_client(
        &mut self,
        family: Family,
        extensions: &[Extension],
        warnings: &mut Warnings,
    ) {
        for extension in extensions {
            let fields = serde_json::from_str::<Map<String, Value>>(&extension.fields);
            let (MESSAGES, Family::Anthropic, Ok(fields)) =
                (extension.dialect.as_str(), family, fields)
            else {
                warnings.add_extension(extension);
                continue;
            };
            let split = |known: bool| {
                let fields = fields
                    .iter()
                    .filter(|(name, _)| HANDED_ON.contains(&name.as_str()) == known);
                let fields: Map<_, _> = fields
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                Extension {
                    dialect: MESSAGES.into(),
                    fields: Value::Object(fields).to_string(),
                }
            };
            warnings.add_extension(&split(false));
            merge_extensions(&mut self.0, &[split(true)], MESSAGES, warnings);
        }
    }

    /// The operator's fields, which win over all others.
    pub(crate) fn merge_operator(&mut self, fields: &Map<String, Value>) {
        merge(&mut self.0, fields);
    }

    /// Writes the field, if there is something to say.
    pub(crate) fn write(self, body: &mut Map<String, Value>) {
        if !self.0.is_empty() {
            body.insert("additionalModelRequestFields".into(), Value::Object(self.0));
        }
    }
}

fn merge(into: &mut Map<String, Value>, fields: &Map<String, Value>) {
    for (name, value) in fields {
        match (into.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => merge(known, more),
            _ => drop(into.insert(name.clone(), value.clone())),
        }
    }
}

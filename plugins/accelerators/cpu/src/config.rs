//! What the operator writes under `config`.

use evenhand_sdk::Error;
use serde::Deserialize;

/// The models, and how much memory their answers may take.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Models that can be opened. Each is loaded when it first is, and stays.
    pub(crate) models: Vec<Model>,
    /// Most tokens that all answers in the making may have together, prompts included. SmolLM2-135M needs 45 KiB for each.
    #[serde(default = "cache_tokens")]
    pub(crate) cache_tokens: usize,
}

/// A model. Files are called by their names under `[plugin.grant.weights]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Model {
    /// A language model of the llama architecture.
    Gguf {
        /// What providers call it.
        name: String,
        /// The GGUF file.
        weights: String,
        /// Most tokens of prompt and answer together: at most what the model was trained for.
        #[serde(default = "context")]
        context: usize,
    },
    /// A sentence encoder of the BERT architecture.
    Bert {
        /// What providers call it.
        name: String,
        /// The safetensors file.
        weights: String,
        /// Its `tokenizer.json`.
        tokenizer: String,
        /// Its `config.json`.
        config: String,
    },
}

fn cache_tokens() -> usize {
    16_384
}

fn context() -> usize {
    2048
}

impl Config {
    /// The plugin's own.
    pub(crate) fn get() -> Result<Self, Error> {
        evenhand_sdk::config::<Self>()?.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        let wrong = |what: String| {
            Err(Error::bad_request(format!(
                "this plugin's `config`: {what}"
            )))
        };
        for (index, model) in self.models.iter().enumerate() {
            let name = model.name();
            if self.models[..index]
                .iter()
                .any(|other| other.name() == name)
            {
                return wrong(format!("two models are called `{name}`"));
            }
            if let Model::Gguf { context, .. } = model
                && *context > self.cache_tokens
            {
                let room = self.cache_tokens;
                return wrong(format!(
                    "`context` of `{name}` is {context}, but `cache_tokens` is {room}: no answer could use it"
                ));
            }
        }
        Ok(self)
    }

    /// The model of this name.
    pub(crate) fn model(&self, name: &str) -> Result<&Model, Error> {
        let names = || self.models.iter().map(Model::name).collect::<Vec<_>>();
        self.models
            .iter()
            .find(|model| model.name() == name)
            .ok_or_else(|| {
                Error::not_found(format!("no model `{name}` here, only {:?}", names())).at("model")
            })
    }
}

impl Model {
    /// What providers call it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Gguf { name, .. } | Self::Bert { name, .. } => name,
        }
    }

    /// Its files.
    pub(crate) fn files(&self) -> Vec<&str> {
        match self {
            Self::Gguf { weights, .. } => vec![weights],
            Self::Bert {
                weights,
                tokenizer,
                config,
                ..
            } => vec![weights, tokenizer, config],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(config: Value) -> Result<Config, String> {
        let config: Config = serde_json::from_value(config).map_err(|e| e.to_string())?;
        config.checked().map_err(|e| e.message)
    }

    fn gguf(name: &str) -> Value {
        json!({"kind": "gguf", "name": name, "weights": "w.gguf"})
    }

    #[test]
    fn models_are_found_by_name_and_say_what_they_need() {
        let bert =
            json!({"kind": "bert", "name": "b", "weights": "w", "tokenizer": "t", "config": "c"});
        let config = read(json!({"models": [gguf("a"), bert]})).unwrap();
        assert_eq!(config.model("a").unwrap().files(), ["w.gguf"]);
        assert_eq!(config.model("b").unwrap().files(), ["w", "t", "c"]);
        let error = config.model("x").unwrap_err();
        assert!(error.message.contains(r#"["a", "b"]"#), "{}", error.message);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        let mut unknown = gguf("a");
        unknown["threads"] = json!(4);
        let mut long = gguf("a");
        long["context"] = json!(8192);
        for (config, reason) in [
            (json!({"models": [gguf("a"), gguf("a")]}), "two models"),
            (json!({"models": [unknown]}), "threads"),
            (
                json!({"models": [long], "cache_tokens": 4096}),
                "cache_tokens",
            ),
            (json!({"models": [{"kind": "onnx", "name": "a"}]}), "onnx"),
            (json!({}), "models"),
        ] {
            let error = read(config).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}

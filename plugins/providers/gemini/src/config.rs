use std::collections::BTreeMap;

use evenhand_sdk::Error;
use evenhand_sdk::http::Request;
use evenhand_sdk::types::ErrorCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Fields of a request that the operator can't preset: the client's own, and those that have a key of their own.
const NOT_PRESET: [&str; 6] = [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "model",
];

/// What the vendor's filters can be set to.
const THRESHOLDS: [&str; 5] = [
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
];

/// What the operator writes under `config`. Everything has a default: `{}` is the vendor itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the API lives, with its version.
    #[serde(default = "vendor")]
    pub(crate) base_url: String,
    /// Name of the granted secret; empty for servers that want none.
    #[serde(default = "api_key")]
    credential: String,
    /// The vendor's filters: thresholds by category.
    #[serde(default)]
    safety_settings: BTreeMap<String, String>,
    /// The vendor's own tools that every request for an answer offers, such as `{ googleSearch = {} }`.
    #[serde(default)]
    pub(crate) tools: Vec<Map<String, Value>>,
    /// Fields of every request for an answer, where it does not say them itself.
    #[serde(default)]
    request: Map<String, Value>,
    /// Fields of every text to embed, such as `taskType`.
    #[serde(default)]
    pub(crate) embed: Map<String, Value>,
    /// Beginnings of the names of models before Gemini 3: those count their thinking in tokens and know no levels, take
    /// calls without signatures, and no media inside the results of tools.
    #[serde(default = "earlier_models")]
    earlier_models: Vec<String>,
}

fn vendor() -> String {
    "https://generativelanguage.googleapis.com/v1beta".into()
}

fn api_key() -> String {
    "api_key".into()
}

fn earlier_models() -> Vec<String> {
    let names = ["gemini-1", "gemini-2", "gemini-robotics-er-1", "gemma-"];
    names.map(str::to_owned).to_vec()
}

impl Config {
    /// Can it be served with?
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refused = |what: String| Err(Error::internal(format!("its `config`: {what}")));
        for (category, threshold) in &self.safety_settings {
            if !category.starts_with("HARM_CATEGORY_") {
                return refused(format!(
                    "`safety_settings.{category}` is no category: they begin with `HARM_CATEGORY_`"
                ));
            }
            if !THRESHOLDS.contains(&threshold.as_str()) {
                return refused(format!(
                    "`safety_settings.{category}` is `{threshold}`: one of {}",
                    THRESHOLDS.join(", ")
                ));
            }
        }
        let preset = self.request.keys();
        if let Some(name) = preset
            .into_iter()
            .find(|name| NOT_PRESET.contains(&name.as_str()))
        {
            return refused(format!(
                "`request.{name}` can't be preset: the request or another key says it"
            ));
        }
        if let Some(name) = ["content", "model"]
            .into_iter()
            .find(|name| self.embed.contains_key(*name))
        {
            return refused(format!(
                "`embed.{name}` can't be preset: the request says it"
            ));
        }
        Ok(())
    }

    /// Is this a model before Gemini 3?
    pub(crate) fn is_earlier(&self, model: &str) -> bool {
        let name = model.strip_prefix("models/").unwrap_or(model);
        let mut known = self.earlier_models.iter();
        known.any(|beginning| name.starts_with(beginning.as_str()))
    }

    /// Adds what the operator preset and the request does not say.
    pub(crate) fn preset(&self, body: &mut Map<String, Value>) {
        if !self.safety_settings.is_empty() {
            let settings = self
                .safety_settings
                .iter()
                .map(|(category, threshold)| json!({"category": category, "threshold": threshold}));
            body.insert("safetySettings".into(), settings.collect());
        }
        fill(body, &self.request);
    }

    /// A request to this path below the base, with the credential.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, format!("{}{path}", self.base()));
        match self.credential() {
            Some(name) => request.credential(name),
            None => request,
        }
    }

    /// The base without a slash at its end.
    pub(crate) fn base(&self) -> &str {
        self.base_url.trim_end_matches('/')
    }

    fn credential(&self) -> Option<&str> {
        (!self.credential.is_empty()).then_some(&self.credential)
    }
}

fn fill(into: &mut Map<String, Value>, preset: &Map<String, Value>) {
    for (name, value) in preset {
        match (into.get_mut(name), value) {
            (None, value) => drop(into.insert(name.clone(), value.clone())),
            (Some(Value::Object(known)), Value::Object(more)) => fill(known, more),
            (Some(_), _) => {}
        }
    }
}

/// The path of a model, which clients name without `models/`.
///
/// # Errors
/// `not-found` for what could be another path.
pub(crate) fn resource(model: &str) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@/".contains(c);
    let steps = || model.split('/');
    if model.is_empty()
        || !model.chars().all(plain)
        || steps().any(|step| ["", ".", ".."].contains(&step))
    {
        return Err(Error::new(
            ErrorCode::NotFound,
            format!("the vendor has no model `{model}`"),
        )
        .at("model"));
    }
    Ok(match model.contains('/') {
        true => model.into(),
        false => format!("models/{model}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn empty_is_the_vendor_and_unknown_keys_are_errors() {
        let empty = config("{}");
        assert_eq!(empty.base(), vendor());
        assert_eq!(empty.credential(), Some("api_key"));
        assert!(empty.check().is_ok());
        assert_eq!(config(r#"{"credential":""}"#).credential(), None);
        assert!(serde_json::from_str::<Config>(r#"{"base":"x"}"#).is_err());
    }

    #[test]
    fn what_cannot_be_served_with_is_named() {
        for (text, named) in [
            (r#"{"safety_settings":{"HARASSMENT":"OFF"}}"#, "HARASSMENT"),
            (r#"{"safety_settings":{"HARM_CATEGORY_X":"NONE"}}"#, "NONE"),
            (r#"{"request":{"contents":[]}}"#, "request.contents"),
            (r#"{"embed":{"content":{}}}"#, "embed.content"),
        ] {
            let error = config(text).check().unwrap_err();
            assert!(error.message.contains(named), "{}", error.message);
        }
        let all = r#"{"safety_settings":{"HARM_CATEGORY_HARASSMENT":"BLOCK_NONE"},"tools":[{"googleSearch":{}}],
            "request":{"store":false},"embed":{"taskType":"RETRIEVAL_DOCUMENT"},"earlier_models":["old-"]}"#;
        assert!(config(all).check().is_ok());
        assert!(
            config(all).is_earlier("models/old-1") && !config(all).is_earlier("gemini-2.5-pro")
        );
        assert!(
            config("{}").is_earlier("gemini-2.5-pro") && !config("{}").is_earlier("gemini-3-pro")
        );
    }

    #[test]
    fn what_is_preset_fills_gaps_at_any_depth() {
        let config = config(
            r#"{"safety_settings":{"HARM_CATEGORY_HARASSMENT":"OFF"},
            "request":{"generationConfig":{"topK":1,"mediaResolution":"MEDIA_RESOLUTION_LOW"},"store":false}}"#,
        );
        let mut body = Map::new();
        body.insert("generationConfig".into(), json!({"topK": 9}));
        config.preset(&mut body);
        assert_eq!(
            Value::Object(body),
            json!({"generationConfig": {"topK": 9, "mediaResolution": "MEDIA_RESOLUTION_LOW"}, "store": false,
                "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]})
        );
    }

    #[test]
    fn a_model_is_a_path_and_no_other() {
        assert_eq!(resource("gemini-3-pro").unwrap(), "models/gemini-3-pro");
        assert_eq!(resource("tunedModels/mine").unwrap(), "tunedModels/mine");
        for wrong in ["", "../x", "a/../b", "a?b", "a:b", "a//b", "ä"] {
            assert_eq!(
                resource(wrong).unwrap_err().code,
                ErrorCode::NotFound,
                "{wrong}"
            );
        }
    }
}

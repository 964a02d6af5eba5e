use evenhand_sdk::http::Request;
use serde::Deserialize;

/// What the operator writes under `config`. Everything has a default: `{}` is the vendor itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the API lives, with its version.
    #[serde(default = "vendor")]
    base_url: String,
    /// Name of the granted secret; empty for servers that want none.
    #[serde(default = "api_key")]
    credential: String,
    /// Billed organisation.
    #[serde(default)]
    organization: Option<String>,
    /// Billed project.
    #[serde(default)]
    project: Option<String>,
    /// Where the limit of the answer goes: many compatible servers know only `max_tokens`.
    #[serde(default)]
    pub(crate) max_tokens_field: MaxTokensField,
}

/// The two names of one field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum MaxTokensField {
    /// What the vendor wants since its reasoning models.
    #[default]
    #[serde(rename = "max_completion_tokens")]
    MaxCompletionTokens,
    /// What it was called before.
    #[serde(rename = "max_tokens")]
    MaxTokens,
}

impl MaxTokensField {
    /// The field's name in a request.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxTokens => "max_tokens",
        }
    }
}

fn vendor() -> String {
    "https://api.openai.com/v1".into()
}

fn api_key() -> String {
    "api_key".into()
}

impl Config {
    /// A request to this path below the base, with the credential; `headers` are a client's own. The operator's
    /// organisation and project win over the client's, because they decide who pays.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: Vec<(String, String)>,
    ) -> Request {
        let ours = [
            ("openai-organization", &self.organization),
            ("openai-project", &self.project),
        ];
        let ours = ours
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let kept = headers
            .into_iter()
            .filter(|(name, _)| !ours.clone().any(|(own, _)| own == name));
        let url = format!("{}{path}", self.base_url.trim_end_matches('/'));
        let mut request = Request::new(method, url).headers(kept);
        for (name, value) in ours {
            request = request.header(name, value);
        }
        match self.credential() {
            Some(name) => request.credential(name),
            None => request,
        }
    }

    fn credential(&self) -> Option<&str> {
        (!self.credential.is_empty()).then_some(&self.credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_the_vendor_and_unknown_keys_are_errors() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(config.base_url, "https://api.openai.com/v1");
        assert_eq!(config.credential(), Some("api_key"));
        let config: Config =
            serde_json::from_str(r#"{"credential":"","max_tokens_field":"max_tokens"}"#).unwrap();
        assert_eq!(config.credential(), None);
        assert_eq!(config.max_tokens_field.name(), "max_tokens");
        assert!(serde_json::from_str::<Config>(r#"{"base":"x"}"#).is_err());
    }
}

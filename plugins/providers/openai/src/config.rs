use evenhand_sdk::Error;
use evenhand_sdk::http::Request;
use serde::Deserialize;

use crate::instructions::Instructions;
use crate::leave_out::Field;
use crate::{chat, embed, responses};

/// What the operator writes under `config`. Everything has a default: `{}` is the vendor itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where the API lives, with its version.
    base_url: String,
    /// Name of the granted secret; empty for servers that want none.
    credential: String,
    /// Billed organisation.
    organization: Option<String>,
    /// Billed project.
    project: Option<String>,
    /// Which API answers clients of other formats; absent: what [`Config::api`] says.
    api: Option<Api>,
    /// Formats whose requests go on untouched; absent: all that the server speaks.
    native: Option<Vec<Native>>,
    /// Where the limit of the answer goes in chat completions: many compatible servers know only `max_tokens`.
    pub(crate) max_tokens_field: MaxTokensField,
    /// Which instructions the server's model understands, and where.
    pub(crate) instructions: Instructions,
    /// Fields that the server refuses or misreads.
    pub(crate) leave_out: Vec<Field>,
}

/// The two APIs that answer with text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Api {
    /// `POST /responses`.
    Responses,
    /// `POST /chat/completions`.
    Chat,
}

/// A format whose requests go on untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Native {
    /// `POST /chat/completions`.
    #[serde(rename = "openai-chat")]
    Chat,
    /// `POST /responses`.
    #[serde(rename = "openai-responses")]
    Responses,
    /// `POST /embeddings`.
    #[serde(rename = "openai-embeddings")]
    Embeddings,
}

impl Native {
    const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Embeddings];

    /// The format's name in the contract.
    pub(crate) fn dialect(self) -> &'static str {
        match self {
            Self::Chat => chat::DIALECT,
            Self::Responses => responses::DIALECT,
            Self::Embeddings => embed::DIALECT,
        }
    }

    /// Where its requests go, below the base.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Responses => "/responses",
            Self::Embeddings => "/embeddings",
        }
    }
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

const VENDOR: &str = "https://api.openai.com/v1";

impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: VENDOR.into(),
            credential: "api_key".into(),
            organization: None,
            project: None,
            api: None,
            native: None,
            max_tokens_field: MaxTokensField::default(),
            instructions: Instructions::default(),
            leave_out: Vec::new(),
        }
    }
}

impl Config {
    /// Is it one that can be served with?
    ///
    /// # Errors
    /// A native format that the server does not speak.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let responses = self
            .native
            .iter()
            .flatten()
            .any(|it| *it == Native::Responses);
        if responses && self.api() == Api::Chat {
            return Err(Error::internal(
                "its `config`: native = [\"openai-responses\"] needs api = \"responses\"",
            ));
        }
        Ok(())
    }

    /// Which API answers clients of other formats: the vendor itself has both, and its newer one loses less; of another
    /// server only chat completions can be taken for granted.
    pub(crate) fn api(&self) -> Api {
        self.api.unwrap_or(match self.base() == VENDOR {
            true => Api::Responses,
            false => Api::Chat,
        })
    }

    /// Formats whose requests go on untouched.
    pub(crate) fn native(&self) -> impl Iterator<Item = Native> {
        let speaks = |it: &Native| match &self.native {
            Some(chosen) => chosen.contains(it),
            None => *it != Native::Responses || self.api() == Api::Responses,
        };
        Native::ALL.into_iter().filter(speaks)
    }

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
        let mut request = Request::new(method, format!("{}{path}", self.base())).headers(kept);
        for (name, value) in ours {
            request = request.header(name, value);
        }
        match self.credential() {
            Some(name) => request.credential(name),
            None => request,
        }
    }

    fn base(&self) -> &str {
        self.base_url.trim_end_matches('/')
    }

    fn credential(&self) -> Option<&str> {
        (!self.credential.is_empty()).then_some(&self.credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    fn dialects(text: &str) -> Vec<&'static str> {
        config(text).native().map(Native::dialect).collect()
    }

    #[test]
    fn empty_is_the_vendor_and_unknown_keys_are_errors() {
        let vendor = config("{}");
        assert_eq!(vendor.base_url, "https://api.openai.com/v1");
        assert_eq!(vendor.credential(), Some("api_key"));
        let other = config(r#"{"credential":"","max_tokens_field":"max_tokens"}"#);
        assert_eq!(other.credential(), None);
        assert_eq!(other.max_tokens_field.name(), "max_tokens");
        for wrong in [
            r#"{"base":"x"}"#,
            r#"{"api":"text"}"#,
            r#"{"leave_out":["messages"]}"#,
        ] {
            assert!(serde_json::from_str::<Config>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_vendor_answers_by_responses_and_others_by_chat_unless_told() {
        let other = r#"{"base_url":"http://10.0.0.7/v1"}"#;
        assert_eq!(config("{}").api(), Api::Responses);
        assert_eq!(
            config(r#"{"base_url":"https://api.openai.com/v1/"}"#).api(),
            Api::Responses
        );
        assert_eq!(config(r#"{"api":"chat"}"#).api(), Api::Chat);
        assert_eq!(config(other).api(), Api::Chat);
        assert_eq!(
            config(r#"{"base_url":"http://10.0.0.7/v1","api":"responses"}"#).api(),
            Api::Responses
        );
        assert_eq!(dialects(other), ["openai-chat", "openai-embeddings"]);
        assert_eq!(
            dialects("{}"),
            ["openai-chat", "openai-responses", "openai-embeddings"]
        );
    }

    #[test]
    fn what_is_native_can_be_chosen_among_what_is_spoken() {
        assert_eq!(
            dialects(r#"{"native":["openai-responses"]}"#),
            ["openai-responses"]
        );
        assert!(dialects(r#"{"native":[]}"#).is_empty());
        assert!(config("{}").check().is_ok());
        assert!(
            config(r#"{"api":"chat","native":["openai-responses"]}"#)
                .check()
                .is_err()
        );
    }
}

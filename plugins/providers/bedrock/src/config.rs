use evenhand_sdk::Error;
use evenhand_sdk::http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::family::Family;

/// What a path's segment says as it is (RFC 3986, unreserved): AWS signs all else encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Beta features of Anthropic's that the vendor's user guide lists; it refuses a request with any other.
const BETAS: [&str; 13] = [
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "token-efficient-tools-2025-02-19",
    "output-128k-2025-02-19",
    "interleaved-thinking-2025-05-14",
    "dev-full-thinking-2025-05-14",
    "fine-grained-tool-streaming-2025-05-14",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "tool-search-tool-2025-10-19",
    "tool-examples-2025-10-29",
    "effort-2025-11-24",
];

/// What the operator writes under `config`. A `region` is enough.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The region whose endpoints serve.
    #[serde(default)]
    region: Option<String>,
    /// Where the runtime API lives; absent: that of the region.
    #[serde(default)]
    base_url: Option<String>,
    /// Where models are listed; absent: the control plane of the region.
    #[serde(default)]
    control_url: Option<String>,
    /// Name of the granted secret; empty for servers that want none.
    #[serde(default = "api_key")]
    credential: String,
    /// Models to offer; empty: those that the control plane lists.
    #[serde(default)]
    pub(crate) models: Vec<String>,
    /// Whose models those are whose ids don't say it, such as profiles of the operator's own.
    #[serde(default)]
    family: Family,
    /// Fields of the model's own that every request has.
    #[serde(default)]
    pub(crate) additional_model_request_fields: Map<String, Value>,
    /// The guardrail that every request goes through.
    #[serde(default)]
    pub(crate) guardrail: Option<Guardrail>,
    /// Serve with the optimised latency of some models.
    #[serde(default)]
    pub(crate) latency: Option<Latency>,
    /// Beta features of Anthropic's models that every request asks for.
    #[serde(default)]
    pub(crate) betas: Vec<String>,
    /// Beta features that clients may ask for; absent: those that the vendor documents.
    #[serde(default)]
    allowed_betas: Option<Vec<String>>,
    /// How Anthropic's models are asked to think where the client gives no budget.
    #[serde(default)]
    pub(crate) thinking: ThinkingMode,
    /// Instructions between turns stay there. Only some models take them; else they move to the front, with a warning.
    #[serde(default)]
    pub(crate) system_in_messages: bool,
}

/// A guardrail of the operator's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guardrail {
    /// Its id or ARN.
    pub(crate) id: String,
    /// Its version, or `DRAFT`.
    pub(crate) version: String,
    /// How a stream is checked; absent: the vendor's default.
    #[serde(default)]
    pub(crate) stream: Option<GuardedStream>,
}

/// How a guardrail reads a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GuardedStream {
    /// Text waits until it was checked.
    Sync,
    /// Text comes at once, and the stream stops when it was found wanting.
    Async,
}

/// How fast some models can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Latency {
    /// As usual.
    Standard,
    /// Faster.
    Optimized,
}

/// Two ways to ask Anthropic's models for thinking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThinkingMode {
    /// The model decides how much; an effort guides it.
    #[default]
    Adaptive,
    /// A number of tokens, which models before Claude 4.6 want; an effort becomes one.
    Budget,
}

fn api_key() -> String {
    "api_key".into()
}

/// Beta features that a client asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Betas {
    /// Those that may be asked for.
    pub(crate) allowed: Vec<String>,
    /// Those that may not.
    pub(crate) refused: Vec<String>,
}

impl Config {
    /// Can it be served with?
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.base_url()?;
        if self.models.is_empty() {
            self.control_url()?;
        }
        Ok(())
    }

    /// The maker of a model.
    pub(crate) fn family(&self, model: &str) -> Family {
        Family::of(model, self.family)
    }

    /// Sorts what a client asked for by whether it may have it.
    pub(crate) fn admit(&self, asked: impl IntoIterator<Item = String>) -> Betas {
        let (allowed, refused) = asked.into_iter().partition(|beta| {
            let listed = match &self.allowed_betas {
                Some(allowed) => allowed.contains(beta),
                None => BETAS.contains(&beta.as_str()),
            };
            listed || self.betas.contains(beta)
        });
        Betas { allowed, refused }
    }

    /// A request for this operation of a model.
    ///
    /// # Errors
    /// `not-found` for a name that no path can hold.
    pub(crate) fn runtime(&self, model: &str, operation: &str) -> Result<Request, Error> {
        let base = self.base_url()?;
        let path = path(model, operation)?;
        Ok(self.signed(Request::post(format!("{base}{path}"))))
    }

    /// A request for this path and query of the control plane.
    pub(crate) fn control(&self, path: &str) -> Result<Request, Error> {
        let base = self.control_url()?;
        Ok(self.signed(Request::get(format!("{base}{path}"))))
    }

    fn signed(&self, request: Request) -> Request {
        match self.credential.as_str() {
            "" => request,
            name => request.credential(name),
        }
    }

    fn base_url(&self) -> Result<String, Error> {
        self.endpoint(self.base_url.as_deref(), "bedrock-runtime")?
            .ok_or_else(|| Error::internal("its `config` names neither `region` nor `base_url`"))
    }

    fn control_url(&self) -> Result<String, Error> {
        self.endpoint(self.control_url.as_deref(), "bedrock")?.ok_or_else(|| {
            Error::internal(
                "its `config` does not say which models there are: list them in `models`, or name `region` or `control_url`",
            )
        })
    }

    fn endpoint(&self, given: Option<&str>, service: &str) -> Result<Option<String>, Error> {
        if let Some(url) = given {
            return Ok(Some(url.trim_end_matches('/').into()));
        }
        let Some(region) = &self.region else {
            return Ok(None);
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || !region.chars().all(plain) {
            return Err(Error::internal(format!(
                "its `config` has `region` {region:?}, which is none: such as `us-east-1`"
            )));
        }
        Ok(Some(format!("https://{service}.{region}.amazonaws.com")))
    }
}

/// The path of an operation. Ids have `:`, ARNs `/`: both encoded, since AWS signs the segment encoded. The host sends nothing that
/// climbs, encoded or not.
fn path(model: &str, operation: &str) -> Result<String, Error> {
    if model.is_empty() || model.split('/').any(|step| matches!(step, "." | "..")) {
        return Err(Error::not_found(format!("there is no model `{model}`")).at("model"));
    }
    let model = utf8_percent_encode(model, ENCODED);
    Ok(format!("/model/{model}/{operation}"))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;

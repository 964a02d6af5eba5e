use evenhand_sdk::http::Request;
use serde::Deserialize;

/// What the operator writes under `config`. Everything has a default: `{}` is the vendor itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the API lives, without `/v1`.
    #[serde(default = "vendor")]
    base_url: String,
    /// Version of the API where the client names none.
    #[serde(default = "version")]
    anthropic_version: String,
    /// Name of the granted secret; empty for servers that want none.
    #[serde(default = "api_key")]
    credential: String,
    /// Beta features that every request asks for.
    #[serde(default)]
    betas: Vec<String>,
    /// Beta features that clients may ask for; absent: any.
    #[serde(default)]
    allowed_betas: Option<Vec<String>>,
    /// Most tokens of an answer, in tokens, where the client sets no limit: the vendor demands one.
    #[serde(default = "max_tokens")]
    pub(crate) max_tokens: u32,
    /// How models are asked to think where the client gives no budget.
    #[serde(default)]
    pub(crate) thinking: ThinkingMode,
    /// Instructions between turns stay there. Only some models take them; else they move to the front, with a warning.
    #[serde(default)]
    pub(crate) system_in_messages: bool,
}

/// The vendor's two ways to ask for thinking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThinkingMode {
    /// The model decides how much; an effort guides it.
    #[default]
    Adaptive,
    /// A number of tokens, which models before Claude 4.6 want; an effort becomes one.
    Budget,
}

fn vendor() -> String {
    "https://api.anthropic.com".into()
}

fn version() -> String {
    "2023-06-01".into()
}

fn api_key() -> String {
    "api_key".into()
}

fn max_tokens() -> u32 {
    8192
}

/// Beta features that a client asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Betas {
    /// Those that may be asked for.
    pub(crate) allowed: Vec<String>,
    /// Those that the operator does not allow.
    pub(crate) refused: Vec<String>,
}

impl Config {
    /// Sorts what a client asked for by whether the operator allows it.
    pub(crate) fn admit(&self, asked: impl IntoIterator<Item = String>) -> Betas {
        let (allowed, refused) = asked
            .into_iter()
            .partition(|beta| match &self.allowed_betas {
                Some(allowed) => allowed.contains(beta) || self.betas.contains(beta),
                None => true,
            });
        Betas { allowed, refused }
    }

    /// A request to this path below the base, with version, credential and the operator's beta features beside those
    /// given. `headers` are a client's own; its betas must be taken out of them before.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: Vec<(String, String)>,
        betas: &[String],
    ) -> Request {
        let has = |name: &str| headers.iter().any(|(given, _)| given == name);
        let versioned = has("anthropic-version");
        let url = format!("{}{path}", self.base_url.trim_end_matches('/'));
        let mut request = Request::new(method, url).headers(headers);
        if !versioned {
            request = request.header("anthropic-version", &*self.anthropic_version);
        }
        if let Some(all) = self.beta_header(betas) {
            request = request.header("anthropic-beta", all);
        }
        match self.credential() {
            Some(name) => request.credential(name),
            None => request,
        }
    }

    fn credential(&self) -> Option<&str> {
        (!self.credential.is_empty()).then_some(&self.credential)
    }

    fn beta_header(&self, betas: &[String]) -> Option<String> {
        let mut all: Vec<&str> = Vec::new();
        for beta in self.betas.iter().chain(betas) {
            if !all.contains(&beta.as_str()) {
                all.push(beta);
            }
        }
        (!all.is_empty()).then(|| all.join(","))
    }
}

/// Takes the beta features out of a client's headers.
pub(crate) fn take_betas(headers: &mut Vec<(String, String)>) -> Vec<String> {
    let mut betas = Vec::new();
    headers.retain(|(name, value)| {
        let is_beta = name.eq_ignore_ascii_case("anthropic-beta");
        if is_beta {
            let listed = value.split(',').map(str::trim);
            betas.extend(listed.filter(|beta| !beta.is_empty()).map(str::to_owned));
        }
        !is_beta
    });
    betas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn empty_is_the_vendor_and_unknown_keys_are_errors() {
        let config = config("{}");
        assert_eq!(config.base_url, "https://api.anthropic.com");
        assert_eq!(config.anthropic_version, "2023-06-01");
        assert_eq!(config.credential(), Some("api_key"));
        assert_eq!(config.beta_header(&[]), None);
        assert_eq!(self::config(r#"{"credential":""}"#).credential(), None);
        assert!(serde_json::from_str::<Config>(r#"{"base":"x"}"#).is_err());
        assert!(serde_json::from_str::<Config>(r#"{"thinking":"deep"}"#).is_err());
    }

    #[test]
    fn betas_are_joined_once_each_and_the_allow_list_holds() {
        let config = config(r#"{"betas":["a"],"allowed_betas":["b"]}"#);
        let mut headers = vec![
            ("anthropic-beta".into(), "a, b,".into()),
            ("anthropic-version".into(), "x".into()),
            ("anthropic-beta".into(), "c".into()),
        ];
        let asked = take_betas(&mut headers);
        assert_eq!(headers.len(), 1);
        let betas = config.admit(asked);
        assert_eq!(betas.refused, ["c"]);
        assert_eq!(config.beta_header(&betas.allowed).as_deref(), Some("a,b"));
    }
}

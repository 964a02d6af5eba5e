//! Errors in the shape that a client's SDK understands.

use serde_json::{Value, json};
use types::{Error, ErrorCode};

/// Which family's error and model-list shapes a client expects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `{"error": {"message", "type", "param", "code"}}`.
    #[default]
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}}`.
    Anthropic,
}

/// Header fields by which SDKs speak of themselves and their API, by their beginnings. A vendor may see them.
const API_FIELDS: [&str; 3] = ["anthropic-", "openai-", "x-stainless-"];

/// Those of them that say who pays, which is the operator's to say; a name that the operator's key doesn't have is refused.
const ACCOUNT_FIELDS: [&str; 3] = [
    "anthropic-workspace-id",
    "openai-organization",
    "openai-project",
];

impl Dialect {
    /// Whose shapes a client expects where paths coincide, by the names of its header fields.
    pub fn of<'a>(mut fields: impl Iterator<Item = &'a str>) -> Self {
        match fields.any(|name| name == "anthropic-version") {
            true => Self::Anthropic,
            false => Self::OpenAi,
        }
    }

    /// Does a header field (in lower case) belong to a dialect's API, and may the client decide on it?
    pub fn is_api_field(name: &str) -> bool {
        API_FIELDS.iter().any(|family| name.starts_with(family)) && !ACCOUNT_FIELDS.contains(&name)
    }

    /// The header field in which its SDK looks for the id of a request.
    pub fn id_field(self) -> &'static str {
        match self {
            Self::OpenAi => "x-request-id",
            Self::Anthropic => "request-id",
        }
    }

    /// The body of an error's answer.
    ///
    /// Where a vendor answered in this dialect's shape, its error object is passed on as it is, with whatever fields
    /// it has. Our own parsers use the same way for the rare error that needs more than a message: an
    /// [`UpstreamError`](types::UpstreamError) whose body they wrote themselves.
    pub fn error_body(self, error: &Error) -> Value {
        let vendors = error.upstream.as_ref().and_then(|u| self.vendors(&u.body));
        match self {
            Self::OpenAi => {
                let object = vendors.unwrap_or_else(|| {
                    let (kind, code) = openai_kind(error.code);
                    json!({ "message": error.message, "type": kind, "param": error.param, "code": code })
                });
                json!({ "error": object })
            }
            Self::Anthropic => {
                let object = vendors.unwrap_or_else(
                    || json!({ "type": anthropic_kind(error.code), "message": error.message }),
                );
                json!({ "type": "error", "error": object })
            }
        }
    }

    /// The HTTP status of an error: [`Error::status`], but Anthropic's clients know overload by 529.
    pub fn status(self, error: &Error) -> u16 {
        match (self, error.code, error.status()) {
            (Self::Anthropic, ErrorCode::Overloaded, 503) => 529,
            (_, _, status) => status,
        }
    }

    /// The vendor's error object, if its body has this dialect's shape.
    fn vendors(self, body: &str) -> Option<Value> {
        let mut body: Value = serde_json::from_str(body).ok()?;
        let is_anthropic = body.get("type").and_then(Value::as_str) == Some("error");
        let object = body.get_mut("error").map(Value::take)?;
        let has = |key: &str| object.get(key).is_some_and(Value::is_string);
        let fits = match self {
            // Others have a `status` there.
            Self::OpenAi => !is_anthropic && has("message") && !has("status"),
            Self::Anthropic => is_anthropic && has("message") && has("type"),
        };
        fits.then_some(object)
    }
}

fn openai_kind(code: ErrorCode) -> (&'static str, Option<&'static str>) {
    match code {
        ErrorCode::BadRequest => ("invalid_request_error", None),
        ErrorCode::Unsupported => ("invalid_request_error", Some("unsupported")),
        ErrorCode::TooLarge => ("invalid_request_error", Some("request_too_large")),
        ErrorCode::NotFound => ("invalid_request_error", Some("not_found")),
        ErrorCode::Conflict => ("invalid_request_error", Some("conflict")),
        ErrorCode::Unauthorised => ("authentication_error", Some("invalid_api_key")),
        ErrorCode::Forbidden => ("permission_error", Some("forbidden")),
        ErrorCode::RefusedByPolicy => ("permission_error", Some("refused_by_policy")),
        ErrorCode::RateLimited => ("rate_limit_error", Some("rate_limit_exceeded")),
        ErrorCode::Overloaded => ("server_error", Some("overloaded")),
        ErrorCode::TimedOut => ("server_error", Some("timeout")),
        ErrorCode::Cancelled => ("server_error", Some("cancelled")),
        ErrorCode::Upstream => ("server_error", Some("upstream_error")),
        ErrorCode::PluginFailed => ("server_error", Some("plugin_failed")),
        ErrorCode::Internal => ("server_error", Some("internal_error")),
    }
}

fn anthropic_kind(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BadRequest | ErrorCode::Unsupported | ErrorCode::Conflict => {
            "invalid_request_error"
        }
        ErrorCode::TooLarge => "request_too_large",
        ErrorCode::NotFound => "not_found_error",
        ErrorCode::Unauthorised => "authentication_error",
        ErrorCode::Forbidden | ErrorCode::RefusedByPolicy => "permission_error",
        ErrorCode::RateLimited => "rate_limit_error",
        ErrorCode::Overloaded => "overloaded_error",
        ErrorCode::TimedOut => "timeout_error",
        ErrorCode::Cancelled
        | ErrorCode::Upstream
        | ErrorCode::PluginFailed
        | ErrorCode::Internal => "api_error",
    }
}

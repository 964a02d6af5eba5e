//! Requests to the outside, within the operator's grant.

use crate::Error;
use crate::generated::provider::evenhand::plugin::http as wire;
use crate::types::{ErrorCode, UpstreamError};

/// Bytes of an error's body. A refusal says little; a server that says more is not read further.
const ERROR_LIMIT: u64 = 1 << 20;

/// A request that is being put together.
pub struct Request(wire::Request);

impl Request {
    /// A request with this method towards an absolute URL.
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self(wire::Request {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            payload: wire::Payload::Empty,
            credential: None,
        })
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0
            .headers
            .push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Adds header fields.
    #[must_use]
    pub fn headers(mut self, fields: impl IntoIterator<Item = (String, String)>) -> Self {
        self.0.headers.extend(fields);
        self
    }

    /// The name of the secret that the host attaches.
    #[must_use]
    pub fn credential(mut self, name: &str) -> Self {
        self.0.credential = Some(name.into());
        self
    }

    /// Sends this JSON.
    #[must_use]
    pub fn json(mut self, value: &serde_json::Value) -> Self {
        self.0.payload = wire::Payload::Bytes(value.to_string().into_bytes());
        self.header("content-type", "application/json")
    }

    /// Sends this text. Its type is a header field of the caller's.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.payload = wire::Payload::Bytes(text.into().into_bytes());
        self
    }

    /// Sends a body that the host holds, unread.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.0.payload = wire::Payload::Body(body.0);
        self
    }

    /// Sends it and waits for the head of the answer.
    ///
    /// # Errors
    /// `refused-by-policy` where the grant doesn't allow it; `upstream` or `timed-out` where nothing came back.
    pub fn send(self) -> Result<Response, Error> {
        wire::send(self.0).map(Response)
    }
}

/// The answer to a request.
pub struct Response(wire::Response);

impl Response {
    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The first header field of this name.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut fields = self.0.headers().into_iter();
        fields
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// This response, if its status is a success (2xx); else what the vendor said instead, read whole.
    ///
    /// `?` makes an [`Error`] of that. A plugin that knows how its vendor words errors makes a better one with `map_err`.
    ///
    /// # Errors
    /// Every other status.
    pub fn error_for_status(self) -> Result<Self, ErrorResponse> {
        let status = self.status();
        if (200..300).contains(&status) {
            return Ok(self);
        }
        Err(ErrorResponse {
            status,
            retry_after_ms: retry_after_ms(|name| self.header(name)),
            body: self.text(ERROR_LIMIT).unwrap_or_default(),
        })
    }

    /// The body, to be read as it comes.
    pub fn body(self) -> Body {
        Body(self.0.body())
    }

    /// The whole body as text, at most `limit` bytes.
    ///
    /// # Errors
    /// A connection that broke, or `too-large`.
    pub fn text(self, limit: u64) -> Result<String, Error> {
        let bytes = self.0.body().read_all(limit)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The whole body as JSON, at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Response::text`], and `upstream` where it is no JSON.
    pub fn json(self, limit: u64) -> Result<serde_json::Value, Error> {
        let bytes = self.0.body().read_all(limit)?;
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::upstream(format!("the vendor's answer is no JSON: {e}")))
    }

    pub(crate) fn into_raw(self) -> wire::Response {
        self.0
    }
}

/// What a vendor said instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    /// HTTP status.
    pub status: u16,
    /// The body, as text; empty where it can't be read or has over 1 MiB.
    pub body: String,
    /// When to try again, in milliseconds: its `retry-after-ms`, or its `retry-after` in seconds.
    pub retry_after_ms: Option<u64>,
}

impl From<ErrorResponse> for Error {
    /// The error that the status stands for. It keeps status and body for the client.
    fn from(response: ErrorResponse) -> Self {
        let status = response.status;
        let code = match status {
            401 => ErrorCode::Unauthorised,
            402 | 403 => ErrorCode::Forbidden,
            404 => ErrorCode::NotFound,
            408 | 504 => ErrorCode::TimedOut,
            413 => ErrorCode::TooLarge,
            429 => ErrorCode::RateLimited,
            503 | 529 => ErrorCode::Overloaded,
            400..=499 => ErrorCode::BadRequest,
            _ => ErrorCode::Upstream,
        };
        Self {
            retry_after_ms: response.retry_after_ms,
            upstream: Some(UpstreamError {
                status,
                body: response.body,
            }),
            ..Self::new(code, format!("the vendor answered {status}"))
        }
    }
}

fn retry_after_ms(header: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |name| {
        let number = header(name)?.trim().parse::<f64>().ok();
        number.filter(|number| *number >= 0.0)
    };
    number("retry-after-ms")
        .or_else(|| number("retry-after").map(|seconds| seconds * 1000.0))
        .map(|ms| ms as u64)
}

/// Bytes that the host holds.
pub struct Body(wire::Body);

impl Body {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// A connection that broke.
    pub fn read(&self) -> Result<Option<Vec<u8>>, Error> {
        self.0.read()
    }
}

impl From<wire::Body> for Body {
    fn from(body: wire::Body) -> Self {
        Self(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_an_error_that_keeps_what_was_said() {
        for (status, code) in [
            (400, ErrorCode::BadRequest),
            (401, ErrorCode::Unauthorised),
            (403, ErrorCode::Forbidden),
            (404, ErrorCode::NotFound),
            (408, ErrorCode::TimedOut),
            (413, ErrorCode::TooLarge),
            (422, ErrorCode::BadRequest),
            (429, ErrorCode::RateLimited),
            (302, ErrorCode::Upstream),
            (500, ErrorCode::Upstream),
            (503, ErrorCode::Overloaded),
            (504, ErrorCode::TimedOut),
        ] {
            let error = Error::from(ErrorResponse {
                status,
                body: "said".into(),
                retry_after_ms: Some(5),
            });
            assert_eq!(error.code, code, "{status}");
            assert_eq!(error.retry_after_ms, Some(5));
            let upstream = error.upstream.unwrap();
            assert_eq!((upstream.status, upstream.body.as_str()), (status, "said"));
        }
    }

    #[test]
    fn a_wait_is_read_in_both_units() {
        let wait = |fields: &[(&str, &str)]| {
            retry_after_ms(|name| {
                let found = fields.iter().find(|(field, _)| *field == name);
                found.map(|(_, value)| (*value).into())
            })
        };
        assert_eq!(wait(&[("retry-after", " 1.5 ")]), Some(1500));
        assert_eq!(
            wait(&[("retry-after", "9"), ("retry-after-ms", "20")]),
            Some(20)
        );
        for none in ["-1", "soon", "NaN"] {
            assert_eq!(wait(&[("retry-after", none)]), None, "{none}");
        }
        assert_eq!(wait(&[]), None);
    }
}

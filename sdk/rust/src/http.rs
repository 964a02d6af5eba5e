//! Requests to the outside, within the operator's grant.

use crate::Error;
use crate::generated::provider::evenhand::plugin::http as wire;

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

    /// `retry-after-ms`, or `retry-after` in seconds.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let number = |name| {
            self.header(name)?
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|n| *n >= 0.0)
        };
        number("retry-after-ms")
            .or_else(|| number("retry-after").map(|seconds| seconds * 1000.0))
            .map(|ms| ms as u64)
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

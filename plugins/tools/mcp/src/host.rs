//! What the bridge needs of the host, so that tests can stand in for it.

use std::time::Duration;

use evenhand_sdk::http::{ErrorResponse, Request};
use evenhand_sdk::tool_host::{self, Elicited, NoticeLevel, SampleRequest, Sampled};
use evenhand_sdk::{Error, log, state};
use serde_json::Value;

use crate::config::Config;

/// A request to the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) headers: Vec<(&'static str, String)>,
    /// A message, which is POSTed; absent: a GET.
    pub(crate) message: Option<Value>,
}

/// The next bytes of a body; none at the end.
pub(crate) type Body = Box<dyn FnMut() -> Result<Option<Vec<u8>>, Error>>;

/// An answer that is no refusal.
pub(crate) struct Reply {
    /// Its type, without parameters.
    pub(crate) content_type: String,
    /// The session that it opens.
    pub(crate) session: Option<String>,
    pub(crate) body: Body,
}

pub(crate) trait Host {
    /// Sends a request. What the server refuses is in the inner result.
    fn send(&self, sent: Sent) -> Result<Result<Reply, ErrorResponse>, Error>;
    /// What was kept of the call before.
    fn note(&self) -> Option<Vec<u8>>;
    /// Keeps it for the next call, where that is granted.
    fn keep(&self, note: Option<Vec<u8>>);
    fn wait(&self, time: Duration);
    /// An id that no other call has.
    fn id(&self) -> String;
    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>);
    fn notify(&self, level: NoticeLevel, logger: Option<&str>, data: &Value);
    fn elicit(&self, message: &str, schema: &Value) -> Result<Elicited, Error>;
    fn sample(&self, request: &SampleRequest) -> Result<Sampled, Error>;
}

/// Evenhand, within the operator's grant.
pub(crate) struct Granted<'a>(pub(crate) &'a Config);

impl Host for Granted<'_> {
    fn send(&self, sent: Sent) -> Result<Result<Reply, ErrorResponse>, Error> {
        let request = match &sent.message {
            Some(message) => Request::post(&self.0.url).json(message),
            None => Request::get(&self.0.url),
        };
        let fixed = self.0.headers.clone();
        let headers = sent.headers.into_iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        let mut request = request.headers(fixed).headers(headers);
        if let Some(credential) = &self.0.credential {
            request = request.credential(credential);
        }
        let response = match request.send()?.error_for_status() {
            Ok(response) => response,
            Err(refused) => return Ok(Err(refused)),
        };
        let content_type = response.header("content-type").unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default();
        Ok(Ok(Reply {
            content_type: essence.trim().to_ascii_lowercase(),
            session: response.header("mcp-session-id"),
            body: {
                let body = response.body();
                Box::new(move || body.read())
            },
        }))
    }

    fn note(&self) -> Option<Vec<u8>> {
        state::get()
    }

    fn keep(&self, note: Option<Vec<u8>>) {
        if let Err(error) = state::set(note.as_deref()) {
            let message = format!(
                "the session is opened anew for each call, since it can't be kept (grant `state`): {}",
                error.message
            );
            log::write(log::Level::Debug, &message);
        }
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn id(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        tool_host::progress(done, total, message);
    }

    fn notify(&self, level: NoticeLevel, logger: Option<&str>, data: &Value) {
        tool_host::notify(level, logger, &data.to_string());
    }

    fn elicit(&self, message: &str, schema: &Value) -> Result<Elicited, Error> {
        tool_host::elicit(message, &schema.to_string())
    }

    fn sample(&self, request: &SampleRequest) -> Result<Sampled, Error> {
        tool_host::sample(request)
    }
}

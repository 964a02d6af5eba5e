//! One request and all that comes until its answer (streamable HTTP): the answer may be a stream in which the server tells how far it is
//! and asks questions of its own, and which may break off and be taken up again.

use std::cell::Cell;
use std::time::Duration;

use evenhand_sdk::Error;
use evenhand_sdk::http::ErrorResponse;
use evenhand_sdk::sse::Decoder;
use evenhand_sdk::types::ErrorCode;
use rmcp::model::{ErrorCode as Code, ErrorData};
use serde_json::{Value, json};

use crate::client::Session;
use crate::host::{Body, Host, Reply, Sent};
use crate::questions;

/// How often in a row a stream is taken up again that brings nothing.
const MOST_RETRIES: u32 = 5;
/// Time before that, where the server names none.
const RETRY: Duration = Duration::from_secs(1);
/// The longest that a server may name.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

const BOTH: &str = "application/json, text/event-stream";
const EVENTS: &str = "text/event-stream";

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server refused the request before it did anything.
    Refused(ErrorResponse),
    /// The server answered with an error.
    Answered(ErrorData),
    /// Anything else.
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Error(error) => error,
            Trouble::Answered(error) => answered(&error),
            Trouble::Refused(refused) => {
                let said: Option<Value> = serde_json::from_str(&refused.body).ok();
                let said = said.and_then(|said| serde_json::from_value(said["error"].clone()).ok());
                match said {
                    Some(error) if matches!(refused.status, 400 | 404) => answered(&error),
                    _ => {
                        let message = format!("the MCP server answered {}", refused.status);
                        Error {
                            message,
                            ..Error::from(refused)
                        }
                    }
                }
            }
        }
    }
}

fn answered(error: &ErrorData) -> Error {
    let code = match error.code {
        Code::INVALID_REQUEST | Code::METHOD_NOT_FOUND | Code::INVALID_PARAMS => {
            ErrorCode::BadRequest
        }
        Code::RESOURCE_NOT_FOUND => ErrorCode::NotFound,
        _ => ErrorCode::Upstream,
    };
    let message = format!("the MCP server says: {} ({})", error.message, error.code.0);
    Error::new(code, message)
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) result: Value,
    /// The session that it opened.
    pub(crate) session: Option<String>,
}

pub(crate) struct Exchange<'a, H> {
    host: &'a H,
    session: Option<&'a Session>,
    /// How far the work was when it was told last.
    done: Cell<f64>,
}

impl<'a, H: Host> Exchange<'a, H> {
    pub(crate) fn new(host: &'a H, session: Option<&'a Session>) -> Self {
        Self {
            host,
            session,
            done: Cell::new(f64::NEG_INFINITY),
        }
    }

    /// Asks and waits for the answer. `id`: the request's, where it may have to be taken back.
    pub(crate) fn ask(
        &self,
        id: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<Answer, Trouble> {
        let id = json!(id.map_or_else(|| self.host.id(), str::to_owned));
        let token = &params["_meta"]["progressToken"];
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let reply = self.host.send(self.post(message))?;
        let Reply {
            content_type,
            session,
            body,
        } = reply.map_err(Trouble::Refused)?;
        let wanted = Wanted { id, token };
        let answer = match content_type.as_str() {
            EVENTS => self.stream(body, &wanted)?,
            "application/json" => self.whole(body, &wanted)?,
            other => {
                let message = format!("the MCP server answered with `{other}`, not JSON or events");
                return Err(Error::upstream(message).into());
            }
        };
        match answer {
            Ok(result) => Ok(Answer { result, session }),
            Err(error) => Err(Trouble::Answered(error)),
        }
    }

    /// Sends a notification, or an answer to a question of the server's.
    pub(crate) fn tell(&self, message: Value) -> Result<(), Error> {
        match self.host.send(self.post(message))? {
            Ok(_) => Ok(()),
            Err(refused) => Err(Trouble::Refused(refused).into()),
        }
    }

    fn post(&self, message: Value) -> Sent {
        let mut headers = vec![("accept", BOTH.into())];
        headers.extend(self.of_session());
        Sent {
            headers,
            message: Some(message),
        }
    }

    fn of_session(&self) -> Vec<(&'static str, String)> {
        let Some(session) = self.session else {
            return Vec::new();
        };
        let mut headers = vec![("mcp-protocol-version", session.version.clone())];
        headers.extend(session.id.clone().map(|id| ("mcp-session-id", id)));
        headers
    }

    /// An answer that comes whole.
    fn whole(&self, mut body: Body, wanted: &Wanted) -> Result<Result<Value, ErrorData>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = body()? {
            bytes.extend_from_slice(&chunk);
        }
        let answer = self.hear(&bytes, wanted)?;
        answer.ok_or_else(|| Error::upstream("the MCP server's answer is for another request"))
    }

    /// An answer that comes as events, among others.
    fn stream(&self, mut body: Body, wanted: &Wanted) -> Result<Result<Value, ErrorData>, Error> {
        let (mut last, mut retry, mut retries) = (String::new(), RETRY, 0);
        loop {
            let (mut decoder, mut events) = (Decoder::default(), Vec::new());
            let ended = loop {
                match body() {
                    Ok(Some(bytes)) => decoder.push(&bytes, &mut events),
                    Ok(None) => break early_end(),
                    Err(error) if is_broken(&error) => break error,
                    Err(error) => return Err(error),
                }
                // An event without data only names its id.
                for event in events.drain(..).filter(|event| !event.data.is_empty()) {
                    if let Some(answer) = self.hear(event.data.as_bytes(), wanted)? {
                        return Ok(answer);
                    }
                    retries = 0;
                }
            };
            if !decoder.last_id().is_empty() {
                last = decoder.last_id().into();
            }
            retry = decoder.retry().unwrap_or(retry).min(LONGEST_RETRY);
            body = self.resume(&last, retry, &mut retries, ended)?;
        }
    }

    /// The stream after the event `last`, as often as needed.
    fn resume(
        &self,
        last: &str,
        retry: Duration,
        retries: &mut u32,
        mut ended: Error,
    ) -> Result<Body, Error> {
        while !last.is_empty() && *retries < MOST_RETRIES {
            *retries += 1;
            self.host.wait(retry);
            let mut headers = vec![("accept", EVENTS.into()), ("last-event-id", last.into())];
            headers.extend(self.of_session());
            let get = Sent {
                headers,
                message: None,
            };
            match self.host.send(get) {
                Ok(Ok(reply)) if reply.content_type == EVENTS => return Ok(reply.body),
                Ok(Ok(_)) => break,
                Ok(Err(refused)) if refused.status < 500 => break,
                Ok(Err(refused)) => ended = Trouble::Refused(refused).into(),
                Err(error) if is_broken(&error) => ended = error,
                Err(error) => return Err(error),
            }
        }
        Err(ended)
    }

    /// Takes one message, or several in an array, and gives the answer if it is among them.
    fn hear(
        &self,
        bytes: &[u8],
        wanted: &Wanted,
    ) -> Result<Option<Result<Value, ErrorData>>, Error> {
        let message: Value = serde_json::from_slice(bytes)
            .map_err(|e| Error::upstream(format!("the MCP server's message is no JSON: {e}")))?;
        let messages = match message {
            Value::Array(messages) => messages,
            message => vec![message],
        };
        let mut answer = None;
        for mut message in messages {
            if !message.is_object() {
                return Err(Error::upstream("the MCP server's message is no object"));
            }
            let method = message["method"].as_str().map(str::to_owned);
            match (method, message["id"].take()) {
                (Some(method), Value::Null) => self.noted(&method, &message["params"], wanted),
                (Some(method), id) => self.answer(id, &method, &message["params"])?,
                (None, id) if id == wanted.id => answer = Some(outcome(message)?),
                // An error without an id is about the only request that is open here.
                (None, Value::Null) if message.get("error").is_some() => {
                    answer = Some(outcome(message)?);
                }
                (None, _) => {}
            }
        }
        Ok(answer)
    }

    /// What the server tells while it works. Anything that isn't understood has no meaning here, such as that a list has changed.
    fn noted(&self, method: &str, params: &Value, wanted: &Wanted) {
        match method {
            "notifications/progress" if params["progressToken"] == *wanted.token => {
                let Some(done) = params["progress"].as_f64() else {
                    return;
                };
                if done > self.done.replace(done.max(self.done.get())) {
                    let (total, message) = (params["total"].as_f64(), params["message"].as_str());
                    self.host.progress(done, total, message);
                }
            }
            "notifications/message" => {
                if let Some(level) = questions::level(&params["level"]) {
                    let logger = params["logger"].as_str();
                    self.host.notify(level, logger, &params["data"]);
                }
            }
            _ => {}
        }
    }

    /// Answers a question of the server's.
    fn answer(&self, id: Value, method: &str, params: &Value) -> Result<(), Error> {
        let answer = match questions::answer(self.host, method, params) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error}),
        };
        self.tell(answer)
    }
}

/// The answer that is waited for.
struct Wanted<'a> {
    id: Value,
    token: &'a Value,
}

fn outcome(mut message: Value) -> Result<Result<Value, ErrorData>, Error> {
    if let Some(result) = message.get_mut("result") {
        return Ok(Ok(result.take()));
    }
    let error = serde_json::from_value(message["error"].take());
    error.map(Err).map_err(|e| {
        Error::upstream(format!(
            "the MCP server's answer is neither result nor error: {e}"
        ))
    })
}

fn early_end() -> Error {
    Error::upstream("the MCP server's stream ended before its answer")
}

/// A connection that broke; not a limit or a refusal of the host's.
fn is_broken(error: &Error) -> bool {
    matches!(error.code, ErrorCode::Upstream | ErrorCode::TimedOut)
}

//! The bridge against a server that is a script.

mod calls;
mod sessions;
mod streams;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use evenhand_sdk::Error;
use evenhand_sdk::http::ErrorResponse;
use evenhand_sdk::tool_host::{Elicited, NoticeLevel, SampleRequest, Sampled};
use evenhand_sdk::types::{ErrorCode, Message, Part, Role};
use serde_json::{Value, json};

use crate::client::Client;
use crate::host::{Host, Reply, Sent};

const URL: &str = "https://mcp.example/mcp";

/// One thing that the server does when it is asked next.
enum Step {
    /// Answers `initialize` with this version and session.
    Initialized(&'static str, &'static str),
    /// JSON with this session.
    Json(Value, Option<&'static str>),
    /// Events, in these pieces; then the end, or a connection that breaks.
    Events(Vec<String>, Ending),
    /// 202.
    Accepted,
    Refused(u16, &'static str),
    /// Nothing came back.
    Unreachable(ErrorCode),
}

#[derive(Clone, Copy)]
enum Ending {
    Ends,
    Breaks,
}

/// Plays the server and the host.
struct Script {
    steps: RefCell<VecDeque<Step>>,
    sent: RefCell<Vec<Sent>>,
    note: RefCell<Option<Vec<u8>>>,
    /// Notes are kept.
    keeps: bool,
    ids: Cell<u32>,
    /// What was told to the client, and how long was waited.
    told: RefCell<Vec<String>>,
    /// What a person or a model answers; none: that isn't granted.
    answers: bool,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: RefCell::new(steps.into_iter().collect()),
            sent: RefCell::default(),
            note: RefCell::default(),
            keeps: true,
            ids: Cell::default(),
            told: RefCell::default(),
            answers: true,
        }
    }

    /// One that begins with a session "s" with all that a server may have.
    fn opened(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::new(opening("s").into_iter().chain(steps))
    }

    fn client(&self) -> Client<'_, Self> {
        Client::new(self, URL)
    }

    /// The messages that were sent, an empty one for each GET.
    fn messages(&self) -> Vec<Value> {
        let sent = self.sent.borrow();
        let message = |sent: &Sent| sent.message.clone().unwrap_or_default();
        sent.iter().map(message).collect()
    }

    fn methods(&self) -> Vec<String> {
        let messages = self.messages();
        let method = |message: &Value| message["method"].as_str().unwrap_or("-").to_owned();
        messages.iter().map(method).collect()
    }

    fn header(&self, request: usize, name: &str) -> Option<String> {
        let sent = &self.sent.borrow()[request];
        let found = sent.headers.iter().find(|(field, _)| *field == name);
        found.map(|(_, value)| value.clone())
    }

    fn told(&self) -> Vec<String> {
        self.told.borrow().clone()
    }

    /// Everything that the server was to do was asked for.
    fn is_done(&self) -> bool {
        self.steps.borrow().is_empty()
    }

    fn tell(&self, what: String) {
        self.told.borrow_mut().push(what);
    }
}

fn answer_to(id: u32, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.to_string(), "result": result})
}

fn error_to(id: u32, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id.to_string(), "error": {"code": code, "message": message}})
}

/// The answers to `initialize` and to the notification after it.
fn opening(session: &'static str) -> [Step; 2] {
    [Step::Initialized("2025-11-25", session), Step::Accepted]
}

/// What a server says that has everything.
fn initialized(version: &str) -> Value {
    let capabilities = json!({"tools": {"listChanged": true}, "resources": {}, "prompts": {}, "completions": {}, "logging": {}});
    let server = json!({"name": "scripted", "version": "1"});
    json!({"protocolVersion": version, "capabilities": capabilities, "serverInfo": server})
}

fn event(message: &Value) -> String {
    format!("event: message\ndata: {message}\n\n")
}

impl Host for Script {
    fn send(&self, sent: Sent) -> Result<Result<Reply, ErrorResponse>, Error> {
        let id = sent.message.as_ref().map(|message| message["id"].clone());
        self.sent.borrow_mut().push(sent);
        let step = self.steps.borrow_mut().pop_front();
        let reply =
            |content_type: &str, session: Option<&str>, mut body: VecDeque<Vec<u8>>, ending| {
                Ok(Ok(Reply {
                    content_type: content_type.into(),
                    session: session.map(Into::into),
                    body: Box::new(move || match (body.pop_front(), ending) {
                        (Some(bytes), _) => Ok(Some(bytes)),
                        (None, Ending::Ends) => Ok(None),
                        (None, Ending::Breaks) => Err(Error::upstream("the connection broke")),
                    }),
                }))
            };
        match step.expect("the script is over") {
            Step::Initialized(version, session) => {
                let answer = json!({"jsonrpc": "2.0", "id": id, "result": initialized(version)});
                let body = VecDeque::from([answer.to_string().into_bytes()]);
                reply("application/json", Some(session), body, Ending::Ends)
            }
            Step::Json(message, session) => {
                let body = VecDeque::from([message.to_string().into_bytes()]);
                reply("application/json", session, body, Ending::Ends)
            }
            Step::Events(pieces, ending) => {
                let body = pieces.into_iter().map(String::into_bytes).collect();
                reply("text/event-stream", None, body, ending)
            }
            Step::Accepted => reply("", None, VecDeque::new(), Ending::Ends),
            Step::Refused(status, body) => Ok(Err(ErrorResponse {
                status,
                body: body.into(),
                retry_after_ms: None,
            })),
            Step::Unreachable(code) => Err(Error::new(code, "it can't be reached")),
        }
    }

    fn note(&self) -> Option<Vec<u8>> {
        self.note.borrow().clone()
    }

    fn keep(&self, note: Option<Vec<u8>>) {
        if self.keeps {
            *self.note.borrow_mut() = note;
        }
    }

    fn wait(&self, time: Duration) {
        self.tell(format!("waited {time:?}"));
    }

    fn id(&self) -> String {
        self.ids.set(self.ids.get() + 1);
        self.ids.get().to_string()
    }

    fn progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        self.tell(format!("{done} of {total:?}: {message:?}"));
    }

    fn notify(&self, level: NoticeLevel, logger: Option<&str>, data: &Value) {
        self.tell(format!("{level:?} {logger:?} {data}"));
    }

    fn elicit(&self, message: &str, schema: &Value) -> Result<Elicited, Error> {
        self.tell(format!("asked {message} {schema}"));
        match self.answers {
            true => Ok(Elicited::Accepted(r#"{"name":"Ada"}"#.into())),
            false => Err(Error::unsupported("nobody can be asked")),
        }
    }

    fn sample(&self, request: &SampleRequest) -> Result<Sampled, Error> {
        self.tell(format!("sampled {}", request.messages[0].text()));
        match self.answers {
            true => Ok(Sampled {
                message: Message::new(Role::Assistant, vec![Part::text("four")]),
                model: "m".into(),
                stop_reason: None,
            }),
            false => Err(Error::new(ErrorCode::RefusedByPolicy, "no grant")),
        }
    }
}

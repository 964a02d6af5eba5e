//! Agents that the host runs, and their sessions: `/v1/agents`, `/v1/agents/sessions` and what belongs to them, after the
//! agents API of the vendor's SDK.
//!
//! A body is read by [`Changes::parse`], [`NewSession::parse`], [`session_update`] and [`inputs`], a query by [`Listing`].
//! [`agent`], [`session`], [`turn`] and [`items`] show what there is; an [`EventStream`] tells a log as server-sent events.
//! Its events are numbered by the log alone, so that any host goes on where another stopped: see [`Position`].
//!
//! What is ours: the tool `{"type": "evenhand", "tools": ["calc/*"], "approve": ["claims/pay"]}`; `evenhand:PLUGIN` as the
//! address of an `mcp` tool, and its `require_approval`; `evenhand: {"limits": {…}}` of an agent; `attempt_id` of what is
//! told live; `evenhand.tool.progress`.

mod call;
mod input;
mod limits;
mod query;
mod record;
mod request;
mod show;
mod speech;
mod stream;
mod tools;

pub use input::inputs;
pub use query::Listing;
pub use record::items;
pub use request::{Changes, NewSession, session_update};
pub use show::{agent, session, turn};
pub use stream::{EventStream, Position};

use serde_json::{Value, json};
use types::{
    Error, ErrorCode,
    session::{Session, Status},
};

use super::{page, responses};

/// Whose shapes its errors have.
pub const DIALECT: crate::Dialect = crate::Dialect::OpenAi;

/// A page of a list, whose things have an `id` each.
pub fn list(data: Vec<Value>, has_more: bool) -> Value {
    page::list(data, has_more)
}

/// The answer to the deletion of an agent.
pub fn agent_deleted(id: &str) -> Value {
    json!({ "id": id, "object": "agent.deleted", "deleted": true })
}

/// The answer to the deletion of a session.
pub fn session_deleted(id: &str) -> Value {
    json!({ "id": id, "object": "agent.session.deleted", "deleted": true })
}

/// The error of an agent that nobody knows.
pub fn no_agent(id: &str) -> Error {
    responses::not_found("Agent", id)
}

/// The error of a session that nobody knows.
pub fn no_session(id: &str) -> Error {
    responses::not_found("Agent session", id)
}

/// The error of a turn that the session doesn't have.
pub fn no_turn(id: &str) -> Error {
    responses::not_found("Turn", id)
}

/// The error of input for a session that [is over](Session::is_over).
pub fn session_over(session: &Session) -> Error {
    let how = match session.status {
        Status::BudgetReached => "has used what it may use",
        _ => "has failed",
    };
    let why = session.error.as_deref();
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    let message = format!(
        "Session '{}' {how}{why} and takes no more input: begin a new one.",
        session.id
    );
    Error::new(ErrorCode::Conflict, message)
}

/// The error of a result that nobody waits for. SDKs know it by its words, and try again for a moment.
pub fn unknown_call(call: &str) -> Error {
    let message = format!("Unknown pending tool call: {call}");
    let error = Error::bad_request(message).at("call_id");
    responses::in_words_of_the_vendor(error, Some("invalid_request_error"))
}

/// The error of an answer to what is not asked, or not any more.
pub fn unknown_approval(request: &str) -> Error {
    let message = format!(
        "No approval with id '{request}' is asked for: see `required_actions` of the session."
    );
    Error::new(ErrorCode::Conflict, message).at("request_id")
}

/// Seconds of milliseconds since 1970.
fn seconds(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(1000)
}

//! `POST /v1/chat/completions`.

mod delta;
mod encode;
mod messages;
mod request;
mod tools;
mod whole;

pub use encode::encoder;
pub use request::parse;
pub use whole::whole;

use serde_json::{Value, json};
use types::neutral::{Citation, FinishReason};

/// An id for an answer whose vendor gave none.
fn new_id() -> String {
    format!("chatcmpl-{}", uuid::Uuid::new_v4().simple())
}

fn finish_reason(reason: &FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence(_) | FinishReason::Other(_) => "stop",
        // A paused turn isn't complete either, and this dialect has no other word for that.
        FinishReason::Length | FinishReason::ContextFull | FinishReason::Paused => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter | FinishReason::Refusal => "content_filter",
    }
}

/// A citation of a web address; the dialect has no form for others.
fn annotation(citation: &Citation) -> Option<Value> {
    let url = citation.url.as_ref()?;
    let (start, end) = match citation.location_unit {
        // Without a unit they count characters of the text that is supported, as this dialect does.
        None => (citation.start.unwrap_or(0), citation.end.unwrap_or(0)),
        Some(_) => (0, 0),
    };
    Some(json!({
        "type": "url_citation",
        "url_citation": {
            "start_index": start,
            "end_index": end,
            "title": citation.title.as_deref().unwrap_or(url),
            "url": url,
        },
    }))
}

//! `POST /v1/messages` and `POST /v1/messages/count_tokens`.

mod betas;
mod block;
mod citation;
mod encode;
mod history;
mod request;
mod signature;
mod tools;
mod whole;

pub use betas::take_betas;
pub use encode::encoder;
pub use request::{parse, parse_count};
pub use whole::whole;

use serde_json::{Value, json};
use types::neutral::{FinishReason, TokenCount};

/// The answer to a count.
pub fn count(count: &TokenCount) -> Value {
    json!({ "input_tokens": count.input_tokens })
}

/// An id for an answer whose vendor gave none.
fn new_id() -> String {
    format!("msg_{}", uuid::Uuid::new_v4().simple())
}

/// Why the answer ended: the fields of a message, and of a `message_delta`.
fn stop(reason: &FinishReason, refuses: bool) -> Value {
    let (word, sequence) = match reason {
        FinishReason::Stop | FinishReason::Other(_) if refuses => ("refusal", None),
        FinishReason::Stop | FinishReason::Other(_) => ("end_turn", None),
        FinishReason::StopSequence(text) => ("stop_sequence", Some(text)),
        FinishReason::Length => ("max_tokens", None),
        FinishReason::ContextFull => ("model_context_window_exceeded", None),
        FinishReason::ToolCalls => ("tool_use", None),
        FinishReason::ContentFilter | FinishReason::Refusal => ("refusal", None),
        FinishReason::Paused => ("pause_turn", None),
    };
    json!({ "stop_reason": word, "stop_sequence": sequence })
}

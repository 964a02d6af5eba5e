//! What an answer repeats of its request, and what the host must know of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use types::neutral::Usage;

use super::{tools::Names, usage};

/// What the host must know of a request, and whoever writes its answer. It can be written down, so that an answer can be
/// written by another process than the one that read the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The answer's id: `resp_…`, new for each request.
    pub id: String,
    /// When the request came, in seconds since 1970, UTC.
    pub created_at: u64,
    /// The client wants a stream.
    pub stream: bool,
    /// The client wants to refer to the answer later; it does unless it says no.
    pub store: bool,
    /// The client does not wait for the answer.
    pub background: bool,
    /// The answer that this one goes on from.
    pub previous_response_id: Option<String>,
    /// The conversation that the answer is added to.
    pub conversation: Option<String>,
    /// What else the answer shall show.
    pub include: Vec<String>,
    /// Deltas of a stream shall not tell their length.
    pub include_obfuscation: bool,
    /// The request's own settings, as an answer shows them.
    pub(super) shown: Map<String, Value>,
    pub(super) names: Names,
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits to begin, in the background.
    Queued,
    /// It is being given.
    InProgress,
    /// It was given.
    Completed,
    /// It was cut off, by a limit or a filter.
    Incomplete,
    /// It could not be given.
    Failed,
    /// Its client did not want it any more.
    Cancelled,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What an answer says beside its request's settings.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    pub(super) output: &'a [Value],
    pub(super) usage: Option<&'a Usage>,
    pub(super) service_tier: Option<&'a str>,
    pub(super) error: Option<Value>,
    /// Why it is incomplete.
    pub(super) reason: Option<&'static str>,
    pub(super) completed_at: Option<u64>,
}

impl Settings {
    /// The object of an answer that did not begin yet, or is being given, or was cancelled; `model` is the client's name of it.
    pub fn response(&self, status: Status, model: &str) -> Value {
        self.object(status, model, &Said::default())
    }

    /// The response object.
    pub(super) fn object(&self, status: Status, model: &str, said: &Said<'_>) -> Value {
        let mut object = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": status.word(),
            "background": self.background,
            "completed_at": said.completed_at,
            "error": said.error,
            "incomplete_details": said.reason.map(|reason| json!({ "reason": reason })),
            "model": model,
            "output": said.output,
            "previous_response_id": self.previous_response_id,
            "store": self.store,
            "usage": said.usage.map(usage::to_json),
        });
        if let Some(conversation) = &self.conversation {
            object["conversation"] = json!({ "id": conversation });
        }
        for (key, value) in &self.shown {
            object[key] = value.clone();
        }
        if let Some(tier) = said.service_tier {
            object["service_tier"] = tier.into();
        }
        object
    }

    /// An id of an item: of those that this request sent (`i`) or its answer has (`o`).
    pub(super) fn item_id(&self, prefix: &str, side: char, number: usize) -> String {
        let own = self.id.strip_prefix("resp_").unwrap_or(&self.id);
        format!("{prefix}{own}{side}{number}")
    }
}

/// How ids of a type of item begin.
pub(super) fn prefix(kind: &str) -> &'static str {
    match kind {
        "message" => "msg_",
        "reasoning" => "rs_",
        "function_call" => "fc_",
        "function_call_output" => "fco_",
        "custom_tool_call" => "ctc_",
        "custom_tool_call_output" => "ctco_",
        "tool_search_call" => "tsc_",
        "web_search_call" => "ws_",
        "file_search_call" => "fs_",
        "code_interpreter_call" => "ci_",
        "image_generation_call" => "ig_",
        "mcp_call" => "mcp_",
        "mcp_list_tools" => "mcpl_",
        "mcp_approval_request" => "mcpr_",
        "computer_call" => "cu_",
        "compaction" => "cmp_",
        _ => "item_",
    }
}

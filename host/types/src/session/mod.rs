//! Sessions of hosted agents: an append-only log of events, and what it comes to. No dialect is known here.

mod state;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::neutral::Part;
use crate::tool::CallResult;

/// What an agent is: an `[[agent]]` of the configuration, or one that a client made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Its id: the name in the configuration, or one that was made for it.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// The model that it asks.
    pub model: String,
    /// What it is told first.
    pub instructions: Option<String>,
    /// Hosted tools that it may call: `plugin/tool`, or prefixes that end in `*`.
    pub tools: Vec<String>,
    /// Those of them that need a person's yes.
    pub approve: Vec<String>,
    /// Functions that the client runs.
    pub functions: Vec<Function>,
    /// Where it stops.
    pub limits: AgentLimits,
    /// How hard the model should think, in a vendor's word.
    pub effort: Option<String>,
    /// JSON Schema that the last answer must fit, with its name.
    pub output: Option<(String, String)>,
    /// The client's own.
    pub metadata: BTreeMap<String, String>,
    /// Milliseconds since 1970; 0 for those of the configuration.
    pub created: i64,
    /// Milliseconds since 1970.
    pub updated: i64,
}

/// A function that the client runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON Schema of the arguments.
    pub parameters: String,
}

/// Where an agent stops. Absent: it doesn't.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentLimits {
    /// Answers of the model in a turn.
    pub steps: u32,
    /// Tokens of a session, read and written.
    pub tokens: Option<u64>,
    /// US dollars of a session, by the `[[price]]` of the models.
    pub usd: Option<f64>,
    /// Seconds of a turn in which it works: waiting for a person doesn't count.
    pub seconds: u64,
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self {
            steps: 20,
            tokens: None,
            usd: None,
            seconds: 300,
        }
    }
}

/// A session, as its log has it so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// The agent, as it was when the session began.
    pub agent: Agent,
    /// The client's own.
    pub metadata: BTreeMap<String, String>,
    /// When it began, in milliseconds since 1970.
    pub created: i64,
    /// When something last happened.
    pub updated: i64,
    /// What it does.
    pub status: Status,
    /// What it waits for, where it does.
    pub required: Vec<Required>,
    /// Tokens so far.
    pub tokens: Tokens,
    /// US dollars so far, where prices are known.
    pub usd: Option<f64>,
    /// Why it failed or stopped.
    pub error: Option<String>,
    /// Its turns, oldest first.
    pub turns: Vec<Turn>,
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for a message.
    Idle,
    /// A turn runs.
    InProgress,
    /// A turn waits for a person or the client.
    RequiresAction,
    /// It is over: what it needs is not there any more.
    Failed,
    /// It is over: it used what it may use.
    BudgetReached,
}

/// What a session waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Required {
    /// A person's yes or no.
    Approval(Approval),
    /// The result of a function that the client runs.
    Result(PendingCall),
}

/// A call that needs a person's yes. The yes is for these arguments and this component only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub request: String,
    /// The turn.
    pub turn: String,
    /// The call.
    pub call: String,
    /// The tool, `plugin/tool`.
    pub tool: String,
    /// The arguments, JSON.
    pub arguments: String,
    /// SHA-256 of the arguments, in hexadecimal.
    pub arguments_hash: String,
    /// SHA-256 of the tool's component, in hexadecimal.
    pub digest: String,
}

/// A call that the client answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingCall {
    /// The turn.
    pub turn: String,
    /// The call.
    pub call: String,
    /// The function.
    pub name: String,
    /// The arguments, JSON.
    pub arguments: String,
}

/// A turn of a session: from a message to the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Its id.
    pub id: String,
    /// Milliseconds since 1970.
    pub began: i64,
    /// Milliseconds since 1970; absent: it isn't over.
    pub ended: Option<i64>,
    /// How it ended.
    pub outcome: Option<TurnOutcome>,
    /// Tokens of it.
    pub tokens: Tokens,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TurnOutcome {
    /// With an answer.
    Completed,
    /// The client cancelled it.
    Cancelled,
    /// It can't go on; the session may.
    Failed {
        /// What kind, such as `steps` (a limit's name), `model`, `no_progress`.
        code: String,
        /// What happened and what to do.
        message: String,
    },
}

/// Tokens that were used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read, cached ones included.
    pub input: u64,
    /// Of these, from a cache.
    pub cached: u64,
    /// Written, reasoning included.
    pub output: u64,
    /// Of these, reasoning.
    pub reasoning: u64,
}

/// An event of a session's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Its place in the log, from 0.
    pub number: u64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// What happened.
    pub event: SessionEvent,
}

/// What happened in a session. It is in the store before anybody is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SessionEvent {
    /// It began; number 0.
    Created {
        /// The agent.
        agent: Box<Agent>,
        /// The client's own.
        metadata: BTreeMap<String, String>,
    },
    /// A person or program said something: a turn begins.
    Said {
        /// The turn that begins.
        turn: String,
        /// The messages: an id of each, and what is said.
        messages: Vec<(String, Vec<Part>)>,
    },
    /// The model answered.
    Answered {
        /// The turn.
        turn: String,
        /// Which try it was. Ids of what is in it are made of it: [`item_id`].
        attempt: String,
        /// The answer, whole.
        parts: Vec<Part>,
        /// Tokens of this answer.
        tokens: Tokens,
        /// US dollars of it, where the price is known.
        usd: Option<f64>,
    },
    /// A call waits for a person's yes.
    ApprovalAsked(Approval),
    /// The person answered.
    ApprovalGiven {
        /// What was asked.
        request: String,
        /// Their answer.
        decision: Decision,
        /// Whose key it was; empty where no key is asked for.
        who: String,
    },
    /// A tool is about to run.
    CallBegan {
        /// The turn.
        turn: String,
        /// The call.
        call: String,
        /// The tool, `plugin/tool`.
        tool: String,
        /// SHA-256 of its component.
        digest: String,
        /// It may run again where its outcome is not known.
        idempotent: bool,
    },
    /// A tool asked a model.
    Sampled {
        /// The turn.
        turn: String,
        /// The call.
        call: String,
        /// Tokens of it.
        tokens: Tokens,
        /// US dollars of it, where the price is known.
        usd: Option<f64>,
    },
    /// A call has its result.
    CallEnded {
        /// The turn.
        turn: String,
        /// The call.
        call: String,
        /// How it came about.
        outcome: CallOutcome,
        /// For the model.
        result: CallResult,
    },
    /// Somebody wants the turn to end.
    CancelAsked {
        /// Whose key it was; empty where no key is asked for.
        who: String,
    },
    /// Another host, or the same after a restart, went on with it.
    Resumed {
        /// Calls whose outcome is not known, by their ids.
        unknown: Vec<String>,
    },
    /// A turn is over.
    TurnEnded {
        /// The turn.
        turn: String,
        /// How.
        outcome: TurnOutcome,
    },
    /// The session is over.
    Closed {
        /// `Failed` or `BudgetReached`.
        status: Status,
        /// Why.
        message: String,
    },
}

/// A person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
    /// The question is set aside: as no, and the model is told that nobody decided.
    Dismiss,
}

/// How a result came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// The tool ran to its end; its result may be a failure that it tells.
    Ran,
    /// The client ran it.
    ByClient,
    /// It was not run: no such tool, or arguments that don't fit.
    Refused,
    /// A person said no.
    Denied,
    /// It failed: a trap, a limit, a plugin that is gone.
    Failed,
    /// The host stopped while it ran. It is not repeated.
    Unknown,
    /// The turn was cancelled while it ran.
    Cancelled,
}

/// What clients that listen are told and nobody keeps.
#[derive(Debug, Clone, PartialEq)]
pub enum Live {
    /// An answer of the model grows. After a crash the attempt is never finished, and another begins.
    Delta {
        /// The turn.
        turn: String,
        /// Which try it is.
        attempt: String,
        /// Which part of the answer, from 0.
        index: u32,
        /// What the part is.
        kind: LiveKind,
        /// What it grew by; empty at its beginning.
        text: String,
    },
    /// A tool says how far it is.
    Progress {
        /// The turn.
        turn: String,
        /// The call.
        call: String,
        /// How far.
        done: f64,
        /// Of how much.
        total: Option<f64>,
        /// In words.
        message: Option<String>,
    },
}

/// What kind of part grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveKind {
    /// Text.
    Text,
    /// Reasoning, or a summary of it.
    Reasoning,
    /// A refusal.
    Refusal,
}

/// What a client wants of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Messages: a turn begins.
    Message(Vec<Vec<Part>>),
    /// An answer to [`Required::Approval`].
    Approval {
        /// What was asked.
        request: String,
        /// The answer.
        decision: Decision,
    },
    /// An answer to [`Required::Result`].
    Result {
        /// The turn, where it is said.
        turn: Option<String>,
        /// The call.
        call: String,
        /// The function's result.
        result: CallResult,
    },
    /// The turn shall end.
    Cancel,
}

/// The id of a part of an answer, by the attempt and the part's place in it: the same in what is told live and in the log.
pub fn item_id(attempt: &str, index: usize) -> String {
    format!("item_{attempt}_{index}")
}

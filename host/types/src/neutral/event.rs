//! Steps of an answer.

use serde::Serialize;

use super::{Citation, Part, ReasoningKind};

/// Tokens and what they were. All counts are cumulative for the answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input_tokens: Option<u64>,
    /// Of these, read from a cache.
    pub cache_read_tokens: Option<u64>,
    /// Of these, written to a cache that lasts 5 minutes or the vendor's default.
    pub cache_write_tokens: Option<u64>,
    /// Of these, written to a cache that lasts an hour.
    pub cache_write_1h_tokens: Option<u64>,
    /// Of these, sound.
    pub input_audio_tokens: Option<u64>,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: Option<u64>,
    /// Of these, reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Of these, sound.
    pub output_audio_tokens: Option<u64>,
    /// The vendor's own account, where it says more.
    pub raw: Option<String>,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq)]
pub enum FinishReason {
    /// The model was done.
    Stop,
    /// One of the stop texts, which it names.
    StopSequence(String),
    /// `max-tokens` was reached.
    Length,
    /// The model's context was full.
    ContextFull,
    /// The model waits for tools.
    ToolCalls,
    /// The vendor's filter cut it.
    ContentFilter,
    /// The model refused.
    Refusal,
    /// A long turn paused; send it again to go on.
    Paused,
    /// A vendor's word.
    Other(String),
}

/// What a target could not honour. Nothing is dropped in silence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Warning {
    /// The field of the neutral form, such as `sampling.seed`.
    pub field: String,
    /// What was done instead.
    pub message: String,
}

/// The answer has begun.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Started {
    /// The vendor's id of the answer.
    pub id: Option<String>,
    /// The model that answers, as the vendor names it.
    pub model: Option<String>,
    /// The tier that serves it.
    pub service_tier: Option<String>,
}

/// What kind of part begins.
#[derive(Debug, Clone, PartialEq)]
pub enum PartKind {
    /// Text.
    Text,
    /// Reasoning.
    Reasoning(ReasoningKind),
    /// A refusal.
    Refusal,
    /// A call: its id and name are known, its arguments come as deltas; no delta means `{}`.
    ToolCall(ToolCallStart),
    /// Sound; its bytes come as deltas of base64.
    Audio(Option<String>),
}

/// A tool call begins.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCallStart {
    /// As in `tool-call`.
    pub id: String,
    /// As in `tool-call`.
    pub name: String,
    /// As in `tool-call`.
    pub by_provider: bool,
}

/// A part begins. Parts may be interleaved; each has an index, counted from 0 within its choice.
#[derive(Debug, Clone, PartialEq)]
pub struct PartStarted {
    /// Which answer, from 0.
    pub choice: u32,
    /// Which part of it.
    pub index: u32,
    /// What it is.
    pub kind: PartKind,
}

/// A token and how likely it was.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// The token.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// Its bytes, where it is not whole UTF-8.
    pub bytes: Option<Vec<u8>>,
    /// Others that were likely.
    pub top: Vec<(String, f64)>,
}

/// What a part grew by.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Text, reasoning, refusal, a call's arguments, or base64 of sound.
    Text(String),
    /// A source of the text so far.
    Citation(Citation),
    /// Log-probabilities of the text of the delta before.
    Logprobs(Vec<TokenLogprob>),
}

/// A part grew.
#[derive(Debug, Clone, PartialEq)]
pub struct PartDelta {
    /// Which answer.
    pub choice: u32,
    /// Which part of it.
    pub index: u32,
    /// By what.
    pub delta: Delta,
}

/// A part is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct PartEnded {
    /// Which answer.
    pub choice: u32,
    /// Which part of it.
    pub index: u32,
    /// What the vendor must see again with this part (a signature, say).
    pub provider_data: Option<String>,
}

/// A part that came whole.
#[derive(Debug, Clone, PartialEq)]
pub struct WholePart {
    /// Which answer.
    pub choice: u32,
    /// Which part of it.
    pub index: u32,
    /// The part.
    pub part: Part,
}

/// An answer is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Which answer.
    pub choice: u32,
    /// Why.
    pub reason: FinishReason,
}

/// A step of an answer. In order: one `started`; parts, each begun before it grows and ended before `finished`; one
/// `finished` for each choice; `usage` at any time after `started`, the last one counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The answer has begun.
    Started(Started),
    /// A part begins.
    PartStarted(PartStarted),
    /// A part grew.
    PartDelta(PartDelta),
    /// A part is complete.
    PartEnded(PartEnded),
    /// A part came whole.
    Part(WholePart),
    /// Something was not honoured.
    Warning(Warning),
    /// Tokens so far.
    Usage(Usage),
    /// An answer is complete.
    Finished(Finished),
}

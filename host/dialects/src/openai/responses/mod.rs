//! `POST /v1/responses` and what belongs to it.
//!
//! A request is read by [`parse`], together with the [`Past`] that it [refers](references) to: what a host [`Stored`] of
//! earlier answers. Its answer is written by a [`Stream`] as numbered [`Frame`]s, which can be kept and sent again, or by
//! [`whole`] in one piece; both give what is to be stored.

mod custom;
mod encode;
pub(crate) mod frames;
mod hosted;
mod item;
pub(in crate::openai) mod items;
mod reasoning;
mod request;
mod settings;
mod speech;
mod stored;
mod stream;
mod tools;
pub(crate) mod usage;

pub use frames::{Frame, failure};
pub use request::{References, parse, parse_count, references};
pub use settings::{Settings, Status};
pub use stored::{
    Page, Past, Stored, deleted, input_items, not_cancellable, not_found, previous_not_found, shown,
};
pub(in crate::openai) use stored::{in_words_of_the_vendor, not_found_at};
pub use stream::{Stream, encoder};

use serde_json::{Value, json};
use types::{
    Error, ErrorCode,
    neutral::{
        Content, Delta, Event, Finished, GenerateRequest, Part, PartDelta, PartEnded, PartKind,
        PartStarted, Reasoning, Text, TokenCount, ToolCallStart, WholePart,
    },
};

use crate::{Dialect, Encoder, Whole, answer::Answer};

/// Whose shapes its errors have.
pub const DIALECT: Dialect = Dialect::OpenAi;

/// A request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// What is asked of a model, the past included.
    pub request: GenerateRequest,
    /// What the host must know, and whoever writes the answer.
    pub settings: Settings,
    /// The items of this request, as they are to be stored and listed.
    pub input: Vec<Value>,
}

/// The answer to a request without `stream`, and what is to be stored of it; `model` is the name that the client used. One
/// without `Finished` is an error: it was cut off.
///
/// # Errors
/// It was cut off.
pub fn whole(
    settings: &Settings,
    input: &[Value],
    answer: Answer,
    model: &str,
) -> Result<(Whole, Stored), Error> {
    let mut answer = answer.finished()?;
    let mut warnings = std::mem::take(&mut answer.warnings);
    // An answer that came whole is a stream that came at once: they can't differ.
    let mut stream = Stream::new(settings, model);
    let mut frames = Vec::new();
    for event in events(answer) {
        stream.push(event, &mut frames);
    }
    stream.finish(&mut frames);
    warnings.extend_from_slice(stream.warnings());
    let stored = stream.stored(input);
    let whole = Whole {
        body: stored.response.clone(),
        warnings,
    };
    Ok((whole, stored))
}

/// What was said, said again.
fn events(mut answer: Answer) -> Vec<Event> {
    let mut events = vec![Event::Started(answer.started)];
    events.extend(answer.usage.take().map(Event::Usage));
    let choice = 0;
    let said = answer.choices.remove(&choice).unwrap_or_default();
    let reason = said.reason();
    for (index, said) in (0..).zip(said.parts) {
        let Part {
            content,
            cache,
            provider_data,
        } = said.part;
        let (kind, text, citations) = match content {
            Content::Text(Text { text, citations }) => (PartKind::Text, text, citations),
            Content::Refusal(text) => (PartKind::Refusal, text, Vec::new()),
            Content::Reasoning(Reasoning { kind, text }) => {
                (PartKind::Reasoning(kind), text, Vec::new())
            }
            Content::ToolCall(call) => {
                let start = ToolCallStart {
                    id: call.id,
                    name: call.name,
                    by_provider: call.by_provider,
                };
                (PartKind::ToolCall(start), call.arguments, Vec::new())
            }
            content => {
                let part = Part {
                    content,
                    cache,
                    provider_data,
                };
                events.push(Event::Part(WholePart {
                    choice,
                    index,
                    part,
                }));
                continue;
            }
        };
        events.push(Event::PartStarted(PartStarted {
            choice,
            index,
            kind,
        }));
        let mut deltas = vec![Delta::Text(text)];
        deltas.extend(citations.into_iter().map(Delta::Citation));
        if !said.logprobs.is_empty() {
            deltas.push(Delta::Logprobs(said.logprobs));
        }
        events.extend(deltas.into_iter().map(|delta| {
            Event::PartDelta(PartDelta {
                choice,
                index,
                delta,
            })
        }));
        events.push(Event::PartEnded(PartEnded {
            choice,
            index,
            provider_data,
        }));
    }
    events.push(Event::Finished(Finished { choice, reason }));
    events
}

/// The answer to a count.
pub fn count(count: &TokenCount) -> Value {
    json!({ "object": "response.input_tokens", "input_tokens": count.input_tokens })
}

/// The `error` of a response: its vendor's code, where it told one.
fn failed(error: &Error) -> Value {
    let object = Dialect::OpenAi.error_body(error)["error"].take();
    let vendors = error.upstream.is_some();
    let code = object["code"].as_str().filter(|_| vendors);
    let code = code.unwrap_or(match error.code {
        ErrorCode::RateLimited => "rate_limit_exceeded",
        ErrorCode::BadRequest | ErrorCode::TooLarge | ErrorCode::Unsupported => "invalid_prompt",
        _ => "server_error",
    });
    json!({ "code": code, "message": object["message"] })
}

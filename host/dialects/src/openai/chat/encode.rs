//! A streamed answer.

use std::collections::BTreeMap;

use serde_json::json;
use types::{
    Error,
    neutral::{Content, Delta, Event, FinishReason, Part, PartKind, ReasoningKind, Started, Usage},
};

use super::{annotation, delta::Chunks, finish_reason, new_id};
use crate::{
    Dialect, Encoder,
    answer::{self, arguments},
    clock, frame, media,
    openai::{content::logprobs, usage},
    turns::{Kind, Lane, Turns},
};

/// An encoder of one answer; `model` is the name that the client used.
pub fn encoder(model: &str, include_usage: bool) -> Box<dyn Encoder> {
    let chat = Chat {
        model: model.to_owned(),
        include_usage,
        chunks: None,
        id: String::new(),
        choices: BTreeMap::new(),
        usage: None,
    };
    Box::new(Turns::new(chat, lane))
}

/// A message has one text, and one reasoning beside it. Calls are told apart by number, but the SDK takes a call for
/// complete when the next begins, and a text when a call begins.
fn lane(kind: Kind) -> Lane {
    match kind {
        Kind::Text | Kind::Refusal | Kind::Call => Some(0),
        Kind::Reasoning => Some(1),
        Kind::Audio => Some(2),
        Kind::Other => None,
    }
}

struct Chat {
    model: String,
    include_usage: bool,
    chunks: Option<Chunks>,
    id: String,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
}

#[derive(Default)]
struct Choice {
    open: BTreeMap<u32, Open>,
    /// Client's tool calls so far.
    calls: u32,
    finished: bool,
}

/// A part that is being said.
enum Open {
    Text,
    Reasoning,
    Refusal,
    Call {
        number: u32,
        empty: bool,
    },
    Audio,
    /// What this dialect has no place for.
    Hidden,
}

impl Encoder for Chat {
    fn push(&mut self, event: Event, out: &mut String) {
        match event {
            Event::Started(started) => self.start(&started, out),
            Event::PartStarted(p) => self.begin(p.choice, p.index, p.kind, out),
            Event::PartDelta(p) => self.grow(p.choice, p.index, p.delta, out),
            Event::PartEnded(p) => self.end(p.choice, p.index, out),
            Event::Part(p) => self.part(p.choice, p.part, out),
            Event::Warning(warning) => frame::warning(out, &warning),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finished(f) => self.finished(f.choice, f.reason, out),
        }
    }

    fn finish(&mut self, out: &mut String) {
        if self.choices.is_empty() || self.choices.values().any(|c| !c.finished) {
            return self.fail(&answer::unfinished(), out);
        }
        if self.include_usage
            && let Some(tokens) = self.usage.take()
        {
            self.chunks().bare(out, "usage", &usage::to_json(&tokens));
        }
        out.push_str("data: [DONE]\n\n");
    }

    fn fail(&mut self, error: &Error, out: &mut String) {
        frame::data(out, &Dialect::OpenAi.error_body(error));
    }
}

impl Chat {
    fn start(&mut self, started: &Started, out: &mut String) {
        if self.chunks.is_none() {
            self.id = started.id.clone().unwrap_or_else(new_id);
            let tier = started.service_tier.as_deref();
            self.chunks = Some(Chunks::new(&self.id, clock::now(), &self.model, tier));
        }
        self.choice(0, out);
    }

    fn chunks(&mut self) -> &Chunks {
        let (id, model) = (&mut self.id, &self.model);
        self.chunks.get_or_insert_with(|| {
            *id = new_id();
            Chunks::new(id, clock::now(), model, None)
        })
    }

    /// The choice, whose first chunk says the role.
    fn choice(&mut self, index: u32, out: &mut String) -> (&Chunks, &mut Choice) {
        self.chunks();
        let chunks = self.chunks.as_ref().expect("made in the line above");
        let choice = self.choices.entry(index).or_insert_with(|| {
            chunks.delta(out, index, &json!({ "role": "assistant", "content": "" }));
            Choice::default()
        });
        (chunks, choice)
    }

    fn begin(&mut self, index: u32, part: u32, kind: PartKind, out: &mut String) {
        let id = self.id.clone();
        let (chunks, choice) = self.choice(index, out);
        let open = match kind {
            PartKind::Text => Open::Text,
            PartKind::Reasoning(ReasoningKind::Redacted) => Open::Hidden,
            PartKind::Reasoning(_) => Open::Reasoning,
            PartKind::Refusal => Open::Refusal,
            // A client would try to run it.
            PartKind::ToolCall(call) if call.by_provider => Open::Hidden,
            PartKind::ToolCall(call) => {
                let number = choice.calls;
                choice.calls += 1;
                let delta = json!({ "tool_calls": [{
                    "index": number,
                    "id": call.id,
                    "type": "function",
                    "function": { "name": call.name, "arguments": "" },
                }] });
                chunks.delta(out, index, &delta);
                Open::Call {
                    number,
                    empty: true,
                }
            }
            PartKind::Audio(_) => {
                chunks.delta(out, index, &json!({ "audio": { "id": id } }));
                Open::Audio
            }
        };
        choice.open.insert(part, open);
    }

    fn grow(&mut self, index: u32, part: u32, delta: Delta, out: &mut String) {
        let (chunks, choice) = self.choice(index, out);
        let Some(open) = choice.open.get_mut(&part) else {
            return;
        };
        match (delta, open) {
            (_, Open::Hidden) => {}
            (Delta::Text(text), _) if text.is_empty() => {}
            (Delta::Text(text), Open::Text) => chunks.text(out, index, "content", &text),
            (Delta::Text(text), Open::Reasoning) => {
                chunks.text(out, index, "reasoning_content", &text);
            }
            (Delta::Text(text), Open::Refusal) => chunks.text(out, index, "refusal", &text),
            (Delta::Text(text), Open::Call { number, empty }) => {
                *empty &= text.trim().is_empty();
                chunks.delta(out, index, &more_arguments(*number, &text));
            }
            (Delta::Text(data), Open::Audio) => {
                chunks.delta(out, index, &json!({ "audio": { "data": data } }));
            }
            (Delta::Citation(citation), _) => {
                if let Some(annotation) = annotation(&citation) {
                    chunks.delta(out, index, &json!({ "annotations": [annotation] }));
                }
            }
            (Delta::Logprobs(tokens), Open::Refusal) => {
                chunks.logprobs(out, index, "refusal", &logprobs(&tokens).into());
            }
            (Delta::Logprobs(tokens), _) => {
                chunks.logprobs(out, index, "content", &logprobs(&tokens).into());
            }
        }
    }

    fn end(&mut self, index: u32, part: u32, out: &mut String) {
        let (chunks, choice) = self.choice(index, out);
        if let Some(open) = choice.open.remove(&part) {
            close(chunks, index, &open, out);
        }
    }

    fn part(&mut self, index: u32, part: Part, out: &mut String) {
        let id = self.id.clone();
        let (chunks, choice) = self.choice(index, out);
        match part.content {
            Content::Text(text) => {
                chunks.text(out, index, "content", &text.text);
                let notes: Vec<_> = text.citations.iter().filter_map(annotation).collect();
                if !notes.is_empty() {
                    chunks.delta(out, index, &json!({ "annotations": notes }));
                }
            }
            Content::Reasoning(thought) if !thought.text.is_empty() => {
                chunks.text(out, index, "reasoning_content", &thought.text);
            }
            Content::Refusal(text) => chunks.text(out, index, "refusal", &text),
            Content::ToolCall(call) if !call.by_provider => {
                let delta = json!({ "tool_calls": [{
                    "index": choice.calls,
                    "id": call.id,
                    "type": "function",
                    "function": { "name": call.name, "arguments": arguments(&call.arguments) },
                }] });
                choice.calls += 1;
                chunks.delta(out, index, &delta);
            }
            Content::Audio(sound) => {
                if let types::neutral::MediaSource::Bytes(bytes) = &sound.source {
                    let audio = json!({ "id": id, "data": media::base64(bytes) });
                    chunks.delta(out, index, &json!({ "audio": audio }));
                }
            }
            Content::Image(image) => {
                if let Some(image) = super::whole::image(&image) {
                    chunks.delta(out, index, &json!({ "images": [image] }));
                }
            }
            _ => {}
        }
    }

    fn finished(&mut self, index: u32, reason: FinishReason, out: &mut String) {
        let (chunks, choice) = self.choice(index, out);
        if !std::mem::replace(&mut choice.finished, true) {
            let reason = answer::reason(reason, choice.calls > 0);
            chunks.finish(out, index, finish_reason(&reason));
        }
    }
}

/// A call without arguments is a call with `{}`.
fn close(chunks: &Chunks, index: u32, open: &Open, out: &mut String) {
    if let Open::Call {
        number,
        empty: true,
    } = open
    {
        chunks.delta(out, index, &more_arguments(*number, "{}"));
    }
}

fn more_arguments(number: u32, text: &str) -> serde_json::Value {
    json!({ "tool_calls": [{ "index": number, "function": { "arguments": text } }] })
}

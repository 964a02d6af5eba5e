//! A streamed answer.

use serde_json::{Value, json};
use types::{
    Error,
    neutral::{
        Content, Delta, Event, FinishReason, Part, PartKind, ReasoningKind, Started, ToolCall,
        ToolCallStart, Usage,
    },
};

use super::{citation, new_id, signature, stop, whole};
use crate::{Dialect, Encoder, answer, anthropic::usage, frame, turns::Turns};

/// An encoder of one answer; `model` is the name that the client used.
pub fn encoder(model: &str) -> Box<dyn Encoder> {
    let messages = Messages {
        model: model.to_owned(),
        started: Started::default(),
        begun: false,
        blocks: 0,
        open: None,
        usage: None,
        reason: None,
        refuses: false,
        asks_for_tools: false,
    };
    // Blocks come one after the other.
    Box::new(Turns::new(messages, |_| Some(0)))
}

struct Messages {
    model: String,
    started: Started,
    /// `message_start` is written. It waits for the first usage, which it holds.
    begun: bool,
    /// Blocks that are complete.
    blocks: u32,
    open: Option<Open>,
    usage: Option<Usage>,
    reason: Option<FinishReason>,
    refuses: bool,
    asks_for_tools: bool,
}

/// The part whose turn it is.
struct Open {
    kind: Kind,
    /// `content_block_start` is written.
    begun: bool,
    /// Nothing but white space was said.
    blank: bool,
    /// A call that the vendor ran itself; its block is known when it ends.
    vendors: Option<ToolCall>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Refusal,
    Thinking,
    Redacted,
    Call,
    VendorsCall,
    /// What the dialect has no block for.
    Hidden,
}

impl Encoder for Messages {
    fn push(&mut self, event: Event, out: &mut String) {
        match event {
            Event::Started(started) => self.started = started,
            Event::Usage(usage) => {
                self.usage = Some(usage);
                self.begin(out);
            }
            Event::Warning(warning) => frame::warning(out, &warning),
            // This dialect can't ask for more than one answer.
            Event::PartStarted(p) if p.choice == 0 => self.start(p.kind, out),
            Event::PartDelta(p) if p.choice == 0 => self.say(p.delta, out),
            Event::PartEnded(p) if p.choice == 0 => self.close(p.provider_data, out),
            Event::Part(p) if p.choice == 0 => self.part(p.part, out),
            Event::Finished(f) if f.choice == 0 => {
                self.begin(out);
                self.reason = Some(f.reason);
            }
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut String) {
        let Some(reason) = self.reason.take() else {
            return self.fail(&answer::unfinished(), out);
        };
        let reason = answer::reason(reason, self.asks_for_tools);
        let delta = json!({
            "type": "message_delta",
            "delta": stop(&reason, self.refuses),
            "usage": usage::to_json(&self.usage.take().unwrap_or_default(), None),
        });
        frame::named(out, "message_delta", &delta);
        frame::named(out, "message_stop", &json!({ "type": "message_stop" }));
    }

    fn fail(&mut self, error: &Error, out: &mut String) {
        frame::named(out, "error", &Dialect::Anthropic.error_body(error));
    }
}

impl Messages {
    fn begin(&mut self, out: &mut String) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let tier = self.started.service_tier.as_deref();
        let usage = self.usage.clone().unwrap_or_default();
        let start = json!({ "type": "message_start", "message": {
            "id": self.started.id.clone().unwrap_or_else(new_id),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
            "usage": usage::to_json(&usage, tier),
        } });
        frame::named(out, "message_start", &start);
    }

    fn start(&mut self, kind: PartKind, out: &mut String) {
        self.begin(out);
        let (mut block, mut vendors) = (None, None);
        let kind = match kind {
            PartKind::Text => Kind::Text,
            PartKind::Refusal => Kind::Refusal,
            PartKind::Reasoning(ReasoningKind::Redacted) => Kind::Redacted,
            PartKind::Reasoning(_) => Kind::Thinking,
            PartKind::ToolCall(call) => {
                let call = ToolCall {
                    id: call.id,
                    name: call.name,
                    arguments: String::new(),
                    by_provider: call.by_provider,
                };
                if call.by_provider {
                    vendors = Some(call);
                    Kind::VendorsCall
                } else {
                    self.asks_for_tools = true;
                    block = Some(whole::call_block(&call, json!({}), None));
                    Kind::Call
                }
            }
            PartKind::Audio(_) => {
                frame::warning(out, &whole::no_block("audio"));
                Kind::Hidden
            }
        };
        if let Some(block) = &block {
            self.block_start(block, out);
        }
        self.open = Some(Open {
            kind,
            begun: block.is_some(),
            blank: true,
            vendors,
        });
    }

    /// A block that came whole. Streams say text, thoughts and arguments in deltas, so it does too.
    fn part(&mut self, part: Part, out: &mut String) {
        self.begin(out);
        let (kind, deltas) = match part.content {
            Content::Text(text) => {
                let citations = text.citations.into_iter().map(Delta::Citation);
                let mut deltas = vec![Delta::Text(text.text)];
                deltas.extend(citations);
                (PartKind::Text, deltas)
            }
            Content::Refusal(text) => (PartKind::Refusal, vec![Delta::Text(text)]),
            Content::Reasoning(thought) => (
                PartKind::Reasoning(thought.kind),
                vec![Delta::Text(thought.text)],
            ),
            Content::ToolCall(call) => {
                let start = ToolCallStart {
                    id: call.id,
                    name: call.name,
                    by_provider: call.by_provider,
                };
                (PartKind::ToolCall(start), vec![Delta::Text(call.arguments)])
            }
            content => {
                let part = Part { content, ..part };
                let mut warnings = Vec::new();
                if let Some(block) = whole::block(&part, &mut warnings) {
                    self.block_start(&block, out);
                    self.block_stop(out);
                }
                for warning in &warnings {
                    frame::warning(out, warning);
                }
                return;
            }
        };
        self.start(kind, out);
        for delta in deltas {
            self.say(delta, out);
        }
        self.close(part.provider_data, out);
    }

    /// Grows the open part. Its block begins when there is something to say: clients refuse to send empty ones back.
    fn say(&mut self, delta: Delta, out: &mut String) {
        let Some(open) = &mut self.open else { return };
        match delta {
            Delta::Text(text) if text.is_empty() => {}
            Delta::Text(text) => {
                open.blank &= text.trim().is_empty();
                if let Some(call) = &mut open.vendors {
                    return call.arguments.push_str(&text);
                }
                let kind = open.kind;
                self.refuses |= kind == Kind::Refusal;
                let (name, field) = match kind {
                    Kind::Text | Kind::Refusal => ("text_delta", "text"),
                    Kind::Thinking => ("thinking_delta", "thinking"),
                    Kind::Call => ("input_json_delta", "partial_json"),
                    Kind::Redacted | Kind::VendorsCall | Kind::Hidden => return,
                };
                self.ensure_begun(out);
                self.text(name, field, &text, out);
            }
            Delta::Citation(citation) if open.kind == Kind::Text => {
                if let Some(citation) = citation::write(&citation) {
                    self.ensure_begun(out);
                    let delta = json!({ "type": "citations_delta", "citation": citation });
                    self.delta(&delta, out);
                }
            }
            // Citations of anything else have no place; log-probabilities can't be asked for.
            Delta::Citation(_) | Delta::Logprobs(_) => {}
        }
    }

    fn close(&mut self, provider_data: Option<String>, out: &mut String) {
        let call = self.open.as_mut().and_then(|open| open.vendors.take());
        match self.open.as_ref().map(|open| open.kind) {
            Some(Kind::VendorsCall) => {
                if let Some(call) = call {
                    let block = whole::call_block(&call, json!({}), provider_data.as_deref());
                    self.block_start(&block, out);
                    let input = answer::arguments(&call.arguments);
                    self.text("input_json_delta", "partial_json", input, out);
                    self.block_stop(out);
                }
            }
            Some(Kind::Thinking) => {
                let begun = self.open.as_ref().is_some_and(|open| open.begun);
                if begun || provider_data.is_some() {
                    self.ensure_begun(out);
                    let seal = signature::THINKING.close(provider_data.as_deref());
                    self.text("signature_delta", "signature", &seal, out);
                }
            }
            Some(Kind::Redacted) => {
                if let Some(block) = whole::redacted(provider_data.as_deref()) {
                    self.block_start(&block, out);
                    self.block_stop(out);
                }
            }
            Some(Kind::Call) if self.open.as_ref().is_some_and(|open| open.blank) => {
                self.text("input_json_delta", "partial_json", "{}", out);
            }
            _ => {}
        }
        if self.open.take().is_some_and(|open| open.begun) {
            self.block_stop(out);
        }
    }

    fn ensure_begun(&mut self, out: &mut String) {
        let Some(open) = &mut self.open else { return };
        if !std::mem::replace(&mut open.begun, true) {
            let block = match open.kind {
                Kind::Thinking => json!({ "type": "thinking", "thinking": "", "signature": "" }),
                _ => json!({ "type": "text", "text": "" }),
            };
            self.block_start(&block, out);
        }
    }

    fn block_start(&self, block: &Value, out: &mut String) {
        let start = json!({
            "type": "content_block_start",
            "index": self.blocks,
            "content_block": block,
        });
        frame::named(out, "content_block_start", &start);
    }

    fn block_stop(&mut self, out: &mut String) {
        let stop = json!({ "type": "content_block_stop", "index": self.blocks });
        frame::named(out, "content_block_stop", &stop);
        self.blocks += 1;
    }

    fn delta(&self, delta: &Value, out: &mut String) {
        self.delta_head(out);
        frame::json(out, delta);
        out.push_str("}\n\n");
    }

    /// A delta of one text: what nearly all events are.
    fn text(&self, name: &str, field: &str, text: &str, out: &mut String) {
        self.delta_head(out);
        out.push_str("{\"type\":\"");
        out.push_str(name);
        out.push_str("\",\"");
        out.push_str(field);
        out.push_str("\":");
        frame::string(out, text);
        out.push_str("}}\n\n");
    }

    fn delta_head(&self, out: &mut String) {
        out.push_str(
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        out.push_str(&self.blocks.to_string());
        out.push_str(",\"delta\":");
    }
}

//! The vendor's events to neutral ones: a state machine without I/O.

use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde_json::{Value, json};

use crate::errors::error_in_stream;
use crate::frames::{Frame, Kind};
use crate::part::{self, Grown, Open};
use crate::request::Expected;
use crate::usage::usage;

/// Reads an answer.
#[derive(Debug)]
pub(crate) struct Machine {
    model: String,
    id: Option<String>,
    expected: Expected,
    state: State,
    /// Parts begun so far: the next one's index.
    parts: u32,
    open: Vec<Open>,
    /// Known when the model stops; told after the account, which comes last.
    reason: Option<FinishReason>,
    /// Kinds that a warning was given for.
    unknown: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Answering,
    /// The model stopped; its account is to come.
    Stopped,
    Finished,
}

impl Machine {
    /// For an answer of this model. `id` is the vendor's of the request: answers have none.
    pub(crate) fn new(model: String, id: Option<String>, expected: Expected) -> Self {
        Self {
            model,
            id,
            expected,
            state: State::Waiting,
            parts: 0,
            open: Vec::new(),
            reason: None,
            unknown: Vec::new(),
        }
    }

    /// Takes an answer that came in one piece: the same events at once.
    pub(crate) fn whole(&mut self, answer: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        let tier = answer["serviceTier"]["type"].as_str().map(str::to_owned);
        self.start(tier, events);
        let message = &answer["output"]["message"];
        let blocks = message["content"].as_array().into_iter().flatten();
        for (slot, block) in blocks.enumerate() {
            self.block(slot as u64, block, events)?;
        }
        self.stop(answer, events)?;
        self.finish(answer, events);
        Ok(())
    }

    /// Takes a frame of a stream.
    pub(crate) fn read(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Error> {
        if frame.kind != Kind::Event {
            return Err(error_in_stream(frame));
        }
        let event: Value = serde_json::from_slice(&frame.payload).map_err(|e| {
            Error::upstream(format!("an event of the vendor's answer is no JSON: {e}"))
        })?;
        match (frame.name.as_str(), self.state) {
            ("messageStart", State::Waiting) => {
                self.start(None, events);
                Ok(())
            }
            ("contentBlockStart", State::Answering) => {
                self.begin(slot(&event)?, &event["start"], events)
            }
            ("contentBlockDelta", State::Answering) => {
                self.grow(slot(&event)?, &event["delta"], events)
            }
            ("contentBlockStop", State::Answering) => {
                self.close(slot(&event)?, events);
                Ok(())
            }
            ("messageStop", State::Answering) => self.stop(&event, events),
            ("metadata", State::Stopped) => {
                self.finish(&event, events);
                Ok(())
            }
            (
                name @ ("messageStart" | "contentBlockStart" | "contentBlockDelta"
                | "contentBlockStop" | "messageStop" | "metadata"),
                _,
            ) => Err(Error::upstream(format!(
                "the vendor sent `{name}` out of turn"
            ))),
            // Events that the vendor may add.
            _ => Ok(()),
        }
    }

    /// The vendor's stream has ended: was everything said?
    pub(crate) fn end(&self) -> Result<(), Error> {
        match self.state {
            State::Finished => Ok(()),
            _ => Err(Error::upstream("the vendor's answer ended mid-stream")),
        }
    }

    fn start(&mut self, service_tier: Option<String>, events: &mut Vec<Event>) {
        self.state = State::Answering;
        events.push(Event::Started(Started {
            id: self.id.take(),
            model: Some(std::mem::take(&mut self.model)),
            service_tier,
        }));
        events.extend(std::mem::take(&mut self.expected.warnings).into_events());
    }

    /// A whole block, in the words of a stream.
    fn block(&mut self, slot: u64, block: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        let fields = block.as_object().into_iter().flatten();
        for (name, said) in fields.filter(|(_, said)| !said.is_null()) {
            let (start, deltas) = match name.as_str() {
                "text" => (None, vec![json!({"text": said})]),
                "toolUse" => {
                    let input = said.get("input").filter(|input| **input != json!({}));
                    let deltas =
                        input.map(|input| json!({"toolUse": {"input": input.to_string()}}));
                    (Some(block), deltas.into_iter().collect())
                }
                "reasoningContent" => {
                    let thought = said.get("reasoningText").unwrap_or(said);
                    (None, vec![json!({"reasoningContent": thought})])
                }
                "citationsContent" => {
                    let list = |field: &str| said[field].as_array().cloned().unwrap_or_default();
                    let text = list("content")
                        .into_iter()
                        .filter(|piece| piece["text"].is_string());
                    let cited = list("citations")
                        .into_iter()
                        .map(|cited| json!({"citation": cited}));
                    (None, text.chain(cited).collect())
                }
                "toolResult" => {
                    let mut start = said.clone();
                    let content = start
                        .as_object_mut()
                        .and_then(|start| start.remove("content"));
                    self.begin(slot, &json!({"toolResult": start}), events)?;
                    (None, vec![json!({"toolResult": content})])
                }
                "image" => (Some(block), vec![json!({"image": said})]),
                name => {
                    part::other(self.parts, name, said, events);
                    self.parts += 1;
                    continue;
                }
            };
            if let Some(start) = start {
                self.begin(slot, start, events)?;
            }
            for delta in &deltas {
                self.grow(slot, delta, events)?;
            }
            self.close(slot, events);
        }
        Ok(())
    }

    fn begin(&mut self, slot: u64, start: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        if self.open.iter().any(|open| open.slot == slot) {
            return Err(Error::upstream(format!(
                "the vendor began block {slot} twice"
            )));
        }
        match Open::start(slot, self.parts, start, &self.expected, events)? {
            Some(open) => {
                self.parts += 1;
                self.open.push(open);
            }
            None => self.left_out(start, events),
        }
        Ok(())
    }

    fn grow(&mut self, slot: u64, delta: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        if !self.open.iter().any(|open| open.slot == slot) {
            match Open::first(slot, self.parts, delta, &self.expected, events) {
                Some(open) => {
                    self.parts += 1;
                    self.open.push(open);
                }
                None => {
                    self.left_out(delta, events);
                    return Ok(());
                }
            }
        }
        let open = self.open.iter_mut().find(|open| open.slot == slot);
        if let Some(Grown::Unknown(kind)) = open.map(|open| open.grow(delta, events)).transpose()? {
            self.left_out(&json!({kind: null}), events);
        }
        Ok(())
    }

    /// A block that said nothing was never begun.
    fn close(&mut self, slot: u64, events: &mut Vec<Event>) {
        if let Some(at) = self.open.iter().position(|open| open.slot == slot) {
            self.open.remove(at).end(events);
        }
    }

    /// Names what can't be read, once each.
    fn left_out(&mut self, said: &Value, events: &mut Vec<Event>) {
        for kind in said.as_object().into_iter().flat_map(|said| said.keys()) {
            if !self.unknown.contains(kind) {
                self.unknown.push(kind.clone());
                let message =
                    format!("the vendor sent `{kind}`, which this plugin does not know: left out");
                events.push(Event::warning("answer", message));
            }
        }
    }

    fn stop(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        let reason = event["stopReason"]
            .as_str()
            .ok_or_else(|| Error::upstream("the vendor ended its answer without saying why"))?;
        for open in self.open.drain(..) {
            open.end(events);
        }
        self.reason = Some(self.finish_reason(reason, event)?);
        self.state = State::Stopped;
        Ok(())
    }

    fn finish_reason(&self, reason: &str, event: &Value) -> Result<FinishReason, Error> {
        Ok(match reason {
            "end_turn" => FinishReason::Stop,
            "stop_sequence" => {
                let told = event["additionalModelResponseFields"]["stop_sequence"].as_str();
                let only = match self.expected.stop.as_slice() {
                    [only] => Some(only.as_str()),
                    // The vendor says that one matched, not which.
                    _ => None,
                };
                FinishReason::StopSequence(told.or(only).unwrap_or_default().into())
            }
            "max_tokens" => FinishReason::Length,
            "model_context_window_exceeded" => FinishReason::ContextFull,
            "tool_use" => FinishReason::ToolCalls,
            "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
            "malformed_model_output" | "malformed_tool_use" => {
                return Err(Error::upstream(format!(
                    "the model's answer could not be read by the vendor ({reason}): try again"
                )));
            }
            other => FinishReason::Other(other.into()),
        })
    }

    fn finish(&mut self, event: &Value, events: &mut Vec<Event>) {
        if event["usage"].is_object() {
            events.push(Event::Usage(usage(&event["usage"])));
        }
        self.state = State::Finished;
        events.extend(self.reason.take().map(Event::finished));
    }
}

fn slot(event: &Value) -> Result<u64, Error> {
    let slot = event["contentBlockIndex"].as_u64();
    slot.ok_or_else(|| Error::upstream("the vendor sent a block without a number"))
}

#[cfg(test)]
#[path = "stream_tests/mod.rs"]
mod tests;

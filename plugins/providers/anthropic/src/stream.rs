//! The vendor's events to neutral ones: a state machine without I/O.

use evenhand_sdk::names::Names;
use evenhand_sdk::sse::SseEvent;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, StreamTranslator};
use serde_json::{Value, json};

use crate::errors::error_in_stream;
use crate::part::Open;
use crate::usage::Account;

/// Reads an answer.
#[derive(Debug)]
pub(crate) struct Machine {
    names: Names,
    thoughts: ReasoningKind,
    /// Emitted after `started`, which must come first.
    warnings: Vec<Event>,
    state: State,
    /// Parts begun so far: the next one's index.
    parts: u32,
    open: Vec<Open>,
    account: Account,
    reason: Option<FinishReason>,
    refusal: Option<String>,
    /// Kinds of deltas that a warning was given for.
    unknown: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Answering,
    Finished,
}

impl Machine {
    /// For a request whose tools were renamed so, and whose thinking shows this.
    pub(crate) fn new(names: Names, thoughts: ReasoningKind, warnings: Vec<Event>) -> Self {
        Self {
            names,
            thoughts,
            warnings,
            state: State::Waiting,
            parts: 0,
            open: Vec::new(),
            account: Account::default(),
            reason: None,
            refusal: None,
            unknown: Vec::new(),
        }
    }

    /// Takes an answer that came in one piece: the same events at once.
    pub(crate) fn whole(&mut self, message: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        if message["type"] == "error" {
            return Err(error_in_stream(message));
        }
        self.start(message, events);
        let blocks = message["content"].as_array().into_iter().flatten();
        for (index, block) in blocks.enumerate() {
            let event = json!({"index": index, "content_block": block});
            self.begin(&event, events)?;
            self.stop(&event, events)?;
        }
        self.message_delta(&json!({"delta": message}), events);
        self.finish(events)
    }

    fn event(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        let kind = event["type"].as_str().unwrap_or_default();
        match (kind, self.state) {
            (_, State::Finished) => Ok(()),
            ("error", _) => Err(error_in_stream(event)),
            ("message_start", State::Waiting) => {
                self.start(&event["message"], events);
                Ok(())
            }
            ("content_block_start", State::Answering) => self.begin(event, events),
            ("content_block_delta", State::Answering) => self.grow(event, events),
            ("content_block_stop", State::Answering) => self.stop(event, events),
            ("message_delta", State::Answering) => {
                self.message_delta(event, events);
                Ok(())
            }
            ("message_stop", State::Answering) => self.finish(events),
            (
                "message_start"
                | "content_block_start"
                | "content_block_delta"
                | "content_block_stop"
                | "message_delta"
                | "message_stop",
                _,
            ) => Err(Error::upstream(format!(
                "the vendor sent `{kind}` out of turn"
            ))),
            // Pings, and events that the vendor may add.
            _ => Ok(()),
        }
    }

    fn start(&mut self, message: &Value, events: &mut Vec<Event>) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.state = State::Answering;
        events.push(Event::Started(Started {
            id: text(&message["id"]),
            model: text(&message["model"]),
            service_tier: text(&message["usage"]["service_tier"]).map(neutral_tier),
        }));
        events.append(&mut self.warnings);
        self.spent(&message["usage"], events);
    }

    fn spent(&mut self, usage: &Value, events: &mut Vec<Event>) {
        if usage.is_object() {
            self.account.add(usage);
            events.push(Event::Usage(self.account.usage()));
        }
    }

    fn begin(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        let slot = slot(event)?;
        if self.open.iter().any(|open| open.slot == slot) {
            return Err(Error::upstream(format!(
                "the vendor began block {slot} twice"
            )));
        }
        let index = self.parts;
        self.parts += 1;
        let block = event["content_block"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let open = Open::begin(slot, index, block, self.thoughts, &self.names, events)?;
        self.open.push(open);
        Ok(())
    }

    fn grow(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        let at = self.find(slot(event)?)?;
        let delta = &event["delta"];
        if self.open[at].grow(delta, events) {
            return Ok(());
        }
        let kind = delta["type"].as_str().unwrap_or_default();
        if !self.unknown.iter().any(|known| known == kind) {
            self.unknown.push(kind.into());
            let message =
                format!("the vendor sent `{kind}`, which this plugin does not know: left out");
            events.push(Event::warning("answer", message));
        }
        Ok(())
    }

    fn stop(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        let at = self.find(slot(event)?)?;
        self.open.remove(at).end(events);
        Ok(())
    }

    fn find(&self, slot: u64) -> Result<usize, Error> {
        let found = self.open.iter().position(|open| open.slot == slot);
        found.ok_or_else(|| Error::upstream(format!("the vendor's block {slot} is not open")))
    }

    fn message_delta(&mut self, event: &Value, events: &mut Vec<Event>) {
        let delta = &event["delta"];
        if let Some(reason) = delta["stop_reason"].as_str() {
            self.reason = Some(finish_reason(reason, delta));
        }
        if let Some(said) = delta["stop_details"]["explanation"].as_str() {
            self.refusal = Some(said.into());
        }
        self.spent(&event["usage"], events);
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), Error> {
        let Some(reason) = self.reason.take() else {
            return Err(Error::upstream(
                "the vendor ended its answer without saying why",
            ));
        };
        for open in self.open.drain(..) {
            open.end(events);
        }
        if let (FinishReason::Refusal, Some(said)) = (&reason, self.refusal.take()) {
            events.push(Event::part_started(self.parts, PartKind::Refusal));
            events.push(Event::text(self.parts, said));
            events.push(Event::part_ended(self.parts, None));
        }
        self.state = State::Finished;
        events.push(Event::finished(reason));
        Ok(())
    }
}

impl StreamTranslator for Machine {
    fn read(&mut self, event: &SseEvent, events: &mut Vec<Event>) -> Result<(), Error> {
        match event.data.trim() {
            "" => Ok(()),
            _ => self.event(&event.json()?, events),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.state {
            State::Finished => Ok(()),
            _ => Err(Error::upstream("the vendor's answer ended mid-stream")),
        }
    }
}

fn slot(event: &Value) -> Result<u64, Error> {
    let slot = event["index"].as_u64();
    slot.ok_or_else(|| Error::upstream("the vendor sent a block without a number"))
}

fn finish_reason(reason: &str, delta: &Value) -> FinishReason {
    match reason {
        "end_turn" => FinishReason::Stop,
        "stop_sequence" => {
            let text = delta["stop_sequence"].as_str().unwrap_or_default();
            FinishReason::StopSequence(text.into())
        }
        "max_tokens" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "pause_turn" => FinishReason::Paused,
        "refusal" => FinishReason::Refusal,
        "model_context_window_exceeded" => FinishReason::ContextFull,
        other => FinishReason::Other(other.into()),
    }
}

/// What the vendor calls `standard` is the default.
fn neutral_tier(tier: String) -> String {
    match tier.as_str() {
        "standard" => "default".into(),
        _ => tier,
    }
}

#[cfg(test)]
#[path = "stream_tests/mod.rs"]
mod tests;

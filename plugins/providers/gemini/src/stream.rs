//! The vendor's chunks, streamed or whole, to neutral events: a state machine without I/O.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use evenhand_sdk::sse::SseEvent;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, StreamTranslator};
use serde_json::Value;

use crate::candidate::Candidate;
use crate::errors::error_in_stream;
use crate::ids::Ids;
use crate::names::Names;
use crate::usage::usage;

/// The vendor gives up to 8 answers; a server that counts wildly must not make us allocate.
const MOST_CANDIDATES: usize = 128;

/// Reads an answer.
#[derive(Debug)]
pub(crate) struct Machine {
    names: Names,
    /// Emitted after `started`, which must come first.
    warnings: Vec<Event>,
    started: bool,
    /// The tier that serves it, as a header field says.
    tier: Option<String>,
    /// The vendor's newest account, which most chunks repeat.
    account: Value,
    expected: usize,
    ids: Ids,
    candidates: Vec<Candidate>,
    /// The vendor refused the request itself, which ends every answer.
    blocked: bool,
}

impl Machine {
    /// For a request of which `expected` answers were asked.
    pub(crate) fn new(names: Names, warnings: Vec<Event>, expected: u32) -> Self {
        Self {
            names,
            warnings,
            started: false,
            tier: None,
            account: Value::Null,
            expected: expected.max(1) as usize,
            ids: Ids::default(),
            candidates: Vec::new(),
            blocked: false,
        }
    }

    /// The same, served by this tier.
    pub(crate) fn served_by(self, tier: Option<String>) -> Self {
        Self { tier, ..self }
    }

    /// Takes an answer that came in one piece, or as a list of its chunks.
    pub(crate) fn whole(&mut self, answer: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        match answer {
            Value::Array(chunks) => chunks
                .iter()
                .try_for_each(|chunk| self.chunk(chunk, events))?,
            answer => self.chunk(answer, events)?,
        }
        self.end()
    }

    fn chunk(&mut self, chunk: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        if chunk["error"].is_object() {
            return Err(error_in_stream(chunk));
        }
        if !self.started {
            self.start(chunk, events);
        }
        // First, so that it is known what a failed answer cost, and what the request was before the answer begins.
        self.spent(&chunk["usageMetadata"], events);
        let candidates = chunk["candidates"].as_array();
        for entry in candidates.into_iter().flatten() {
            // Zero is left out in JSON made of protocol buffers.
            let index = entry["index"].as_u64().unwrap_or(0) as usize;
            self.make_room(index)?;
            let candidate = &mut self.candidates[index];
            candidate.chunk(entry, &self.names, &mut self.ids, events)?;
        }
        if let Some(reason) = chunk["promptFeedback"]["blockReason"].as_str() {
            self.block(reason, &chunk["promptFeedback"], events);
        }
        Ok(())
    }

    fn start(&mut self, chunk: &Value, events: &mut Vec<Event>) {
        let text = |value: &Value| {
            let text = value.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        self.started = true;
        let id = text(&chunk["responseId"]);
        self.ids = Ids::of(id.clone().unwrap_or_else(|| digest(chunk)));
        events.push(Event::Started(Started {
            id,
            model: text(&chunk["modelVersion"]),
            service_tier: self.tier.take().map(neutral_tier),
        }));
        events.append(&mut self.warnings);
    }

    fn spent(&mut self, account: &Value, events: &mut Vec<Event>) {
        if account.is_object() && self.account != *account {
            self.account = account.clone();
            events.push(Event::Usage(usage(account)));
        }
    }

    fn make_room(&mut self, index: usize) -> Result<(), Error> {
        if index >= MOST_CANDIDATES {
            return Err(Error::upstream(format!(
                "the vendor numbered an answer {index}"
            )));
        }
        while self.candidates.len() <= index {
            let next = self.candidates.len() as u32;
            self.candidates.push(Candidate::new(next));
        }
        Ok(())
    }

    fn block(&mut self, word: &str, feedback: &Value, events: &mut Vec<Event>) {
        if self.blocked || !self.candidates.is_empty() {
            return;
        }
        self.blocked = true;
        let said = feedback["blockReasonMessage"].as_str();
        let why = said.map(|said| format!(": {said}")).unwrap_or_default();
        events.push(Event::warning(
            "answer",
            format!("the vendor's filter refused the request with {word}{why}"),
        ));
        let all = (0..self.expected as u32).map(|choice| {
            Event::Finished(Finished {
                choice,
                reason: FinishReason::ContentFilter,
            })
        });
        events.extend(all);
    }
}

impl StreamTranslator for Machine {
    fn read(&mut self, event: &SseEvent, events: &mut Vec<Event>) -> Result<(), Error> {
        match event.data.trim() {
            "" => Ok(()),
            _ => self.chunk(&event.json()?, events),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        let finished = self.candidates.iter().filter(|it| it.is_finished());
        let finished = finished.count();
        let all = finished == self.candidates.len() && finished >= self.expected;
        match self.blocked || all {
            true => Ok(()),
            false => Err(Error::upstream("the vendor's answer ended mid-stream")),
        }
    }
}

/// What the vendor calls `standard` is the default.
fn neutral_tier(tier: String) -> String {
    match tier.as_str() {
        "standard" => "default".into(),
        _ => tier,
    }
}

/// A name for an answer that has none, the same whenever it is read.
fn digest(chunk: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    chunk.to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
#[path = "stream_tests/mod.rs"]
mod tests;

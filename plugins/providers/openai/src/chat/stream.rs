//! The vendor's chunks, streamed or whole, to neutral events: a state machine without I/O.

use evenhand_sdk::names::Names;
use evenhand_sdk::sse::SseEvent;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, StreamTranslator};
use serde_json::Value;

use super::choice::Choice;
use super::usage::usage;
use crate::errors::error_in_stream;

/// Reads an answer.
#[derive(Debug)]
pub(crate) struct Machine {
    names: Names,
    /// Emitted after `started`, which must come first.
    warnings: Vec<Event>,
    started: bool,
    /// The vendor's id of the answer.
    id: String,
    expected: usize,
    choices: Vec<Choice>,
}

impl Machine {
    /// For a request of which `expected` answers were asked.
    pub(crate) fn new(names: Names, warnings: Vec<Event>, expected: u32) -> Self {
        Self {
            names,
            warnings,
            started: false,
            id: String::new(),
            expected: expected.max(1) as usize,
            choices: Vec::new(),
        }
    }

    /// Takes an answer that came in one piece.
    pub(crate) fn whole(&mut self, answer: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        self.chunk(answer, events)?;
        self.end()
    }

    fn chunk(&mut self, chunk: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(error_in_stream(error));
        }
        let choices = chunk["choices"].as_array().map_or(&[][..], Vec::as_slice);
        let spent = chunk.get("usage").filter(|usage| usage.is_object());
        if !self.started {
            // Some servers open with a chunk about filters alone, without id or model.
            if choices.is_empty() && spent.is_none() {
                return Ok(());
            }
            self.start(chunk, events);
        }
        for (at, choice) in choices.iter().enumerate() {
            let index = choice["index"].as_u64().map_or(at, |index| index as usize);
            self.make_room(index)?;
            self.choices[index].chunk(choice, &self.names, events)?;
        }
        events.extend(spent.map(|spent| Event::Usage(usage(spent))));
        Ok(())
    }

    fn start(&mut self, chunk: &Value, events: &mut Vec<Event>) {
        let text = |field: &str| {
            let text = chunk[field].as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        self.started = true;
        self.id = text("id").unwrap_or_default();
        events.push(Event::Started(Started {
            id: text("id"),
            model: text("model"),
            service_tier: text("service_tier"),
        }));
        events.append(&mut self.warnings);
    }

    fn make_room(&mut self, index: usize) -> Result<(), Error> {
        // The vendor allows 128; a server that counts wildly must not make us allocate.
        if index >= 128 {
            return Err(Error::upstream(format!(
                "the vendor numbered an answer {index}"
            )));
        }
        while self.choices.len() <= index {
            let next = self.choices.len() as u32;
            self.choices.push(Choice::new(next, &self.id));
        }
        Ok(())
    }
}

impl StreamTranslator for Machine {
    fn read(&mut self, event: &SseEvent, events: &mut Vec<Event>) -> Result<(), Error> {
        match event.data.trim() {
            "" | "[DONE]" => Ok(()),
            _ => self.chunk(&event.json()?, events),
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        let finished = self.choices.iter().filter(|choice| choice.is_finished());
        let finished = finished.count();
        if finished == self.choices.len() && finished >= self.expected {
            return Ok(());
        }
        Err(Error::upstream("the vendor's answer ended mid-stream"))
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;

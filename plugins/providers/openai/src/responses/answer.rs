//! An answer's items as they grow, and what they are in neutral parts.

use std::collections::BTreeMap;

use evenhand_sdk::Error;
use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use serde_json::{Value, json};

use super::citations::citation;
use super::parts::{Open, Parts};
use super::{calls, hosted, reasoning};

/// The items of an answer, by their place in it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    parts: Parts,
    items: BTreeMap<u64, Item>,
    sound: Option<(Open, String)>,
    refused: bool,
    waits: bool,
}

#[derive(Debug, Default)]
struct Item {
    id: Value,
    phase: Value,
    open: Vec<(Slot, Open)>,
    /// The summary that grows.
    summary: u64,
    done: bool,
}

/// What of an item a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Text at this place of a message.
    Text(u64),
    /// A refusal at this place of a message.
    Refusal(u64),
    /// Summaries of thoughts, all of them.
    Summary,
    /// The thoughts themselves.
    Thought,
    /// A call's arguments.
    Call,
}

impl Answer {
    /// Which item an event is about; servers that don't number name it.
    pub(super) fn place(&self, event: &Value) -> u64 {
        let id = event
            .get("item_id")
            .or_else(|| event["item"].get("id"))
            .filter(|id| id.is_string());
        let named = || {
            self.items
                .iter()
                .find(|(_, item)| Some(&item.id) == id)
                .map(|(at, _)| *at)
        };
        let next = || self.items.last_key_value().map_or(0, |(at, _)| at + 1);
        event["output_index"]
            .as_u64()
            .or_else(named)
            .unwrap_or_else(next)
    }

    /// Was this item of the whole answer told before it?
    pub(super) fn has(&self, at: u64, item: &Value) -> bool {
        let same = |known: &Item| known.done && item["id"].is_string() && known.id == item["id"];
        self.items.get(&at).is_some_and(|known| known.done) || self.items.values().any(same)
    }

    /// An item begins.
    pub(super) fn added(
        &mut self,
        at: u64,
        item: &Value,
        names: &Names,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let known = self.items.entry(at).or_default();
        known.id = item["id"].clone();
        known.phase = item["phase"].clone();
        if let Some(field) = calls::grows(item) {
            let call = self.call(at, item, names, events)?;
            call.grow(item[field].as_str().unwrap_or_default(), events);
        }
        Ok(())
    }

    /// A part of an item grew. Arguments wait for the item that says whose they are.
    pub(super) fn grow(&mut self, at: u64, slot: Slot, text: &str, events: &mut Vec<Event>) {
        if let Some(open) = self.open(at, slot, events) {
            open.grow(text, events);
        }
    }

    /// All of a part's text.
    pub(super) fn complete(&mut self, at: u64, slot: Slot, whole: &str, events: &mut Vec<Event>) {
        if whole.is_empty() {
            return;
        }
        if let Some(open) = self.open(at, slot, events) {
            open.complete(whole, events);
        }
    }

    /// A summary grew; they are told apart by an empty line.
    pub(super) fn summarise(&mut self, at: u64, summary: u64, text: &str, events: &mut Vec<Event>) {
        let item = self.items.entry(at).or_default();
        let next = std::mem::replace(&mut item.summary, summary) != summary;
        if let Some(open) = self.open(at, Slot::Summary, events) {
            if next && !open.said.is_empty() {
                open.grow("\n\n", events);
            }
            open.grow(text, events);
        }
    }

    /// A source of a text.
    pub(super) fn cite(
        &mut self,
        at: u64,
        content: u64,
        annotation: &Value,
        events: &mut Vec<Event>,
    ) {
        let (Some(citation), Some(open)) = (
            citation(annotation),
            self.open(at, Slot::Text(content), events),
        ) else {
            return;
        };
        open.cited += 1;
        open.add(Delta::Citation(citation), events);
    }

    /// How likely the tokens of a text were.
    pub(super) fn weigh(&mut self, at: u64, slot: Slot, tokens: &Value, events: &mut Vec<Event>) {
        let tokens = tokens.as_array().filter(|tokens| !tokens.is_empty());
        let Some(tokens) = tokens else { return };
        if let Some(open) = self.open(at, slot, events) {
            open.weighed = true;
            let tokens = tokens.iter().map(crate::chat::token).collect();
            open.add(Delta::Logprobs(tokens), events);
        }
    }

    /// Sound of the whole answer, and its words, which must be seen again.
    pub(super) fn sound(&mut self, base64: &str, words: &str, events: &mut Vec<Event>) {
        let parts = &mut self.parts;
        let (open, said) = self
            .sound
            .get_or_insert_with(|| (parts.begin(PartKind::Audio(None), events), String::new()));
        open.grow(base64, events);
        said.push_str(words);
    }

    /// A part of a message is complete.
    pub(super) fn content_done(
        &mut self,
        at: u64,
        content: u64,
        part: &Value,
        events: &mut Vec<Event>,
    ) {
        let slot = match part["type"].as_str() {
            Some("refusal") => Slot::Refusal(content),
            Some("output_text") => Slot::Text(content),
            _ => return,
        };
        let text = part["text"].as_str().or_else(|| part["refusal"].as_str());
        self.complete(at, slot, text.unwrap_or_default(), events);
        let annotations = part["annotations"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let known = self.known(at, slot).map_or(0, |open| open.cited);
        for annotation in annotations.iter().skip(known) {
            self.cite(at, content, annotation, events);
        }
        if self.known(at, slot).is_some_and(|open| !open.weighed) {
            self.weigh(at, slot, &part["logprobs"], events);
        }
        let item = self.items.entry(at).or_default();
        let phase = item.phase.as_str().map(|phase| json!({"phase": phase}));
        let open = item.open.iter_mut().find(|(known, _)| *known == slot);
        if let Some((_, open)) = open {
            open.end(phase.as_ref(), events);
        }
    }

    /// An item is complete: whatever of it was not told before is told now.
    pub(super) fn done(
        &mut self,
        at: u64,
        item: &Value,
        names: &Names,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let known = self.items.entry(at).or_default();
        if std::mem::replace(&mut known.done, true) {
            return Ok(());
        }
        known.id = item["id"].clone();
        known.phase = item["phase"].clone();
        match item["type"].as_str().unwrap_or_default() {
            "message" => {
                for (content, part) in (0..).zip(item["content"].as_array().into_iter().flatten()) {
                    self.content_done(at, content, part, events);
                }
            }
            "reasoning" => self.thought(at, item, events),
            _ => match calls::grows(item) {
                Some(field) => {
                    let call = self.call(at, item, names, events)?;
                    call.complete(item[field].as_str().unwrap_or_default(), events);
                    call.end(calls::carried(item).as_ref(), events);
                }
                None => {
                    self.waits |= hosted::waits(item);
                    for part in hosted::parts(item) {
                        self.parts.whole(part, events);
                    }
                }
            },
        }
        Ok(())
    }

    fn thought(&mut self, at: u64, item: &Value, events: &mut Vec<Event>) {
        let texts = |field: &str| {
            let texts = item[field].as_array().into_iter().flatten();
            texts
                .filter_map(|part| part["text"].as_str())
                .collect::<Vec<_>>()
        };
        self.complete(at, Slot::Thought, &texts("content").concat(), events);
        self.complete(at, Slot::Summary, &texts("summary").join("\n\n"), events);
        let known = self.items.entry(at).or_default();
        if known.open.is_empty() && reasoning::says_something(item) {
            let hidden = PartKind::Reasoning(ReasoningKind::Redacted);
            known
                .open
                .push((Slot::Thought, self.parts.begin(hidden, events)));
        }
        if let Some((_, last)) = known.open.last_mut() {
            last.end(reasoning::carried(item).as_ref(), events);
        }
    }

    /// The answer is complete: does the model wait, has it refused?
    pub(super) fn finish(&mut self, events: &mut Vec<Event>) -> FinishReason {
        let open = self.items.values_mut().flat_map(|item| &mut item.open);
        for (_, open) in open {
            open.end(None, events);
        }
        if let Some((open, said)) = &mut self.sound {
            let words = (!said.is_empty()).then(|| json!({"transcript": said}));
            open.end(words.as_ref(), events);
        }
        match (self.waits, self.refused) {
            (true, _) => FinishReason::ToolCalls,
            (_, true) => FinishReason::Refusal,
            _ => FinishReason::Stop,
        }
    }

    fn known(&self, at: u64, slot: Slot) -> Option<&Open> {
        let open = &self.items.get(&at)?.open;
        open.iter()
            .find(|(known, _)| *known == slot)
            .map(|(_, open)| open)
    }

    /// The part of an item, begun where it is not. A call begins by its item alone.
    fn open(&mut self, at: u64, slot: Slot, events: &mut Vec<Event>) -> Option<&mut Open> {
        let item = self.items.entry(at).or_default();
        if let Some(known) = item.open.iter().position(|(known, _)| *known == slot) {
            return Some(&mut item.open[known].1);
        }
        let kind = match slot {
            Slot::Text(_) => PartKind::Text,
            Slot::Refusal(_) => PartKind::Refusal,
            Slot::Summary => PartKind::Reasoning(ReasoningKind::Summary),
            Slot::Thought => PartKind::Reasoning(ReasoningKind::Full),
            Slot::Call => return None,
        };
        self.refused |= matches!(slot, Slot::Refusal(_));
        // Thoughts and their summary are one item; it comes back once, with the last of its parts.
        if let Some((_, before)) = item
            .open
            .last_mut()
            .filter(|_| matches!(slot, Slot::Summary | Slot::Thought))
        {
            before.end(Some(&reasoning::beginning(&item.id)), events);
        }
        item.open.push((slot, self.parts.begin(kind, events)));
        item.open.last_mut().map(|(_, open)| open)
    }

    fn call(
        &mut self,
        at: u64,
        item: &Value,
        names: &Names,
        events: &mut Vec<Event>,
    ) -> Result<&mut Open, Error> {
        self.waits = true;
        let known = self.items.entry(at).or_default();
        if known.open.is_empty() {
            let start = calls::start(item, names)?;
            known.open.push((
                Slot::Call,
                self.parts.begin(PartKind::ToolCall(start), events),
            ));
        }
        known
            .open
            .first_mut()
            .map(|(_, open)| open)
            .ok_or_else(|| Error::internal("a call without its part"))
    }
}

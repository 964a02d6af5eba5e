//! Whose turn it is to speak. Neutral parts may be interleaved; where a dialect or its clients can't follow that,
//! they share a lane, and what one says while another of its lane is open waits.

use std::collections::BTreeMap;

use types::{
    Error,
    neutral::{Content, Event, PartEnded, PartKind},
};

use crate::Encoder;

/// A lane of a dialect; parts without one may speak at any time.
pub(crate) type Lane = Option<u8>;

/// Gives an encoder the parts of each lane one after the other.
pub(crate) struct Turns<E> {
    encoder: E,
    lane: fn(Kind) -> Lane,
    choices: BTreeMap<u32, Choice>,
}

/// What is about to speak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Text,
    Reasoning,
    Refusal,
    Call,
    Audio,
    Other,
}

#[derive(Default)]
struct Choice {
    /// The part that is open in each lane.
    open: BTreeMap<u8, u32>,
    /// Parts that began while another was open, in the order of their indices.
    waiting: BTreeMap<u32, Waiting>,
}

struct Waiting {
    lane: u8,
    events: Vec<Event>,
    complete: bool,
}

impl<E: Encoder> Turns<E> {
    pub(crate) fn new(encoder: E, lane: fn(Kind) -> Lane) -> Self {
        Self {
            encoder,
            lane,
            choices: BTreeMap::new(),
        }
    }

    /// A part begins, or came whole.
    fn begin(&mut self, choice: u32, part: u32, kind: Kind, event: Event, out: &mut String) {
        let complete = matches!(event, Event::Part(_));
        if let Some(lane) = (self.lane)(kind) {
            let choice = self.choices.entry(choice).or_default();
            if choice.open.contains_key(&lane) {
                let events = vec![event];
                let waiting = Waiting {
                    lane,
                    events,
                    complete,
                };
                choice.waiting.insert(part, waiting);
                return;
            }
            if !complete {
                choice.open.insert(lane, part);
            }
        }
        self.encoder.push(event, out);
    }

    fn go_on(&mut self, choice: u32, part: u32, event: Event, out: &mut String) {
        let ends = matches!(event, Event::PartEnded(_));
        let Some(state) = self.choices.get_mut(&choice) else {
            return self.encoder.push(event, out);
        };
        if let Some(waiting) = state.waiting.get_mut(&part) {
            waiting.complete |= ends;
            waiting.events.push(event);
            return;
        }
        self.encoder.push(event, out);
        let lane = state.open.iter().find(|(_, open)| **open == part);
        if let Some(lane) = lane.map(|(lane, _)| *lane).filter(|_| ends) {
            state.release(lane, &mut self.encoder, out);
        }
    }

    /// Ends what nobody ended.
    fn finish_choice(&mut self, choice: u32, out: &mut String) {
        let state = self.choices.entry(choice).or_default();
        while let Some((&lane, &index)) = state.open.first_key_value() {
            let end = PartEnded {
                choice,
                index,
                provider_data: None,
            };
            self.encoder.push(Event::PartEnded(end), out);
            state.release(lane, &mut self.encoder, out);
        }
    }
}

impl Choice {
    /// The lane is free: what waited for it speaks, up to a part that is not complete.
    fn release(&mut self, lane: u8, encoder: &mut impl Encoder, out: &mut String) {
        self.open.remove(&lane);
        while !self.open.contains_key(&lane) {
            let next = self.waiting.iter().find(|(_, w)| w.lane == lane);
            let Some(part) = next.map(|(part, _)| *part) else {
                return;
            };
            let Some(waiting) = self.waiting.remove(&part) else {
                return;
            };
            for event in waiting.events {
                encoder.push(event, out);
            }
            if !waiting.complete {
                self.open.insert(lane, part);
            }
        }
    }
}

impl<E: Encoder> Encoder for Turns<E> {
    fn push(&mut self, event: Event, out: &mut String) {
        match &event {
            Event::PartStarted(p) => {
                let kind = match p.kind {
                    PartKind::Text => Kind::Text,
                    PartKind::Reasoning(_) => Kind::Reasoning,
                    PartKind::Refusal => Kind::Refusal,
                    PartKind::Audio(_) => Kind::Audio,
                    PartKind::ToolCall(_) => Kind::Call,
                };
                self.begin(p.choice, p.index, kind, event, out);
            }
            Event::Part(p) => {
                let kind = match p.part.content {
                    Content::Text(_) => Kind::Text,
                    Content::Reasoning(_) => Kind::Reasoning,
                    Content::Refusal(_) => Kind::Refusal,
                    Content::ToolCall(_) => Kind::Call,
                    Content::Audio(_) => Kind::Audio,
                    _ => Kind::Other,
                };
                self.begin(p.choice, p.index, kind, event, out);
            }
            Event::PartDelta(p) => self.go_on(p.choice, p.index, event, out),
            Event::PartEnded(p) => self.go_on(p.choice, p.index, event, out),
            Event::Finished(f) => {
                self.finish_choice(f.choice, out);
                self.encoder.push(event, out);
            }
            Event::Started(_) | Event::Warning(_) | Event::Usage(_) => {
                self.encoder.push(event, out)
            }
        }
    }

    fn finish(&mut self, out: &mut String) {
        self.encoder.finish(out);
    }

    fn fail(&mut self, error: &Error, out: &mut String) {
        self.encoder.fail(error, out);
    }
}

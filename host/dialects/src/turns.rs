//! Whose turn it is to speak. Neutral parts may be interleaved; where a dialect or its clients can't follow that,
//! they share a lane, and what one says while another of its lane is open waits.

use std::collections::BTreeMap;

use types::{
    Error,
    neutral::{Content, Delta, Event, PartDelta, PartEnded, PartKind},
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
    /// Parts of each lane that began while another was open, in the order of their indices.
    waiting: BTreeMap<u8, BTreeMap<u32, Waiting>>,
}

struct Waiting {
    events: Vec<Event>,
    complete: bool,
}

impl<E> Turns<E> {
    pub(crate) fn new(encoder: E, lane: fn(Kind) -> Lane) -> Self {
        Self {
            encoder,
            lane,
            choices: BTreeMap::new(),
        }
    }

    /// Who speaks.
    pub(crate) fn encoder(&self) -> &E {
        &self.encoder
    }

    /// Who speaks.
    pub(crate) fn encoder_mut(&mut self) -> &mut E {
        &mut self.encoder
    }

    /// A part begins, or came whole.
    fn begin<O>(&mut self, choice: u32, part: u32, kind: Kind, event: Event, out: &mut O)
    where
        E: Encoder<O>,
    {
        let complete = matches!(event, Event::Part(_));
        if let Some(lane) = (self.lane)(kind) {
            let choice = self.choices.entry(choice).or_default();
            if choice.open.contains_key(&lane) {
                let events = vec![event];
                let lane = choice.waiting.entry(lane).or_default();
                lane.insert(part, Waiting { events, complete });
                return;
            }
            if !complete {
                choice.open.insert(lane, part);
            }
        }
        self.encoder.push(event, out);
    }

    fn go_on<O>(&mut self, choice: u32, part: u32, event: Event, out: &mut O)
    where
        E: Encoder<O>,
    {
        let ends = matches!(event, Event::PartEnded(_));
        let Some(state) = self.choices.get_mut(&choice) else {
            return self.encoder.push(event, out);
        };
        // Lanes are three at most.
        let mut waiting = state.waiting.values_mut();
        if let Some(waiting) = waiting.find_map(|lane| lane.get_mut(&part)) {
            waiting.complete |= ends;
            return waiting.hear(event);
        }
        self.encoder.push(event, out);
        let lane = state.open.iter().find(|(_, open)| **open == part);
        if let Some(lane) = lane.map(|(lane, _)| *lane).filter(|_| ends) {
            state.release(lane, &mut self.encoder, out);
        }
    }

    /// Ends what nobody ended.
    fn finish_choice<O>(&mut self, choice: u32, out: &mut O)
    where
        E: Encoder<O>,
    {
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

impl Waiting {
    /// What is said while nobody listens is one piece.
    fn hear(&mut self, mut event: Event) {
        match (self.events.last_mut().and_then(text), text(&mut event)) {
            (Some(said), Some(more)) => said.push_str(more),
            _ => self.events.push(event),
        }
    }
}

/// The text that an event adds.
fn text(event: &mut Event) -> Option<&mut String> {
    match event {
        Event::PartDelta(PartDelta {
            delta: Delta::Text(text),
            ..
        }) => Some(text),
        _ => None,
    }
}

impl Choice {
    /// The lane is free: what waited for it speaks, up to a part that is not complete.
    fn release<O>(&mut self, lane: u8, encoder: &mut impl Encoder<O>, out: &mut O) {
        self.open.remove(&lane);
        while !self.open.contains_key(&lane) {
            let waiting = self.waiting.get_mut(&lane);
            let Some((part, waiting)) = waiting.and_then(BTreeMap::pop_first) else {
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

impl<O, E: Encoder<O>> Encoder<O> for Turns<E> {
    fn push(&mut self, event: Event, out: &mut O) {
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

    fn finish(&mut self, out: &mut O) {
        self.encoder.finish(out);
    }

    fn fail(&mut self, error: &Error, out: &mut O) {
        self.encoder.fail(error, out);
    }
}

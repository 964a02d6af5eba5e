//! A part of an answer that grows.

use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde_json::{Map, Value};

use crate::sound::Sound;

/// What kind of part is open.
#[derive(Debug)]
pub(crate) enum Kind {
    Text,
    Thought,
    /// Of this media type.
    Sound(String, Sound),
}

/// A part that has begun and goes on in the next chunk.
#[derive(Debug)]
pub(crate) struct Open {
    choice: u32,
    index: u32,
    kind: Kind,
    /// Its text so far: what is cited later counts in it.
    pub(crate) text: String,
    /// What the vendor must see again.
    kept: Map<String, Value>,
}

impl Open {
    /// Begins a part.
    pub(crate) fn begin(choice: u32, index: u32, kind: Kind, events: &mut Vec<Event>) -> Self {
        let begun = match &kind {
            Kind::Text => PartKind::Text,
            // The vendor shows summaries of its thoughts, never the thoughts.
            Kind::Thought => PartKind::Reasoning(ReasoningKind::Summary),
            Kind::Sound(media_type, _) => PartKind::Audio(Some(media_type.clone())),
        };
        events.push(Event::PartStarted(PartStarted {
            choice,
            index,
            kind: begun,
        }));
        Self {
            choice,
            index,
            kind,
            text: String::new(),
            kept: Map::new(),
        }
    }

    /// Is it a text?
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text)
    }

    /// Does a piece of this kind go on where this part is? Behind a signature another part begins.
    pub(crate) fn takes(&self, kind: &Kind) -> bool {
        let same = match (&self.kind, kind) {
            (Kind::Text, Kind::Text) | (Kind::Thought, Kind::Thought) => true,
            (Kind::Sound(one, _), Kind::Sound(other, _)) => one == other,
            _ => false,
        };
        same && !self.kept.contains_key("thoughtSignature")
    }

    /// Grows by text, or by sound in base64.
    pub(crate) fn say(&mut self, said: &str, events: &mut Vec<Event>) -> Result<(), Error> {
        let said = match &mut self.kind {
            Kind::Sound(_, sound) => sound.push(said)?,
            Kind::Text | Kind::Thought => {
                self.text.push_str(said);
                said.to_owned()
            }
        };
        if !said.is_empty() {
            self.grow(Delta::Text(said), events);
        }
        Ok(())
    }

    /// Grows by something else.
    pub(crate) fn grow(&self, delta: Delta, events: &mut Vec<Event>) {
        events.push(Event::PartDelta(PartDelta {
            choice: self.choice,
            index: self.index,
            delta,
        }));
    }

    /// Keeps what the vendor must see again.
    pub(crate) fn keep(&mut self, kept: Map<String, Value>) {
        self.kept.extend(kept);
    }

    /// Ends it.
    pub(crate) fn end(mut self, events: &mut Vec<Event>) {
        if let Kind::Sound(_, sound) = &mut self.kind {
            let rest = std::mem::take(sound).end();
            if !rest.is_empty() {
                self.grow(Delta::Text(rest), events);
            }
        }
        events.push(Event::PartEnded(PartEnded {
            choice: self.choice,
            index: self.index,
            provider_data: text_of(self.kept),
        }));
    }
}

/// Provider data; none where there is nothing in them.
pub(crate) fn text_of(kept: Map<String, Value>) -> Option<String> {
    (!kept.is_empty()).then(|| Value::Object(kept).to_string())
}

//! Neutral parts as they grow.

use evenhand_sdk::types::*;
use serde_json::Value;

/// Numbers parts and says what happens to them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    next: u32,
}

/// A part that has begun.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) index: u32,
    /// What it says so far, to tell what the vendor's last word adds.
    pub(super) said: String,
    /// Sources so far.
    pub(super) cited: usize,
    /// Were log-probabilities given?
    pub(super) weighed: bool,
    pub(super) ended: bool,
}

impl Parts {
    pub(super) fn begin(&mut self, kind: PartKind, events: &mut Vec<Event>) -> Open {
        let index = self.take();
        events.push(Event::part_started(index, kind));
        Open {
            index,
            said: String::new(),
            cited: 0,
            weighed: false,
            ended: false,
        }
    }

    /// A part that came whole.
    pub(super) fn whole(&mut self, part: Part, events: &mut Vec<Event>) {
        let index = self.take();
        events.push(Event::Part(WholePart {
            choice: 0,
            index,
            part,
        }));
    }

    fn take(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }
}

impl Open {
    pub(super) fn grow(&mut self, text: &str, events: &mut Vec<Event>) {
        if !text.is_empty() && !self.ended {
            self.said.push_str(text);
            events.push(Event::text(self.index, text));
        }
    }

    /// All of its text, of which the end may not have come yet.
    pub(super) fn complete(&mut self, whole: &str, events: &mut Vec<Event>) {
        if let Some(rest) = whole.strip_prefix(self.said.as_str()).map(str::to_owned) {
            self.grow(&rest, events);
        }
    }

    pub(super) fn add(&self, delta: Delta, events: &mut Vec<Event>) {
        if !self.ended {
            events.push(Event::PartDelta(PartDelta {
                choice: 0,
                index: self.index,
                delta,
            }));
        }
    }

    pub(super) fn end(&mut self, carried: Option<&Value>, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            events.push(Event::part_ended(self.index, carried.map(Value::to_string)));
        }
    }
}

//! Repeats as one counted row: the first at once, the others as a number when their minute ends.
//!
//! What is noted waits here and nowhere else, so that one plugin's noise takes neither another's room nor the room of what is
//! recorded.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::event::{Event, Owner, Who};

/// How long one row stands for all of its kind.
const MINUTE: Duration = Duration::from_secs(60);

/// Most different subjects of one owner in a minute. A component that makes up a new host for every request fills no disk.
const SUBJECTS: usize = 100;

/// Most of all owners together: with texts as long as they may be, some 5 MiB.
const ALL: usize = 1000;

/// Each owner has so many whatever the others do; how many plugins there are the operator says.
const SURE: usize = 10;

#[derive(Default)]
pub(crate) struct Repeats {
    owners: HashMap<Owner, HashMap<(Who, Event), Seen>>,
    /// Subjects of all owners.
    kept: usize,
    /// The first of each subject, not yet taken: no more than there are subjects.
    firsts: Vec<Row>,
    dropped: u64,
}

struct Seen {
    since: Instant,
    /// After the first.
    more: u64,
    last: Event,
}

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) who: Who,
    pub(crate) event: Event,
    /// How many it counts, where it counts.
    pub(crate) more: Option<u64>,
}

impl Repeats {
    /// Keeps an event; tells if it is the first that waits to be taken. Where an owner has too many subjects, the event becomes one
    /// of all others.
    pub(crate) fn see(&mut self, who: Who, event: Event, now: Instant) -> bool {
        let event = event.cut();
        let mine = self.owners.entry(event.owner()).or_default();
        let has_room = event.is_of_few()
            || mine.len() < SURE
            || (mine.len() < SUBJECTS && self.kept < ALL)
            || mine.contains_key(&(who, event.subject()));
        let Some(event) = (if has_room { Some(event) } else { event.other() }) else {
            self.dropped += 1;
            return false;
        };
        if let Some(seen) = mine.get_mut(&(who, event.subject())) {
            seen.more += 1;
            seen.last = event;
            return false;
        }
        let seen = Seen {
            since: now,
            more: 0,
            last: event.clone(),
        };
        mine.insert((who, event.subject()), seen);
        self.kept += 1;
        let more = None;
        self.firsts.push(Row { who, event, more });
        self.firsts.len() == 1
    }

    /// What came for the first time since this was asked last.
    pub(crate) fn firsts(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.firsts)
    }

    /// The counts of those whose minute is over; of all, at the end.
    pub(crate) fn over(&mut self, now: Option<Instant>) -> Vec<Row> {
        let mut rows = Vec::new();
        for mine in self.owners.values_mut() {
            let over = mine.extract_if(|_, seen| {
                now.is_none_or(|now| now.duration_since(seen.since) >= MINUTE)
            });
            for ((who, _), seen) in over {
                self.kept -= 1;
                if seen.more > 0 {
                    rows.push(Row {
                        who,
                        event: seen.last,
                        more: Some(seen.more),
                    });
                }
            }
        }
        self.owners.retain(|_, mine| !mine.is_empty());
        if self.dropped > 0 {
            let count = std::mem::take(&mut self.dropped);
            rows.push(Row {
                who: Who::Host,
                event: Event::EventsDropped { count },
                more: None,
            });
        }
        rows
    }
}

#[cfg(test)]
#[path = "repeats_tests.rs"]
mod tests;

//! Repeats as one counted row: the first at once, the others as a number when their minute ends.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::event::{Event, Who};

/// How long one row stands for all of its kind.
const MINUTE: Duration = Duration::from_secs(60);

/// Most different subjects of one plugin in a minute. A component that makes up a new host for every request fills no disk.
const SUBJECTS: usize = 100;

/// What a component is told to be refused beyond that, in the log.
const OTHERS: &str = "others";

#[derive(Default)]
pub(crate) struct Repeats {
    seen: HashMap<(Who, Event), Seen>,
}

struct Seen {
    since: Instant,
    /// After the first.
    more: u64,
    last: Event,
}

/// A row that counts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) who: Who,
    pub(crate) event: Event,
    pub(crate) more: u64,
}

impl Repeats {
    /// Is it the first of its kind, to be written at once? Where a plugin has too many kinds, the event becomes one of all others.
    pub(crate) fn see(&mut self, who: Who, event: Event, now: Instant) -> Option<Event> {
        let known = self.seen.contains_key(&(who, event.subject()));
        let event = match known || self.subjects(event.owner()) < SUBJECTS {
            true => event,
            false => other(event),
        };
        match self.seen.get_mut(&(who, event.subject())) {
            Some(seen) => {
                seen.more += 1;
                seen.last = event;
                None
            }
            None => {
                let seen = Seen {
                    since: now,
                    more: 0,
                    last: event.clone(),
                };
                self.seen.insert((who, event.subject()), seen);
                Some(event)
            }
        }
    }

    /// The counts of those whose minute is over; of all, at the end.
    pub(crate) fn over(&mut self, now: Option<Instant>) -> Vec<Counted> {
        let over = self
            .seen
            .extract_if(|_, seen| now.is_none_or(|now| now.duration_since(seen.since) >= MINUTE));
        over.filter(|(_, seen)| seen.more > 0)
            .map(|((who, _), seen)| Counted {
                who,
                event: seen.last,
                more: seen.more,
            })
            .collect()
    }

    fn subjects(&self, owner: &str) -> usize {
        self.seen
            .keys()
            .filter(|(_, event)| event.owner() == owner)
            .count()
    }
}

fn other(event: Event) -> Event {
    match event {
        Event::Denial { plugin, reason, .. } => Event::Denial {
            plugin,
            to: OTHERS.into(),
            reason,
        },
        Event::AdminCall { status, .. } => Event::AdminCall {
            method: OTHERS.into(),
            path: OTHERS.into(),
            status,
        },
        event => event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(to: &str, reason: &str) -> Event {
        Event::Denial {
            plugin: "p".into(),
            to: to.into(),
            reason: reason.into(),
        }
    }

    #[test]
    fn the_first_is_told_at_once_and_the_others_are_counted() {
        let mut repeats = Repeats::default();
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut see = |to: &str, reason: &str, at| {
            repeats
                .see(Who::Plugin, denial(to, reason), after(at))
                .is_some()
        };
        assert!(see("a", "1", 0));
        assert!(!see("a", "2", 1) && !see("a", "3", 59));
        assert!(see("b", "1", 30), "another target is another row");
        assert_eq!(repeats.over(Some(after(59))), []);
        let counted = Counted {
            who: Who::Plugin,
            event: denial("a", "3"),
            more: 2,
        };
        assert_eq!(repeats.over(Some(after(60))), [counted]);
        assert_eq!(repeats.over(None), [], "one of b, and it was told");
        assert!(
            repeats
                .see(Who::Plugin, denial("a", "4"), after(61))
                .is_some(),
            "a new minute begins"
        );
    }

    #[test]
    fn a_plugin_that_makes_up_hosts_gets_no_row_for_each() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        let told = (0..10_000)
            .filter_map(|i| repeats.see(Who::Plugin, denial(&i.to_string(), ""), now))
            .count();
        assert_eq!(told, SUBJECTS + 1);
        let counted = repeats.over(None);
        assert_eq!(counted.len(), 1);
        assert_eq!(counted[0].more, 10_000 - SUBJECTS as u64 - 1);
        assert_eq!(counted[0].event, denial(OTHERS, ""));
    }
}

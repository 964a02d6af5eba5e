//! A session's events, told to one client.

use std::fmt;

use serde_json::{Map, Value, json};
use types::{
    Error,
    session::{Live, Logged, SessionEvent, item_id},
};

use super::{
    record::{Event, Record, Stage},
    show,
    speech::{Kind, Speech},
};
use crate::{field::at, frame, openai::responses::frames::noise};

/// Where in a session's events a client is: after the event with this id. It is made of the log alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The number of the log's entry.
    pub number: u64,
    /// Which of the events that the entry comes to, from 0.
    pub place: usize,
}

impl Position {
    /// Reads an `event_id`, such as a client sends as `Last-Event-ID`. One of what was told live stands for the event of
    /// the log before it.
    ///
    /// # Errors
    /// It isn't one of ours.
    pub fn read(id: &str) -> Result<Self, Error> {
        let read = || {
            let mut pieces = id.strip_prefix("evt_")?.splitn(3, '_');
            Some(Self {
                number: pieces.next()?.parse().ok()?,
                place: pieces.next()?.parse().ok()?,
            })
        };
        read().ok_or_else(|| {
            at(
                "Last-Event-ID",
                format_args!("is `{id}`, which is not the `event_id` of a session's event"),
            )
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt_{}_{}", self.number, self.place)
    }
}

/// Writes a session's events for one client. It must see the whole log, in order: what the client knows, it [passes
/// over](Self::pass), or doesn't tell because it is [resumed](Self::resume).
#[derive(Debug)]
pub struct EventStream {
    record: Record,
    /// What the client was told up to, or shall not be told.
    position: Option<Position>,
    /// What the client was told of answers that are not in the log yet.
    told: Vec<Told>,
    /// The last attempt that the log has.
    answered: Option<String>,
    obfuscate: bool,
    /// Tools' words so far.
    progress: u64,
}

#[derive(Debug)]
struct Told {
    id: String,
    attempt: String,
    index: u32,
    turn: String,
    kind: Kind,
    output_index: usize,
    text: String,
}

impl Told {
    fn speech(&self) -> Speech<'_> {
        Speech {
            kind: self.kind,
            turn: &self.turn,
            id: &self.id,
            output_index: self.output_index,
            // Whether a call follows, nobody knows yet.
            phase: None,
        }
    }
}

impl EventStream {
    /// For a client that is told all of the log of the session with this id.
    pub fn new(session: impl Into<String>) -> Self {
        Self {
            record: Record::new(session),
            position: None,
            told: Vec::new(),
            answered: None,
            obfuscate: false,
            progress: 0,
        }
    }

    /// The same, for one that was told up to here.
    pub fn resume(session: impl Into<String>, after: Position) -> Self {
        Self {
            position: Some(after),
            ..Self::new(session)
        }
    }

    /// The same; its deltas don't tell their length.
    #[must_use]
    pub fn obfuscated(mut self, obfuscate: bool) -> Self {
        self.obfuscate = obfuscate;
        self
    }

    /// Reads an entry of the log that the client isn't told.
    pub fn pass(&mut self, logged: &Logged) {
        let events = self.record.push(logged);
        self.note(logged);
        let last = Position {
            number: logged.number,
            place: events.len().saturating_sub(1),
        };
        self.position = self.position.max(Some(last));
    }

    /// What the session does now, for a client that begins to listen here; nothing before the session has begun.
    pub fn now(&self) -> String {
        let (Some(session), Some(position)) = (self.record.session(), self.position) else {
            return String::new();
        };
        let name = format!("agent.session.{}", show::status(session.status));
        let fields = json!({ "session": show::session(session) });
        let mut out = String::new();
        self.write(&mut out, &position.to_string(), true, &name, fields);
        out
    }

    /// Writes what an entry of the log comes to, as far as the client was not told.
    pub fn push(&mut self, logged: &Logged) -> String {
        let mut out = String::new();
        let events = self.record.push(logged);
        self.note(logged);
        match &logged.event {
            SessionEvent::Answered { .. } => {
                let ends = |told: &Told| {
                    let end = Some((told.id.clone(), Stage::Ends));
                    events.iter().any(|event| event.speech == end)
                };
                self.abandon(&mut out, ends);
            }
            SessionEvent::TurnEnded { .. } | SessionEvent::Closed { .. } => {
                self.abandon(&mut out, |_| false);
            }
            _ => {}
        }
        for (place, event) in events.into_iter().enumerate() {
            let position = Position {
                number: logged.number,
                place,
            };
            if self.position.is_some_and(|told| position <= told) {
                continue;
            }
            self.position = Some(position);
            if let Some(event) = self.untold(event) {
                let id = position.to_string();
                self.write(&mut out, &id, true, event.name, event.fields);
            }
        }
        if let SessionEvent::Answered { .. } = &logged.event {
            self.told.clear();
        }
        out
    }

    /// Writes what is told live. Deltas of an answer whose beginning (a delta without text) the client was not told are left
    /// out: when the answer is in the log, it is told whole.
    pub fn live(&mut self, live: &Live) -> String {
        let mut out = String::new();
        match live {
            Live::Delta {
                turn,
                attempt,
                index,
                kind,
                text,
            } => self.grown(&mut out, turn, attempt, *index, (*kind).into(), text),
            Live::Progress {
                turn,
                call,
                done,
                total,
                message,
            } => {
                if let Some(item) = self.record.item_of(turn, call) {
                    let fields = json!({
                        "turn_id": turn,
                        "item_id": item,
                        "progress": done,
                        "total": total,
                        "message": message,
                    });
                    let id = self.live_id(item, &format!("progress{}", self.progress));
                    self.progress += 1;
                    self.write(&mut out, &id, false, "evenhand.tool.progress", fields);
                }
            }
        }
        out
    }

    fn grown(
        &mut self,
        out: &mut String,
        turn: &str,
        attempt: &str,
        index: u32,
        kind: Kind,
        text: &str,
    ) {
        let running = self.record.session().and_then(|session| session.turn());
        if running.is_none_or(|running| running.id != turn)
            || self.answered.as_deref() == Some(attempt)
        {
            return;
        }
        self.abandon(out, |told| told.attempt == attempt);
        let id = item_id(attempt, index as usize);
        let place = self.told.iter().position(|told| told.id == id);
        let (told, events) = match place {
            None if text.is_empty() => {
                let told = Told {
                    output_index: self.record.output_index(index as usize),
                    attempt: attempt.to_owned(),
                    turn: turn.to_owned(),
                    text: String::new(),
                    id,
                    index,
                    kind,
                };
                let [item, part] = told.speech().added();
                self.told.push(told);
                let place = self.told.len() - 1;
                (
                    place,
                    vec![("item".to_owned(), item), ("part".to_owned(), part)],
                )
            }
            Some(place) if !text.is_empty() => {
                let told = &mut self.told[place];
                let offset = told.text.len().to_string();
                told.text.push_str(text);
                (place, vec![(offset, told.speech().grown(text))])
            }
            _ => return,
        };
        for (what, event) in events {
            self.write_live(out, told, &what, event);
        }
    }

    /// What was told of answers that will never be in the log is over; `keep` says which may be.
    fn abandon(&mut self, out: &mut String, keep: impl Fn(&Told) -> bool) {
        for place in 0..self.told.len() {
            let told = &self.told[place];
            if !keep(told) {
                let [text, part, item] = told.speech().done("incomplete", &told.text);
                for (what, event) in [("text", text), ("partdone", part), ("done", item)] {
                    self.write_live(out, place, what, event);
                }
            }
        }
        self.told.retain(keep);
    }

    /// The event as far as it was not told live.
    fn untold(&self, mut event: Event) -> Option<Event> {
        let Some((id, stage)) = &event.speech else {
            return Some(event);
        };
        let Some(told) = self.told.iter().find(|told| told.id == *id) else {
            return Some(event);
        };
        match stage {
            Stage::Begins => None,
            Stage::Grows => {
                // What got lost on the way to the client; all of it is in the event that ends it.
                let whole = event.fields["delta"].as_str()?;
                let rest = whole.strip_prefix(told.text.as_str())?;
                let rest = (!rest.is_empty()).then(|| rest.to_owned())?;
                event.fields["delta"] = rest.into();
                Some(event)
            }
            Stage::Ends => Some(event),
        }
    }

    fn note(&mut self, logged: &Logged) {
        if let SessionEvent::Answered { attempt, .. } = &logged.event {
            self.answered = Some(attempt.clone());
        }
    }

    /// An id of what is not in the log: it begins as that of the event before.
    fn live_id(&self, of: &str, what: &str) -> String {
        let last = self.position.unwrap_or(Position {
            number: 0,
            place: 0,
        });
        format!("{last}_{of}_{what}")
    }

    fn write_live(&self, out: &mut String, told: usize, what: &str, event: Event) {
        let told = &self.told[told];
        let id = self.live_id(&told.attempt, &format!("{}_{what}", told.index));
        let mut fields = event.fields;
        fields["attempt_id"] = told.attempt.as_str().into();
        self.write(out, &id, false, event.name, fields);
    }

    fn write(&self, out: &mut String, id: &str, durable: bool, name: &str, fields: Value) {
        let mut data = Map::new();
        data.insert("type".to_owned(), name.into());
        data.insert("event_id".to_owned(), id.into());
        if fields.get("session").is_none() {
            data.insert("session_id".to_owned(), self.record.id().into());
        }
        if let Some(delta) = fields["delta"].as_str().filter(|_| self.obfuscate) {
            data.insert("obfuscation".to_owned(), noise(delta.len()).into());
        }
        if let Value::Object(fields) = fields {
            data.extend(fields);
        }
        if durable {
            out.push_str("id: ");
            out.push_str(id);
            out.push('\n');
        }
        frame::named(out, name, &Value::Object(data));
    }
}

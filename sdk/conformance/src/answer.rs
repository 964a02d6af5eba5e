//! An answer as its events make it, and the order that they must have.

use std::collections::BTreeMap;

use serde_json::Value;
use types::neutral::{
    Content, Delta, Event, FinishReason, Message, Part, PartKind, Reasoning, ReasoningKind, Role,
    Text, ToolCall, ToolCallStart, Usage, Warning,
};

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) data: Option<String>,
    open: bool,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Text,
    Reasoning(ReasoningKind),
    Refusal,
    Call(ToolCallStart),
    Audio,
    /// One that only comes whole.
    Whole(Box<Content>),
}

/// An answer so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    started: bool,
    pub(crate) parts: BTreeMap<(u32, u32), Piece>,
    pub(crate) finished: BTreeMap<u32, FinishReason>,
    pub(crate) usage: Option<Usage>,
    pub(crate) warnings: Vec<Warning>,
    /// What its events do that they may not.
    pub(crate) disorder: Vec<String>,
}

impl Answer {
    /// Reads the next events.
    pub(crate) fn read(&mut self, events: Vec<Event>) {
        for event in events {
            if let Err(what) = self.step(event) {
                self.disorder.push(what);
            }
        }
    }

    fn step(&mut self, event: Event) -> Result<(), String> {
        let begun = matches!(event, Event::Started(_) | Event::Warning(_)) || self.started;
        match event {
            Event::Started(_) if self.started => return Err("a second `started`".into()),
            Event::Started(_) => self.started = true,
            Event::Warning(warning) => self.warnings.push(warning),
            Event::Usage(usage) => {
                let before = self.usage.replace(usage);
                self.counted(before.as_ref())?;
            }
            Event::PartStarted(part) => {
                let kind = match part.kind {
                    PartKind::Text => Kind::Text,
                    PartKind::Reasoning(kind) => Kind::Reasoning(kind),
                    PartKind::Refusal => Kind::Refusal,
                    PartKind::ToolCall(call) => Kind::Call(call),
                    PartKind::Audio(_) => Kind::Audio,
                };
                self.add(part.choice, part.index, kind, String::new(), None, true)?;
            }
            Event::PartDelta(delta) => {
                let at = (delta.choice, delta.index);
                let part = self.parts.get_mut(&at).filter(|part| part.open);
                let part = part.ok_or_else(|| {
                    format!("part {} of choice {} grows, and is not open", at.1, at.0)
                })?;
                if let Delta::Text(text) = delta.delta {
                    part.text += &text;
                }
            }
            Event::PartEnded(end) => {
                let at = (end.choice, end.index);
                let part = self.parts.get_mut(&at).filter(|part| part.open);
                let part = part.ok_or_else(|| {
                    format!("part {} of choice {} ends, and is not open", at.1, at.0)
                })?;
                part.open = false;
                part.data = end.provider_data;
                Self::whole(part)?;
            }
            Event::Part(whole) => {
                let (kind, text) = match whole.part.content {
                    Content::Text(text) => (Kind::Text, text.text),
                    Content::Reasoning(it) => (Kind::Reasoning(it.kind), it.text),
                    Content::Refusal(text) => (Kind::Refusal, text),
                    Content::ToolCall(call) => {
                        let start = ToolCallStart {
                            id: call.id,
                            name: call.name,
                            by_provider: call.by_provider,
                        };
                        if call.arguments.is_empty() {
                            return Err("a whole call has empty arguments: none are `{}`".into());
                        }
                        (Kind::Call(start), call.arguments)
                    }
                    other => (Kind::Whole(Box::new(other)), String::new()),
                };
                let data = whole.part.provider_data;
                self.add(whole.choice, whole.index, kind, text, data, false)?;
            }
            Event::Finished(end) => {
                let open = |(at, part): (&(u32, u32), &Piece)| at.0 == end.choice && part.open;
                let left = self.parts.iter().any(open);
                if self.finished.insert(end.choice, end.reason).is_some() {
                    return Err(format!("a second `finished` of choice {}", end.choice));
                }
                if left {
                    return Err(format!("choice {} finishes with an open part", end.choice));
                }
                let indices = self.parts.keys().filter(|at| at.0 == end.choice);
                if !indices.zip(0..).all(|(at, count)| at.1 == count) {
                    return Err(format!(
                        "indices of choice {} don't count from 0",
                        end.choice
                    ));
                }
            }
        }
        match begun {
            true => Ok(()),
            false => Err("it begins with something else than `started`".into()),
        }
    }

    fn add(
        &mut self,
        choice: u32,
        index: u32,
        kind: Kind,
        text: String,
        data: Option<String>,
        open: bool,
    ) -> Result<(), String> {
        let twin = |part: &Piece| match (&part.kind, &kind) {
            (Kind::Call(one), Kind::Call(other)) => one.id == other.id,
            _ => false,
        };
        let wrong = if self.finished.contains_key(&choice) {
            Some(format!(
                "part {index} begins after choice {choice} finished"
            ))
        } else if self.parts.contains_key(&(choice, index)) {
            Some(format!("part {index} of choice {choice} begins twice"))
        } else if matches!(&kind, Kind::Call(call) if call.id.is_empty() || call.name.is_empty()) {
            Some("a call has no id or no name".into())
        } else if self.parts.values().any(twin) {
            Some("two calls have the same id".into())
        } else {
            None
        };
        let piece = Piece {
            kind,
            text,
            data,
            open,
        };
        let whole = if open { Ok(()) } else { Self::whole(&piece) };
        self.parts.insert((choice, index), piece);
        wrong.map_or(whole, Err)
    }

    /// Of a part that is complete.
    fn whole(part: &Piece) -> Result<(), String> {
        match &part.data {
            Some(data) if serde_json::from_str::<Value>(data).is_err() => {
                Err(format!("`provider-data` is no JSON: {}", short(data)))
            }
            _ => Ok(()),
        }
    }

    fn counted(&self, before: Option<&Usage>) -> Result<(), String> {
        let Some(now) = &self.usage else {
            return Ok(());
        };
        let within =
            |part: Option<u64>, all: Option<u64>| part.zip(all).is_none_or(|(p, a)| p <= a);
        if !within(now.cache_read_tokens, now.input_tokens)
            || !within(now.cache_write_tokens, now.input_tokens)
            || !within(now.reasoning_tokens, now.output_tokens)
        {
            return Err(format!("parts of usage are more than the whole: {now:?}"));
        }
        match before {
            Some(before) if !within(before.output_tokens, now.output_tokens) => {
                Err("usage is cumulative, and the output became less".into())
            }
            _ => Ok(()),
        }
    }

    /// All of one kind together.
    pub(crate) fn said(&self, is: fn(&Kind) -> bool) -> String {
        let parts = self.parts.values().filter(|part| is(&part.kind));
        parts.map(|part| part.text.as_str()).collect()
    }

    /// Calls of tools: names and arguments, none of which are `{}`.
    pub(crate) fn calls(&self) -> Vec<(&str, &str)> {
        let call = |part: &'_ Piece| matches!(part.kind, Kind::Call(_));
        let parts = self.parts.values().filter(|part| call(part));
        parts
            .filter_map(|part| match &part.kind {
                Kind::Call(start) => Some((start.name.as_str(), arguments(&part.text))),
                _ => None,
            })
            .collect()
    }

    /// What it is without ids, data, usage and warnings: what is the same however it came.
    pub(crate) fn gist(&self) -> Vec<String> {
        let parts = self.parts.iter().map(|((choice, index), part)| {
            let (what, text) = match &part.kind {
                Kind::Call(call) => (format!("call of {}", call.name), plain(&part.text)),
                Kind::Whole(content) => (format!("{content:?}"), String::new()),
                kind => (format!("{kind:?}"), part.text.clone()),
            };
            format!("{choice}.{index} {what}: {text}")
        });
        let ends = self.finished.iter();
        let ends = ends.map(|(choice, reason)| format!("{choice} ends: {}", finish(reason)));
        parts.chain(ends).collect()
    }

    /// The same as a turn of a conversation.
    pub(crate) fn message(&self) -> Message {
        let parts = self.parts.values().map(|part| {
            let text = part.text.clone();
            let content = match &part.kind {
                Kind::Text => Content::Text(Text {
                    text,
                    citations: Vec::new(),
                }),
                Kind::Reasoning(kind) => Content::Reasoning(Reasoning { kind: *kind, text }),
                Kind::Refusal => Content::Refusal(text),
                Kind::Call(call) => Content::ToolCall(ToolCall {
                    id: call.id.clone(),
                    name: call.name.clone(),
                    arguments: arguments(&text).into(),
                    by_provider: call.by_provider,
                }),
                Kind::Whole(content) => (**content).clone(),
                Kind::Audio => Content::Other("audio".into()),
            };
            Part {
                provider_data: part.data.clone(),
                ..Part::new(content)
            }
        });
        Message::new(Role::Assistant, parts.collect())
    }
}

/// Arguments without the spaces between them, where they are JSON.
fn plain(text: &str) -> String {
    let text = arguments(text);
    match serde_json::from_str::<Value>(text) {
        Ok(value) => value.to_string(),
        Err(_) => text.to_owned(),
    }
}

fn arguments(text: &str) -> &str {
    match text {
        "" => "{}",
        text => text,
    }
}

/// A reason in the contract's words.
pub(crate) fn finish(reason: &FinishReason) -> String {
    match reason {
        FinishReason::Stop => "stop".into(),
        FinishReason::StopSequence(_) => "stop-sequence".into(),
        FinishReason::Length => "length".into(),
        FinishReason::ContextFull => "context-full".into(),
        FinishReason::ToolCalls => "tool-calls".into(),
        FinishReason::ContentFilter => "content-filter".into(),
        FinishReason::Refusal => "refusal".into(),
        FinishReason::Paused => "paused".into(),
        FinishReason::Other(word) => format!("other({word})"),
    }
}

/// A text that fits a report.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 400;
    match text.len() <= MOST {
        true => text.to_owned(),
        false => format!(
            "{}… ({} bytes)",
            &text[..text.floor_char_boundary(MOST)],
            text.len()
        ),
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;

//! A whole answer, collected from events.

use std::collections::{BTreeMap, HashMap};

use types::{
    Error, ErrorCode,
    neutral::{
        Citation, Content, Delta, Event, FinishReason, Part, PartKind, Reasoning, Started, Text,
        TokenLogprob, ToolCall, Usage, Warning,
    },
};

use crate::media::part;

/// Everything that was said. It grows event by event, so that what is kept is what was said and not how.
#[derive(Debug, Default)]
pub struct Answer {
    pub(crate) started: Started,
    pub(crate) choices: BTreeMap<u32, Choice>,
    pub(crate) usage: Option<Usage>,
    pub(crate) warnings: Vec<Warning>,
}

/// One of the answers.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// In the order in which they began.
    pub(crate) parts: Vec<Said>,
    pub(crate) reason: Option<FinishReason>,
    /// Where the newest part of each index is in `parts`.
    places: HashMap<u32, usize>,
}

/// A part of an answer.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) part: Part,
    pub(crate) logprobs: Vec<TokenLogprob>,
    /// Base64 of a sound that came in pieces; `part` has its type.
    pub(crate) sound: String,
}

impl Answer {
    /// The answer, if it finished; one that did not is an error.
    pub(crate) fn finished(self) -> Result<Self, Error> {
        let finished = self.choices.values().all(|c| c.reason.is_some());
        match finished && !self.choices.is_empty() {
            true => Ok(self),
            false => Err(unfinished()),
        }
    }

    /// The parts of the first choice, why it ended, and what it used.
    ///
    /// # Errors
    /// It did not finish.
    pub fn spoken(self) -> Result<(Vec<Part>, FinishReason, Usage), Error> {
        let mut answer = self.finished()?;
        let usage = answer.usage.take().unwrap_or_default();
        let choice = answer.choices.remove(&0).unwrap_or_default();
        let reason = choice.reason();
        let parts = choice.parts.into_iter().map(|said| said.part);
        Ok((parts.collect(), reason, usage))
    }

    /// The next event.
    pub fn push(&mut self, event: Event) {
        match event {
            Event::Started(started) => self.started = started,
            Event::PartStarted(p) => self.choice(p.choice).begin(p.index, part(begin(p.kind))),
            Event::PartDelta(p) => {
                if let Some(said) = self.said(p.choice, p.index) {
                    said.grow(p.delta);
                }
            }
            Event::PartEnded(p) => {
                if let Some(said) = self.said(p.choice, p.index) {
                    said.part.provider_data = p.provider_data;
                }
            }
            Event::Part(p) => self.choice(p.choice).begin(p.index, p.part),
            Event::Warning(warning) => self.warnings.push(warning),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finished(f) => self.choice(f.choice).reason = Some(f.reason),
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        self.choices.entry(index).or_default()
    }

    fn said(&mut self, choice: u32, index: u32) -> Option<&mut Said> {
        let choice = self.choices.get_mut(&choice)?;
        choice.parts.get_mut(*choice.places.get(&index)?)
    }
}

impl FromIterator<Event> for Answer {
    fn from_iter<T: IntoIterator<Item = Event>>(events: T) -> Self {
        let mut answer = Self::default();
        events.into_iter().for_each(|event| answer.push(event));
        answer
    }
}

impl Choice {
    fn begin(&mut self, index: u32, part: Part) {
        self.places.insert(index, self.parts.len());
        self.parts.push(Said {
            part,
            logprobs: Vec::new(),
            sound: String::new(),
        });
    }

    /// Why it ended. An answer that asks the client for tools waits for them, whatever its vendor calls that.
    pub(crate) fn reason(&self) -> FinishReason {
        let asks = self
            .parts
            .iter()
            .any(|said| matches!(&said.part.content, Content::ToolCall(call) if !call.by_provider));
        reason(self.reason.clone().unwrap_or(FinishReason::Stop), asks)
    }
}

/// `Stop` after a client's tool call is `ToolCalls`.
pub(crate) fn reason(reason: FinishReason, asks_for_tools: bool) -> FinishReason {
    match reason {
        FinishReason::Stop if asks_for_tools => FinishReason::ToolCalls,
        reason => reason,
    }
}

/// The error of an answer that was cut off.
pub(crate) fn unfinished() -> Error {
    Error::new(
        ErrorCode::Upstream,
        "the answer ended without finishing: the vendor's stream was cut off; send the request again",
    )
}

/// A call's arguments: never empty.
pub(crate) fn arguments(text: &str) -> &str {
    if text.trim().is_empty() { "{}" } else { text }
}

impl Said {
    fn grow(&mut self, delta: Delta) {
        match delta {
            Delta::Text(more) => match &mut self.part.content {
                Content::Text(Text { text, .. })
                | Content::Reasoning(Reasoning { text, .. })
                | Content::Refusal(text) => text.push_str(&more),
                Content::ToolCall(call) => call.arguments.push_str(&more),
                Content::Audio(_) => self.sound.push_str(&more),
                _ => {}
            },
            Delta::Citation(citation) => {
                if let Content::Text(text) = &mut self.part.content {
                    text.citations.push(citation);
                }
            }
            Delta::Logprobs(more) => self.logprobs.extend(more),
        }
    }
}

/// What a part is when nothing of it is said yet.
pub(crate) fn begin(kind: PartKind) -> Content {
    match kind {
        PartKind::Text => Content::Text(Text {
            text: String::new(),
            citations: Vec::<Citation>::new(),
        }),
        PartKind::Reasoning(kind) => Content::Reasoning(Reasoning {
            kind,
            text: String::new(),
        }),
        PartKind::Refusal => Content::Refusal(String::new()),
        PartKind::ToolCall(call) => Content::ToolCall(ToolCall {
            id: call.id,
            name: call.name,
            arguments: String::new(),
            by_provider: call.by_provider,
        }),
        PartKind::Audio(media_type) => Content::Audio(crate::media::media(
            types::neutral::MediaSource::Bytes(Vec::new()),
            media_type,
        )),
    }
}

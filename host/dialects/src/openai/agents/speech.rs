//! What a model says: messages and reasoning, as items, and as events while they grow.

use serde_json::{Value, json};
use types::{
    neutral::{Content, Part},
    session::LiveKind,
};

use super::record::{Event, Stage};
use crate::media;

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Reasoning,
}

impl From<LiveKind> for Kind {
    fn from(kind: LiveKind) -> Self {
        match kind {
            LiveKind::Text | LiveKind::Refusal => Self::Message,
            LiveKind::Reasoning => Self::Reasoning,
        }
    }
}

impl Kind {
    fn part(self, text: &str) -> Value {
        match self {
            Self::Message => json!({ "type": "output_text", "text": text }),
            Self::Reasoning => json!({ "type": "summary_text", "text": text }),
        }
    }

    /// The field that counts an item's parts: there is one.
    fn index(self) -> &'static str {
        match self {
            Self::Message => "content_index",
            Self::Reasoning => "summary_index",
        }
    }

    /// How its parts begin, grow and end.
    fn names(self) -> [&'static str; 4] {
        match self {
            Self::Message => [
                "agent.session.turn.content_part.added",
                "agent.session.turn.output_text.delta",
                "agent.session.turn.output_text.done",
                "agent.session.turn.content_part.done",
            ],
            Self::Reasoning => [
                "agent.session.turn.reasoning_summary_part.added",
                "agent.session.turn.reasoning_summary_text.delta",
                "agent.session.turn.reasoning_summary_text.done",
                "agent.session.turn.reasoning_summary_part.done",
            ],
        }
    }
}

/// An item that a model says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speech<'a> {
    pub(super) kind: Kind,
    pub(super) turn: &'a str,
    pub(super) id: &'a str,
    pub(super) output_index: usize,
    /// Of a message: more follows, or it is the answer; null while nobody knows.
    pub(super) phase: Option<&'static str>,
}

impl Speech<'_> {
    /// The item.
    pub(super) fn item(&self, status: &str, text: Option<&str>) -> Value {
        // Vendors hide reasoning: then there is no summary.
        let text = text.filter(|text| self.kind == Kind::Message || !text.is_empty());
        let parts: Vec<Value> = text.map(|text| self.kind.part(text)).into_iter().collect();
        match self.kind {
            Kind::Message => json!({
                "id": self.id,
                "type": "message",
                "role": "assistant",
                "turn_id": self.turn,
                "phase": self.phase,
                "status": status,
                "content": parts,
            }),
            Kind::Reasoning => json!({
                "id": self.id,
                "type": "reasoning",
                "turn_id": self.turn,
                "status": status,
                "summary": parts,
            }),
        }
    }

    /// It begins, and so does its one part.
    pub(super) fn added(&self) -> [Event; 2] {
        let item = self.item("in_progress", None);
        let index = Some(self.output_index);
        [
            Event::added(self.turn, item, index).at(self.id, Stage::Begins),
            self.part(0, Stage::Begins, "part", self.kind.part("")),
        ]
    }

    /// It grows.
    pub(super) fn grown(&self, text: &str) -> Event {
        self.part(1, Stage::Grows, "delta", text.into())
    }

    /// It is over.
    pub(super) fn done(&self, status: &str, text: &str) -> [Event; 3] {
        let item = self.item(status, Some(text));
        [
            self.part(2, Stage::Ends, "text", text.into()),
            self.part(3, Stage::Ends, "part", self.kind.part(text)),
            Event::done(self.turn, item, self.output_index).at(self.id, Stage::Ends),
        ]
    }

    fn part(&self, name: usize, stage: Stage, key: &str, value: Value) -> Event {
        let mut fields = json!({
            "turn_id": self.turn,
            "item_id": self.id,
            "output_index": self.output_index,
        });
        fields[self.kind.index()] = 0.into();
        fields[key] = value;
        Event::new(self.kind.names()[name], fields).at(self.id, stage)
    }
}

/// A message of the person or program that asks.
pub(super) fn asked(id: &str, turn: &str, parts: &[Part]) -> Value {
    let content = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(json!({ "type": "input_text", "text": text.text })),
        Content::Image(image) => {
            let url = media::to_url(image)?;
            Some(json!({ "type": "input_image", "image_url": url }))
        }
        _ => None,
    });
    let content: Vec<Value> = content.collect();
    json!({
        "id": id,
        "type": "message",
        "role": "user",
        "turn_id": turn,
        "phase": null,
        "status": "completed",
        "content": content,
    })
}

//! Tells those who listen how an answer grows.

use types::neutral::{Delta, Event, PartKind};
use types::session::{Live, LiveKind};

use crate::Agents;
use crate::hub::News;

/// Tells those who listen how an answer grows.
pub(crate) struct Telling<'a> {
    pub(crate) agents: &'a Agents,
    pub(crate) session: &'a str,
    pub(crate) turn: &'a str,
    pub(crate) attempt: &'a str,
    pub(crate) kinds: Vec<(u32, Option<LiveKind>)>,
}

impl Telling<'_> {
    pub(crate) fn tell(&mut self, event: &Event) {
        let (index, text) = match event {
            Event::PartStarted(part) if part.choice == 0 => {
                let kind = match &part.kind {
                    PartKind::Text => Some(LiveKind::Text),
                    PartKind::Reasoning(_) => Some(LiveKind::Reasoning),
                    PartKind::Refusal => Some(LiveKind::Refusal),
                    PartKind::ToolCall(_) | PartKind::Audio(_) => None,
                };
                self.kinds.push((part.index, kind));
                (part.index, "")
            }
            Event::Part(part) if part.choice == 0 => {
                self.kinds.push((part.index, None));
                return;
            }
            Event::PartDelta(part) if part.choice == 0 => match &part.delta {
                Delta::Text(text) => (part.index, text.as_str()),
                Delta::Citation(_) | Delta::Logprobs(_) => return,
            },
            _ => return,
        };
        // A part's place in the answer is the order in which it began.
        let place = self.kinds.iter().rposition(|(known, _)| *known == index);
        let Some((place, Some(kind))) = place.map(|place| (place, self.kinds[place].1)) else {
            return;
        };
        let live = Live::Delta {
            turn: self.turn.into(),
            attempt: self.attempt.into(),
            index: u32::try_from(place).unwrap_or(u32::MAX),
            kind,
            text: text.into(),
        };
        self.agents.hub.tell(self.session, News::Live(live));
    }
}

//! A session's events as those of one answer.

use std::collections::HashMap;

use async_stream::stream;
use calls::hosted_pair;
use futures::StreamExt;
use futures::stream::BoxStream;
use types::neutral::{
    Content, Delta, Event, FinishReason, Finished, Part, PartDelta, PartEnded, PartKind,
    PartStarted, Reasoning, ReasoningKind, Started, ToolCall, Usage, Warning, WholePart,
};
use types::session::{
    Agent, Live, LiveKind, Logged, Required, Session, SessionEvent, Status, TurnOutcome,
};
use types::{Error, ErrorCode};

use crate::hub::News;

/// Tells them, one after the other.
pub(crate) struct Speaking {
    session: Session,
    /// So many events of the log are what the client sent: they are not told.
    sent: u64,
    /// Parts that are told live: by attempt and place, their place in the whole answer.
    open: HashMap<(String, u32), u32>,
    next: u32,
    /// Calls of hosted tools that have no result yet.
    calls: HashMap<String, ToolCall>,
    over: bool,
}

impl Speaking {
    pub(crate) fn new(session: String, agent: Agent, sent: u64) -> Self {
        Self {
            session: Session::new(session, agent),
            sent,
            open: HashMap::new(),
            next: 0,
            calls: HashMap::new(),
            over: false,
        }
    }

    pub(crate) fn tell(
        mut self,
        mut news: BoxStream<'static, Result<News, Error>>,
        ignored: Vec<Warning>,
    ) -> BoxStream<'static, Result<Vec<Event>, Error>> {
        stream! {
            let mut begun = vec![Event::Started(Started {
                id: Some(self.session.id.clone()),
                ..Started::default()
            })];
            begun.extend(ignored.into_iter().map(Event::Warning));
            yield Ok(begun);
            while let Some(news) = news.next().await {
                let events = match news {
                    Ok(News::Gone) => break,
                    Ok(News::Live(live)) => Ok(self.live(&live)),
                    Ok(News::Logged(logged)) => self.log(&logged),
                    Err(error) => Err(error),
                };
                match events {
                    Ok(events) if events.is_empty() => {}
                    Ok(events) => yield Ok(events),
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                }
                if self.over {
                    return;
                }
            }
        }
        .boxed()
    }

    fn place(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    fn live(&mut self, live: &Live) -> Vec<Event> {
        let Live::Delta {
            attempt,
            index,
            kind,
            text,
            ..
        } = live
        else {
            return Vec::new();
        };
        let key = (attempt.clone(), *index);
        let mut events = Vec::new();
        let place = match self.open.get(&key) {
            Some(place) => *place,
            // The beginning was not told: it comes whole.
            None if !text.is_empty() => return events,
            None => {
                events.extend(self.abandon(attempt));
                let place = self.place();
                self.open.insert(key, place);
                events.push(Event::PartStarted(PartStarted {
                    choice: 0,
                    index: place,
                    kind: match kind {
                        LiveKind::Text => PartKind::Text,
                        LiveKind::Reasoning => PartKind::Reasoning(ReasoningKind::Summary),
                        LiveKind::Refusal => PartKind::Refusal,
                    },
                }));
                place
            }
        };
        if !text.is_empty() {
            events.push(Event::PartDelta(PartDelta {
                choice: 0,
                index: place,
                delta: Delta::Text(text.clone()),
            }));
        }
        events
    }

    /// Ends parts of attempts that never came to their end.
    fn abandon(&mut self, attempt: &str) -> Vec<Event> {
        let gone: Vec<_> = self
            .open
            .keys()
            .filter(|(of, _)| of != attempt)
            .cloned()
            .collect();
        let gone = gone.into_iter().filter_map(|key| self.open.remove(&key));
        gone.map(ended).collect()
    }

    fn log(&mut self, logged: &Logged) -> Result<Vec<Event>, Error> {
        self.session.apply(logged);
        if logged.number < self.sent {
            return Ok(Vec::new());
        }
        let mut events = Vec::new();
        match &logged.event {
            SessionEvent::Answered { attempt, parts, .. } => {
                events.extend(self.abandon(attempt));
                for (index, part) in (0..).zip(parts) {
                    events.extend(self.part(attempt, index, part));
                }
            }
            SessionEvent::CallEnded { call, result, .. } => {
                if let Some(call) = self.calls.remove(call) {
                    for part in hosted_pair(&call, result) {
                        let index = self.place();
                        let choice = 0;
                        events.push(Event::Part(WholePart {
                            choice,
                            index,
                            part,
                        }));
                    }
                }
            }
            SessionEvent::TurnEnded { outcome, .. } => match outcome {
                TurnOutcome::Completed => events.extend(self.finish(FinishReason::Stop)),
                TurnOutcome::Cancelled => {
                    return Err(Error::new(ErrorCode::Cancelled, "the turn was cancelled"));
                }
                TurnOutcome::Failed { message, .. } => {
                    return Err(Error::new(ErrorCode::Upstream, message.clone()));
                }
            },
            SessionEvent::Closed { status, message } => {
                let code = match status {
                    Status::BudgetReached => ErrorCode::RateLimited,
                    _ => ErrorCode::Upstream,
                };
                return Err(Error::new(code, message.clone()));
            }
            _ => {}
        }
        if !self.over && self.waits() {
            let approvals = self.session.required.iter().filter_map(|it| match it {
                Required::Approval(approval) => Some(approval.tool.as_str()),
                Required::Result(_) => None,
            });
            let approvals: Vec<&str> = approvals.collect();
            if approvals.is_empty() {
                events.extend(self.finish(FinishReason::ToolCalls));
            } else {
                let note = format!(
                    "A person must approve {} before I go on: it waits as the session {}.",
                    approvals.join(", "),
                    self.session.id
                );
                let index = self.place();
                events.push(Event::Part(WholePart {
                    choice: 0,
                    index,
                    part: Part::text(note),
                }));
                events.extend(self.finish(FinishReason::Stop));
            }
        }
        Ok(events)
    }

    /// Nothing goes on until somebody answers.
    fn waits(&self) -> bool {
        !self.session.required.is_empty() && self.calls.len() == self.approvals()
    }

    fn approvals(&self) -> usize {
        let required = self.session.required.iter();
        required
            .filter(|it| matches!(it, Required::Approval(_)))
            .count()
    }

    fn part(&mut self, attempt: &str, index: u32, part: &Part) -> Vec<Event> {
        if let Some(place) = self.open.remove(&(attempt.to_owned(), index)) {
            return vec![Event::PartEnded(PartEnded {
                choice: 0,
                index: place,
                provider_data: part.provider_data.clone(),
            })];
        }
        match &part.content {
            Content::ToolCall(call)
                if !call.by_provider && !self.session.agent.is_function(&call.name) =>
            {
                self.calls.insert(call.id.clone(), call.clone());
                Vec::new()
            }
            Content::Reasoning(Reasoning { text, .. })
                if text.is_empty() && part.provider_data.is_none() =>
            {
                Vec::new()
            }
            _ => {
                let index = self.place();
                let (choice, part) = (0, part.clone());
                vec![Event::Part(WholePart {
                    choice,
                    index,
                    part,
                })]
            }
        }
    }

    fn finish(&mut self, reason: FinishReason) -> Vec<Event> {
        self.over = true;
        let tokens = self.session.tokens;
        let mut events = self.abandon("");
        events.push(Event::Usage(Usage {
            input_tokens: Some(tokens.input),
            cache_read_tokens: Some(tokens.cached),
            output_tokens: Some(tokens.output),
            reasoning_tokens: Some(tokens.reasoning),
            ..Usage::default()
        }));
        events.push(Event::Finished(Finished { choice: 0, reason }));
        events
    }
}

fn ended(index: u32) -> Event {
    Event::PartEnded(PartEnded {
        choice: 0,
        index,
        provider_data: None,
    })
}

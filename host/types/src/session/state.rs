//! What a log of events comes to.

use std::collections::BTreeMap;

use super::{
    Agent, Logged, PendingCall, Required, Session, SessionEvent, Status, Tokens, Turn, TurnOutcome,
};
use crate::neutral::Content;

impl Session {
    /// A session before its first event.
    pub fn new(id: impl Into<String>, agent: Agent) -> Self {
        Self {
            id: id.into(),
            agent,
            metadata: BTreeMap::new(),
            created: 0,
            updated: 0,
            status: Status::Idle,
            required: Vec::new(),
            tokens: Tokens::default(),
            usd: None,
            error: None,
            turns: Vec::new(),
        }
    }

    /// What a log comes to; `None` where it doesn't begin with [`SessionEvent::Created`].
    pub fn of<'a>(id: &str, log: impl IntoIterator<Item = &'a Logged>) -> Option<Self> {
        let mut log = log.into_iter().peekable();
        let SessionEvent::Created { agent, .. } = &log.peek()?.event else {
            return None;
        };
        let mut session = Self::new(id, (**agent).clone());
        log.for_each(|logged| session.apply(logged));
        Some(session)
    }

    /// Goes on by one event.
    pub fn apply(&mut self, logged: &Logged) {
        self.updated = logged.at;
        match &logged.event {
            SessionEvent::Created { agent, metadata } => {
                self.agent = (**agent).clone();
                self.metadata.clone_from(metadata);
                self.created = logged.at;
            }
            SessionEvent::Said { turn, .. } => {
                self.error = None;
                self.turns.push(Turn {
                    id: turn.clone(),
                    began: logged.at,
                    ended: None,
                    outcome: None,
                    tokens: Tokens::default(),
                });
            }
            SessionEvent::Answered {
                turn,
                parts,
                tokens,
                usd,
                ..
            } => {
                self.used(turn, *tokens, *usd);
                let calls = parts.iter().filter_map(|part| match &part.content {
                    Content::ToolCall(call) if self.agent.is_function(&call.name) => Some(call),
                    _ => None,
                });
                let calls = calls.map(|call| {
                    Required::Result(PendingCall {
                        turn: turn.clone(),
                        call: call.id.clone(),
                        name: call.name.clone(),
                        arguments: call.arguments.clone(),
                    })
                });
                self.required.extend(calls);
            }
            SessionEvent::Sampled {
                turn, tokens, usd, ..
            } => self.used(turn, *tokens, *usd),
            SessionEvent::ApprovalAsked(approval) => {
                self.required.push(Required::Approval(approval.clone()));
            }
            SessionEvent::ApprovalGiven { request, .. } => self.required.retain(|it| match it {
                Required::Approval(approval) => approval.request != *request,
                Required::Result(_) => true,
            }),
            SessionEvent::CallEnded { call, .. } => self.required.retain(|it| match it {
                Required::Approval(approval) => approval.call != *call,
                Required::Result(pending) => pending.call != *call,
            }),
            SessionEvent::TurnEnded { turn, outcome } => {
                self.required.clear();
                if let TurnOutcome::Failed { message, .. } = outcome {
                    self.error = Some(message.clone());
                }
                if let Some(turn) = self.turns.iter_mut().find(|it| it.id == *turn) {
                    turn.ended = Some(logged.at);
                    turn.outcome = Some(outcome.clone());
                }
            }
            SessionEvent::Closed { status, message } => {
                self.required.clear();
                self.status = *status;
                self.error = Some(message.clone());
                // A turn that runs ends with it.
                if let Some(turn) = self.turns.last_mut().filter(|turn| turn.ended.is_none()) {
                    turn.ended = Some(logged.at);
                    turn.outcome = Some(TurnOutcome::Failed {
                        code: status.code().into(),
                        message: message.clone(),
                    });
                }
            }
            SessionEvent::CallBegan { .. }
            | SessionEvent::CancelAsked { .. }
            | SessionEvent::Resumed { .. } => {}
        }
        if !self.is_over() {
            self.status = match self.turn() {
                None => Status::Idle,
                Some(_) if self.required.is_empty() => Status::InProgress,
                Some(_) => Status::RequiresAction,
            };
        }
    }

    fn used(&mut self, turn: &str, tokens: Tokens, usd: Option<f64>) {
        self.tokens.add(tokens);
        if let Some(turn) = self.turns.iter_mut().find(|it| it.id == turn) {
            turn.tokens.add(tokens);
        }
        if let Some(usd) = usd {
            self.usd = Some(self.usd.unwrap_or(0.0) + usd);
        }
    }

    /// The turn that runs.
    pub fn turn(&self) -> Option<&Turn> {
        self.turns.last().filter(|turn| turn.ended.is_none())
    }

    /// It takes no more input.
    pub fn is_over(&self) -> bool {
        matches!(self.status, Status::Failed | Status::BudgetReached)
    }
}

impl Status {
    /// It in a word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InProgress => "in_progress",
            Self::RequiresAction => "requires_action",
            Self::Failed => "failed",
            Self::BudgetReached => "budget_reached",
        }
    }
}

impl Agent {
    /// Is this a function that the client runs?
    pub fn is_function(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.name == name)
    }
}

impl Tokens {
    /// Adds those of another answer.
    pub fn add(&mut self, more: Self) {
        self.input += more.input;
        self.cached += more.cached;
        self.output += more.output;
        self.reasoning += more.reasoning;
    }
}

//! What clients want of sessions.

use calls::Caller;
use sha2::{Digest, Sha256};
use types::neutral::Part;
use types::session::{CallOutcome, Input, Logged, Required, Session, SessionEvent};
use types::{Error, ErrorCode};

use crate::log::{Added, By, LARGEST};
use crate::{Agents, Whole, id, log, next};

/// How often an input is tried again that others were faster than.
const TRIES: usize = 20;

/// Most bytes of messages of an input.
const SAID: usize = 4 << 20;

impl Agents {
    /// What a client wants of a session. All of it or nothing; it is in the store when this returns.
    ///
    /// # Errors
    /// `NotFound`; `Conflict`: the session is over, or doesn't wait for that.
    /// `key`: the client's for this input; a second one with the same key changes nothing.
    pub async fn input(
        &self,
        caller: &Caller,
        id: &str,
        inputs: Vec<Input>,
        key: Option<&str>,
    ) -> Result<Whole, Error> {
        let mut log = self.log(caller, id).await?;
        for _ in 0..TRIES {
            let mut draft = log.session.clone();
            let mut events = Vec::new();
            for input in inputs.clone() {
                if is_known(&log.events, &input, key) {
                    continue;
                }
                for event in accept(&draft, caller.name(), input, key)? {
                    draft.apply(&Logged {
                        number: 0,
                        at: log::now(),
                        event: event.clone(),
                    });
                    events.push(event);
                }
            }
            if events.is_empty() {
                return self.session(caller, id).await;
            }
            let says = events
                .iter()
                .any(|it| matches!(it, SessionEvent::Said { .. }));
            if says && log.size > LARGEST {
                let message = format!("the session has more than {LARGEST} bytes: begin a new one");
                return Err(Error::new(ErrorCode::TooLarge, message));
            }
            let added = log.append(&self.store, &self.hub, By::Client, events, true);
            match added.await? {
                Added::Done => {
                    self.work(id, true).await;
                    return self.session(caller, id).await;
                }
                Added::Changed | Added::Lost => {
                    // It may be gone.
                    log = self.log(caller, id).await?;
                }
            }
        }
        let message = format!("the session {id:?} changes all the time: try again");
        Err(Error::new(ErrorCode::Overloaded, message))
    }
}

/// Was it said before? The same answer to what was asked, or a message of the same key.
fn is_known(log: &[Logged], input: &Input, key: Option<&str>) -> bool {
    log.iter().any(|logged| match (&logged.event, input) {
        (SessionEvent::Said { messages, .. }, Input::Message(_)) => {
            let first = key.map(|key| message_id(key, 0));
            first.is_some_and(|first| messages.iter().any(|(id, _)| *id == first))
        }
        (
            SessionEvent::ApprovalGiven {
                request, decision, ..
            },
            Input::Approval {
                request: to,
                decision: again,
            },
        ) => request == to && decision == again,
        (
            SessionEvent::CallEnded {
                call,
                outcome: CallOutcome::ByClient,
                result,
                ..
            },
            Input::Result {
                call: of,
                result: again,
                ..
            },
        ) => call == of && result == again,
        _ => false,
    })
}

/// The id of a session that a client began with a key of its own.
pub(crate) fn session_id(owner: &str, key: &str) -> String {
    let digest = Sha256::digest(format!("{}/{owner}/{key}", owner.len()));
    format!("sess_{}", &format!("{digest:x}")[..32])
}

/// The id of a message that a client sent with a key of its own.
fn message_id(key: &str, index: usize) -> String {
    let digest = Sha256::digest(format!("{index}/{key}"));
    format!("msg_{}", &format!("{digest:x}")[..32])
}

/// The events that an input comes to.
fn accept(
    session: &Session,
    who: &str,
    input: Input,
    key: Option<&str>,
) -> Result<Vec<SessionEvent>, Error> {
    let conflict = |message: String| Err(Error::new(ErrorCode::Conflict, message));
    let named =
        |what: &str, message: String| Err(Error::new(ErrorCode::Conflict, message).at(what));
    if session.is_over() {
        let why = session.error.as_deref().unwrap_or_default();
        return conflict(format!("the session {:?} is over: {why}", session.id));
    }
    match input {
        Input::Message(messages) => match session.turn() {
            Some(turn) => conflict(format!(
                "the turn {:?} is not over: wait for its end, answer what it waits for, or cancel it",
                turn.id
            )),
            None => Ok(said(messages, key)?.into_iter().collect()),
        },
        Input::Approval { request, decision } => {
            let waits = next::wants(
                session,
                |it| matches!(it, Required::Approval(approval) if approval.request == request),
            );
            match waits {
                true => Ok(vec![SessionEvent::ApprovalGiven {
                    request,
                    decision,
                    who: who.into(),
                }]),
                false => named(
                    "request_id",
                    format!(
                        "the session {:?} does not wait for an answer to {request:?}",
                        session.id
                    ),
                ),
            }
        }
        Input::Result { turn, call, result } => {
            let pending = session.required.iter().find_map(|it| match it {
                Required::Result(pending) if pending.call == call => Some(pending),
                _ => None,
            });
            match pending {
                Some(pending) if turn.is_none_or(|turn| turn == pending.turn) => {
                    Ok(vec![SessionEvent::CallEnded {
                        turn: pending.turn.clone(),
                        call,
                        outcome: CallOutcome::ByClient,
                        result,
                    }])
                }
                _ => named(
                    "call_id",
                    format!(
                        "the session {:?} does not wait for the result of {call:?}",
                        session.id
                    ),
                ),
            }
        }
        Input::Cancel => match session.turn() {
            Some(_) => Ok(vec![SessionEvent::CancelAsked { who: who.into() }]),
            // What was to be cancelled is over already.
            None => Ok(Vec::new()),
        },
    }
}

/// A turn that begins with these messages; nothing where there are none.
pub(crate) fn said(
    messages: Vec<Vec<Part>>,
    key: Option<&str>,
) -> Result<Option<SessionEvent>, Error> {
    if messages.is_empty() {
        return Ok(None);
    }
    let size: usize = messages
        .iter()
        .flatten()
        .map(|part| part.content.size())
        .sum();
    if size > SAID {
        let message = format!("the messages have more than {SAID} bytes");
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    let messages = messages.into_iter().enumerate().map(|(index, parts)| {
        let id = key.map_or_else(|| id("msg_"), |key| message_id(key, index));
        (id, parts)
    });
    Ok(Some(SessionEvent::Said {
        turn: id("turn_"),
        messages: messages.collect(),
    }))
}

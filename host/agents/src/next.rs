//! What a session needs next, by its log: pure, so that whoever goes on with it after a crash comes to the same.

use std::collections::{HashMap, HashSet};

use types::neutral::{Content, Part, ToolCall};
use types::session::{
    Approval, CallOutcome, Decision, Logged, Required, Session, SessionEvent, Status, TurnOutcome,
};
use types::tool::CallResult;

/// So many answers in a row that ask for the same and get the same are no progress.
const SAME: usize = 3;

/// Most calls of an answer that are dealt with.
pub(crate) const MOST: usize = 100;

/// What the model is told of a call that was dropped.
pub(crate) const DROPPED: &str = "this call was dropped while it ran: whether it did its work is not known, and it is not repeated";

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    /// Nothing: no turn runs, or it waits for somebody.
    Rest,
    /// Ask the model.
    Ask,
    /// Deal with these calls of the model.
    Calls(Vec<Todo>),
    /// End the turn.
    End(TurnOutcome),
    /// End the session.
    Close(Status, String),
}

/// A call to deal with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Todo {
    /// Run it, or ask a person first. The yes that there is, if there is one.
    Run(ToolCall, Option<Approval>),
    /// A person said no.
    Deny(ToolCall, Decision),
}

/// What is known of a turn's calls.
#[derive(Default)]
struct Known<'a> {
    answers: Vec<&'a [Part]>,
    ended: HashMap<&'a str, &'a CallResult>,
    asked: HashMap<&'a str, &'a Approval>,
    given: HashMap<&'a str, Decision>,
    cancelled: bool,
}

fn known<'a>(log: &'a [Logged], turn: &str) -> Known<'a> {
    let mut known = Known::default();
    let begin = log
        .iter()
        .rposition(|it| matches!(&it.event, SessionEvent::Said { turn: of, .. } if of == turn));
    for logged in &log[begin.unwrap_or(0)..] {
        match &logged.event {
            SessionEvent::Answered { parts, .. } => known.answers.push(parts),
            SessionEvent::CallEnded { call, result, .. } => {
                known.ended.insert(call, result);
            }
            // The last counts: a yes for a component that was swapped is asked for again.
            SessionEvent::ApprovalAsked(approval) => {
                known.asked.insert(&approval.call, approval);
            }
            SessionEvent::ApprovalGiven {
                request, decision, ..
            } => {
                known.given.insert(request, *decision);
            }
            SessionEvent::CancelAsked { .. } => known.cancelled = true,
            _ => {}
        }
    }
    known
}

/// Calls of an answer that the vendor didn't run itself.
fn calls(parts: &[Part]) -> impl Iterator<Item = &ToolCall> {
    parts.iter().filter_map(|part| match &part.content {
        Content::ToolCall(call) if !call.by_provider => Some(call),
        _ => None,
    })
}

/// What a session needs next.
pub(crate) fn next(session: &Session, log: &[Logged]) -> Next {
    let Some(turn) = session.turn().filter(|_| !session.is_over()) else {
        return Next::Rest;
    };
    let known = known(log, &turn.id);
    if known.cancelled {
        return Next::End(TurnOutcome::Cancelled);
    }
    let Some(answer) = known.answers.last() else {
        return ask(session, &known);
    };
    let mut any = false;
    let mut todo = Vec::new();
    let mut waits = false;
    for call in calls(answer) {
        any = true;
        if known.ended.contains_key(call.id.as_str()) {
            continue;
        }
        if session.agent.is_function(&call.name) {
            waits = true;
            continue;
        }
        let asked = known.asked.get(call.id.as_str());
        let given = asked.and_then(|asked| known.given.get(asked.request.as_str()));
        match (asked, given) {
            (Some(_), None) => waits = true,
            (Some(asked), Some(Decision::Approve)) => {
                todo.push(Todo::Run(call.clone(), Some((*asked).clone())));
            }
            (Some(_), Some(no)) => todo.push(Todo::Deny(call.clone(), *no)),
            (None, _) => todo.push(Todo::Run(call.clone(), None)),
        }
    }
    if !todo.is_empty() {
        Next::Calls(todo)
    } else if waits {
        Next::Rest
    } else if any {
        ask(session, &known)
    } else {
        Next::End(TurnOutcome::Completed)
    }
}

/// Asks the model, unless a limit is reached.
fn ask(session: &Session, known: &Known<'_>) -> Next {
    let limits = &session.agent.limits;
    if let Some(most) = limits.tokens {
        let used = session.tokens.input + session.tokens.output;
        if used >= most {
            let message = format!("the session used {used} tokens: its limit is {most}");
            return Next::Close(Status::BudgetReached, message);
        }
    }
    if let (Some(most), Some(used)) = (limits.usd, session.usd)
        && used >= most
    {
        let message = format!("the session cost {used:.4} US dollars: its limit is {most}");
        return Next::Close(Status::BudgetReached, message);
    }
    let failed = |code: &str, message: String| {
        Next::End(TurnOutcome::Failed {
            code: code.into(),
            message,
        })
    };
    if known.answers.len() >= limits.steps as usize {
        let steps = limits.steps;
        return failed(
            "steps",
            format!("the turn took {steps} steps: that is its limit"),
        );
    }
    let asked_and_got: Vec<_> = known
        .answers
        .iter()
        .rev()
        .take(SAME)
        .map(|parts| {
            let all = calls(parts).map(|call| {
                (
                    call.name.as_str(),
                    call.arguments.as_str(),
                    known.ended.get(call.id.as_str()),
                )
            });
            all.collect::<Vec<_>>()
        })
        .collect();
    let same = asked_and_got.len() == SAME
        && !asked_and_got[0].is_empty()
        && asked_and_got.windows(2).all(|two| two[0] == two[1]);
    if same {
        let message =
            format!("the model asked {SAME} times in a row for the same calls and got the same");
        return failed("no_progress", message);
    }
    Next::Ask
}

/// Calls that began and didn't end, by their ids, and whether each may run again.
pub(crate) fn unknown(log: &[Logged]) -> Vec<(String, bool)> {
    let mut begun: Vec<(String, bool)> = Vec::new();
    for logged in log {
        match &logged.event {
            SessionEvent::CallBegan {
                call, idempotent, ..
            } => {
                begun.retain(|(id, _)| id != call);
                begun.push((call.clone(), *idempotent));
            }
            SessionEvent::CallEnded { call, .. } => begun.retain(|(id, _)| id != call),
            SessionEvent::TurnEnded { .. } => begun.clear(),
            _ => {}
        }
    }
    begun
}

/// Results for all calls of a turn that have none, for a turn that ends: a model that is asked again wants to see one for each.
pub(crate) fn leftovers(session: &Session, log: &[Logged]) -> Vec<SessionEvent> {
    let Some(turn) = session.turn() else {
        return Vec::new();
    };
    let begun = unknown(log);
    let known = known(log, &turn.id);
    let open: HashSet<&str> = known
        .answers
        .iter()
        .flat_map(|parts| calls(parts))
        .map(|call| call.id.as_str())
        .filter(|id| !known.ended.contains_key(id))
        .collect();
    let mut ended: Vec<SessionEvent> = open
        .into_iter()
        .map(|call| SessionEvent::CallEnded {
            turn: turn.id.clone(),
            call: call.into(),
            outcome: CallOutcome::Cancelled,
            result: CallResult::failed(match begun.iter().any(|(id, _)| id == call) {
                true => DROPPED,
                false => "the turn ended before this call began",
            }),
        })
        .collect();
    ended.sort_by_key(|event| match event {
        SessionEvent::CallEnded { call, .. } => call.clone(),
        _ => String::new(),
    });
    ended
}

/// Milliseconds of a turn in which the agent worked, up to now: waiting for others doesn't count, nor time in
/// which no host went on with it.
pub(crate) fn worked(session: &Session, log: &[Logged], now: i64) -> i64 {
    let Some(turn) = session.turn() else { return 0 };
    let mut state = Session::new(&session.id, session.agent.clone());
    let (mut sum, mut since): (i64, Option<i64>) = (0, None);
    for logged in log {
        let gone = matches!(logged.event, SessionEvent::Resumed { .. });
        if let Some(since) = since.take().filter(|_| !gone) {
            sum += (logged.at - since).max(0);
        }
        state.apply(logged);
        let mine = state.turn().is_some_and(|it| it.id == turn.id);
        if mine && state.status == Status::InProgress {
            since = Some(logged.at);
        }
    }
    sum + since.map_or(0, |since| (now - since).max(0))
}

/// Is this still to be answered, and by whom?
pub(crate) fn wants(session: &Session, required: impl Fn(&Required) -> bool) -> bool {
    session.required.iter().any(required)
}

#[cfg(test)]
#[path = "next_tests.rs"]
mod tests;

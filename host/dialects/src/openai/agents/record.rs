//! A session's log as the events of this dialect: what each entry comes to, whoever listens.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use types::{
    neutral::{Content, Part, ToolCall},
    session::{CallOutcome, Logged, Session, SessionEvent, Status, TurnOutcome, item_id},
};

use super::{
    call::Call,
    show,
    speech::{Kind, Speech, asked},
};

/// What an event does to an item that a model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It, or a part of it, is there now.
    Begins,
    /// There is more of it.
    Grows,
    /// It, or a part of it, is complete.
    Ends,
}

/// An event, but for its id and the session's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) fields: Value,
    /// The item that a model says, and what the event does to it.
    pub(super) speech: Option<(String, Stage)>,
}

const ITEM_ADDED: &str = "agent.session.turn.item.added";
const ITEM_DONE: &str = "agent.session.turn.item.done";

impl Event {
    pub(super) fn new(name: &'static str, fields: Value) -> Self {
        Self {
            name,
            fields,
            speech: None,
        }
    }

    /// The same, of an item that a model says.
    pub(super) fn at(mut self, item: &str, stage: Stage) -> Self {
        self.speech = Some((item.to_owned(), stage));
        self
    }

    /// What the session does now.
    pub(super) fn session(name: &'static str, session: &Session) -> Self {
        Self::new(name, json!({ "session": show::session(session) }))
    }

    /// There is an item; `output_index` where it is the agent's.
    pub(super) fn added(turn: &str, item: Value, output_index: Option<usize>) -> Self {
        Self::new(
            ITEM_ADDED,
            json!({ "turn_id": turn, "output_index": output_index, "item": item }),
        )
    }

    /// An item is complete.
    pub(super) fn done(turn: &str, item: Value, output_index: usize) -> Self {
        Self::new(
            ITEM_DONE,
            json!({ "turn_id": turn, "output_index": output_index, "item": item }),
        )
    }

    fn error(code: &str, message: &str) -> Self {
        let error =
            json!({ "type": "server_error", "code": code, "message": message, "param": null });
        Self::new("error", json!({ "error": error }))
    }
}

/// Reads a log in order.
#[derive(Debug)]
pub(super) struct Record {
    id: String,
    session: Option<Session>,
    /// Parts that the model said in the turn that runs.
    outputs: usize,
    /// Calls without a result, by turn and id.
    calls: BTreeMap<(String, String), Call>,
    /// Whose calls wait for a yes: by the request, their turn and id.
    asked: BTreeMap<String, (String, String)>,
}

impl Record {
    pub(super) fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            session: None,
            outputs: 0,
            calls: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The session, once it has begun.
    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The place in the turn of a part of the answer that the model is about to give. Parts that clients aren't shown count.
    pub(super) fn output_index(&self, part: usize) -> usize {
        self.outputs + part
    }

    /// The item of a call that has no result yet.
    pub(super) fn item_of(&self, turn: &str, call: &str) -> Option<&str> {
        let call = self.calls.get(&(turn.to_owned(), call.to_owned()))?;
        Some(&call.id)
    }

    /// What the next entry comes to. A log begins with [`SessionEvent::Created`]; what is before it comes to nothing.
    pub(super) fn push(&mut self, logged: &Logged) -> Vec<Event> {
        let mut session = match (self.session.take(), &logged.event) {
            (Some(session), _) => session,
            (None, SessionEvent::Created { agent, .. }) => {
                Session::new(self.id.clone(), (**agent).clone())
            }
            (None, _) => return Vec::new(),
        };
        let (status, waits) = (session.status, session.required.len());
        let running = session.turn().map(|turn| turn.id.clone());
        session.apply(logged);
        let mut out = Vec::new();
        self.tell(logged, &session, running.as_deref(), &mut out);
        match session.status {
            Status::RequiresAction
                if status != session.status || session.required.len() > waits =>
            {
                out.push(Event::session("agent.session.requires_action", &session));
            }
            Status::InProgress if status == Status::RequiresAction => {
                out.push(Event::session("agent.session.in_progress", &session));
            }
            Status::Idle if status != Status::Idle => {
                out.push(Event::session("agent.session.idle", &session));
            }
            _ => {}
        }
        self.session = Some(session);
        out
    }

    /// `running`: the turn that ran before.
    fn tell(
        &mut self,
        logged: &Logged,
        session: &Session,
        running: Option<&str>,
        out: &mut Vec<Event>,
    ) {
        match &logged.event {
            SessionEvent::Created { .. } => {
                out.push(Event::session("agent.session.created", session));
            }
            SessionEvent::Said { turn, messages } => self.said(turn, messages, session, out),
            SessionEvent::Answered {
                turn,
                attempt,
                parts,
                ..
            } => {
                let answer = Answer {
                    turn,
                    attempt,
                    parts,
                    session,
                };
                for index in 0..parts.len() {
                    self.part(answer, index, out);
                }
                self.outputs += parts.len();
            }
            SessionEvent::ApprovalAsked(approval) => {
                self.name(&approval.turn, &approval.call, &approval.tool);
                let place = (approval.turn.clone(), approval.call.clone());
                self.asked.insert(approval.request.clone(), place);
            }
            SessionEvent::ApprovalGiven {
                request,
                decision,
                who,
            } => {
                let place = self.asked.remove(request);
                if let Some(call) = place.and_then(|place| self.calls.get_mut(&place)) {
                    call.decided(*decision, who, logged.at);
                }
            }
            SessionEvent::CallBegan {
                turn, call, tool, ..
            } => self.name(turn, call, tool),
            SessionEvent::CallEnded {
                turn,
                call,
                outcome,
                result,
            } => {
                if let Some(call) = self.calls.remove(&(turn.clone(), call.clone())) {
                    if !call.is_unknown || *outcome != CallOutcome::Unknown {
                        let item = call.ended(*outcome, result);
                        out.push(Event::done(turn, item, call.output_index));
                    }
                    let result = call.result(*outcome, result);
                    out.extend(result.map(|item| Event::added(turn, item, None)));
                }
            }
            SessionEvent::Resumed { unknown } => {
                for call in self.calls.values_mut() {
                    if unknown.iter().any(|id| call.may_be_unknown(id)) {
                        call.is_unknown = true;
                        out.push(Event::done(&call.turn, call.unknown(), call.output_index));
                    }
                }
                if session.status == Status::InProgress {
                    out.push(Event::session("agent.session.in_progress", session));
                }
            }
            SessionEvent::TurnEnded { turn, outcome } => {
                self.drop_calls(out);
                if let TurnOutcome::Failed { code, message } = outcome {
                    out.push(Event::error(code, message));
                }
                turn_ended(session, turn, out);
            }
            SessionEvent::Closed { status, message } => {
                self.drop_calls(out);
                if let Some(turn) = running {
                    turn_ended(session, turn, out);
                }
                if *status == Status::BudgetReached {
                    out.push(Event::session("agent.session.budget_reached", session));
                } else {
                    out.push(Event::error("session_failed", message));
                    out.push(Event::session("agent.session.failed", session));
                }
            }
            SessionEvent::CancelAsked { .. } | SessionEvent::Sampled { .. } => {}
        }
    }

    fn said(
        &mut self,
        id: &str,
        messages: &[(String, Vec<Part>)],
        session: &Session,
        out: &mut Vec<Event>,
    ) {
        self.outputs = 0;
        out.push(Event::session("agent.session.in_progress", session));
        for turn in session.turns.iter().filter(|turn| turn.id == id) {
            let created = json!({ "turn_id": id, "turn": show::queued(session, turn) });
            out.push(Event::new("agent.session.turn.created", created));
            let runs = json!({ "turn_id": id, "turn": show::turn(session, turn) });
            out.push(Event::new("agent.session.turn.in_progress", runs));
        }
        let items = messages.iter().map(|(item, parts)| asked(item, id, parts));
        out.extend(items.map(|item| Event::added(id, item, None)));
    }

    fn part(&mut self, answer: Answer<'_>, index: usize, out: &mut Vec<Event>) {
        let Answer { turn, parts, .. } = answer;
        let (kind, text) = match &parts[index].content {
            Content::Text(text) => (Kind::Message, &text.text),
            Content::Refusal(text) => (Kind::Message, text),
            Content::Reasoning(reasoning) => (Kind::Reasoning, &reasoning.text),
            Content::ToolCall(call) => return self.call(answer, index, call, out),
            // The dialect has no word for them in what an agent says.
            _ => return,
        };
        let calls =
            |part: &Part| matches!(&part.content, Content::ToolCall(call) if !call.by_provider);
        let phase = match parts[index..].iter().any(calls) {
            true => "commentary",
            false => "final_answer",
        };
        let id = item_id(answer.attempt, index);
        let speech = Speech {
            kind,
            turn,
            id: &id,
            output_index: self.output_index(index),
            phase: Some(phase),
        };
        out.extend(speech.added());
        if !text.is_empty() {
            out.push(speech.grown(text));
        }
        out.extend(speech.done("completed", text));
    }

    fn call(&mut self, answer: Answer<'_>, index: usize, call: &ToolCall, out: &mut Vec<Event>) {
        let Answer { turn, parts, .. } = answer;
        let (id, place) = (item_id(answer.attempt, index), self.output_index(index));
        let is_function = !call.by_provider && answer.session.agent.is_function(&call.name);
        let open = Call::new(id, turn, place, call, is_function);
        out.push(Event::added(turn, open.open(), Some(place)));
        if call.by_provider {
            let result = parts.iter().find_map(|part| match &part.content {
                Content::ToolResult(result) if result.call_id == call.id => Some(result),
                _ => None,
            });
            out.push(Event::done(turn, open.by_provider(result), place));
        } else {
            self.calls.insert((turn.to_owned(), call.id.clone()), open);
        }
    }

    /// Calls that have no result get none.
    fn drop_calls(&mut self, out: &mut Vec<Event>) {
        for call in std::mem::take(&mut self.calls).into_values() {
            if !call.is_unknown {
                out.push(Event::done(&call.turn, call.dropped(), call.output_index));
            }
        }
    }

    /// The tool of a call is known: the model may have another name for it.
    fn name(&mut self, turn: &str, call: &str, tool: &str) {
        if let Some(call) = self.calls.get_mut(&(turn.to_owned(), call.to_owned())) {
            tool.clone_into(&mut call.name);
        }
    }
}

/// An answer of the model, and where it is.
#[derive(Clone, Copy)]
struct Answer<'a> {
    turn: &'a str,
    attempt: &'a str,
    parts: &'a [Part],
    session: &'a Session,
}

/// A turn is over, and how.
fn turn_ended(session: &Session, id: &str, out: &mut Vec<Event>) {
    let Some(turn) = session.turns.iter().find(|turn| turn.id == id) else {
        return;
    };
    let name = match turn.outcome {
        Some(TurnOutcome::Completed) => "agent.session.turn.completed",
        Some(TurnOutcome::Cancelled) => "agent.session.turn.cancelled",
        Some(TurnOutcome::Failed { .. }) | None => "agent.session.turn.failed",
    };
    let usage = show::usage(turn.tokens);
    let fields = json!({ "turn_id": id, "turn": show::turn(session, turn), "usage": usage });
    out.push(Event::new(name, fields));
}

/// The items of a log, oldest first; of one turn, if it is named.
pub fn items<'a>(
    session: &str,
    log: impl IntoIterator<Item = &'a Logged>,
    turn: Option<&str>,
) -> Vec<Value> {
    let mut record = Record::new(session);
    let mut items: Vec<Value> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for mut event in log.into_iter().flat_map(|logged| record.push(logged)) {
        if ![ITEM_ADDED, ITEM_DONE].contains(&event.name) {
            continue;
        }
        let item = event.fields["item"].take();
        if turn.is_some_and(|turn| item["turn_id"] != *turn) {
            continue;
        }
        let id = item["id"].as_str().unwrap_or_default().to_owned();
        match places.get(&id) {
            Some(&place) => items[place] = item,
            None => {
                places.insert(id, items.len());
                items.push(item);
            }
        }
    }
    items
}

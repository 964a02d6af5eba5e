//! Logs of sessions, and what streams of events say.

use std::collections::BTreeMap;

use dialects::agents::{Changes, EventStream};
use serde_json::{Value, json};
use types::{
    neutral::{Content, Part, Reasoning, ReasoningKind, Text, ToolCall},
    session::{
        Agent, Approval, CallOutcome, Live, LiveKind, Logged, SessionEvent, Tokens, TurnOutcome,
    },
    tool::{CallResult, ToolContent},
};

pub(crate) const SESSION: &str = "sess_1";

/// When all of it was made.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// An agent with a tool of each kind.
pub(crate) fn agent() -> Agent {
    let body = json!({
        "model": "a/m",
        "name": "Claims",
        "instructions": "Be fair.",
        "reasoning": { "effort": "low" },
        "metadata": { "team": "a" },
        "tools": [
            { "type": "evenhand", "tools": ["claims/*", "calc/add", "calc/get_*"], "approve": ["claims/pay"] },
            { "type": "function", "name": "lookup", "description": "Looks up.", "parameters": { "type": "object" } },
        ],
        "evenhand": { "limits": { "steps": 5, "tokens": 5000, "usd": 1.5 } },
    });
    let changes = Changes::parse(body.to_string().as_bytes()).expect("a request");
    changes.create("agent_1", NOW).expect("an agent")
}

/// A log, each entry a second and a half after the one before.
pub(crate) fn log(events: impl IntoIterator<Item = SessionEvent>) -> Vec<Logged> {
    let created = SessionEvent::Created {
        agent: Box::new(agent()),
        metadata: BTreeMap::from([("ticket".to_owned(), "7".to_owned())]),
    };
    let events = [created].into_iter().chain(events);
    let numbered = events.enumerate().map(|(number, event)| Logged {
        number: number as u64,
        at: NOW + 1500 * number as i64,
        event,
    });
    numbered.collect()
}

pub(crate) fn part(content: Content) -> Part {
    Part {
        content,
        cache: None,
        provider_data: None,
    }
}

pub(crate) fn text(text: &str) -> Part {
    part(Content::Text(Text {
        text: text.to_owned(),
        citations: Vec::new(),
    }))
}

pub(crate) fn thought(text: &str) -> Part {
    part(Content::Reasoning(Reasoning {
        kind: ReasoningKind::Summary,
        text: text.to_owned(),
    }))
}

pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Part {
    part(Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        by_provider: false,
    }))
}

pub(crate) fn said(turn: &str, words: &str) -> SessionEvent {
    SessionEvent::Said {
        turn: turn.to_owned(),
        messages: vec![(format!("msg_{turn}"), vec![text(words)])],
    }
}

pub(crate) fn answered(turn: &str, attempt: &str, parts: Vec<Part>) -> SessionEvent {
    SessionEvent::Answered {
        turn: turn.to_owned(),
        attempt: attempt.to_owned(),
        parts,
        tokens: Tokens {
            input: 10,
            cached: 4,
            output: 5,
            reasoning: 2,
        },
        usd: Some(0.125),
    }
}

pub(crate) fn asked(turn: &str, call: &str, tool: &str, arguments: &str) -> SessionEvent {
    SessionEvent::ApprovalAsked(Approval {
        request: format!("appr_{call}"),
        turn: turn.to_owned(),
        call: call.to_owned(),
        tool: tool.to_owned(),
        arguments: arguments.to_owned(),
        arguments_hash: "00".to_owned(),
        digest: "11".to_owned(),
    })
}

pub(crate) fn began(turn: &str, call: &str, tool: &str) -> SessionEvent {
    SessionEvent::CallBegan {
        turn: turn.to_owned(),
        call: call.to_owned(),
        tool: tool.to_owned(),
        digest: "11".to_owned(),
        idempotent: false,
    }
}

pub(crate) fn gave(text: &str) -> CallResult {
    CallResult {
        content: vec![ToolContent::Text(text.to_owned())],
        structured: None,
        is_error: false,
    }
}

pub(crate) fn ended(
    turn: &str,
    call: &str,
    outcome: CallOutcome,
    result: CallResult,
) -> SessionEvent {
    SessionEvent::CallEnded {
        turn: turn.to_owned(),
        call: call.to_owned(),
        outcome,
        result,
    }
}

pub(crate) fn over(turn: &str, outcome: TurnOutcome) -> SessionEvent {
    SessionEvent::TurnEnded {
        turn: turn.to_owned(),
        outcome,
    }
}

pub(crate) fn delta(turn: &str, attempt: &str, index: u32, kind: LiveKind, text: &str) -> Live {
    Live::Delta {
        turn: turn.to_owned(),
        attempt: attempt.to_owned(),
        index,
        kind,
        text: text.to_owned(),
    }
}

/// An event as a client gets it: its SSE `id`, where it has one, and its data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

impl Told {
    pub(crate) fn kind(&self) -> &str {
        self.data["type"].as_str().expect("a type")
    }

    pub(crate) fn event_id(&self) -> &str {
        self.data["event_id"].as_str().expect("an id")
    }
}

/// Reads a stream, as strictly as it is written.
pub(crate) fn read(stream: &str) -> Vec<Told> {
    let frames = stream.split_terminator("\n\n").map(|frame| {
        let mut id = None;
        let mut name = None;
        let mut data = None;
        for line in frame.lines() {
            let (key, value) = line.split_once(": ").expect("a field");
            match key {
                "id" => id = Some(value.to_owned()),
                "event" => name = Some(value.to_owned()),
                "data" => data = Some(serde_json::from_str::<Value>(value).expect("JSON")),
                other => panic!("{other}"),
            }
        }
        let data = data.expect("data");
        assert_eq!(name.as_deref(), data["type"].as_str());
        if let Some(id) = &id {
            assert_eq!(data["event_id"], **id);
        }
        Told { id, data }
    });
    frames.collect()
}

/// All that a log comes to.
pub(crate) fn whole(log: &[Logged]) -> String {
    let mut stream = EventStream::new(SESSION);
    log.iter().map(|logged| stream.push(logged)).collect()
}

//! Sessions as they are written, in `tests/golden/agents`: `tests/test_agent_shapes.py` has the official SDK read them.

use dialects::agents::{self, EventStream, Listing, items};
use dialects::{Dialect, agents::DIALECT};
use serde_json::{Value, json};
use types::{
    neutral::{Content, Media, MediaSource, ResultContent, ToolCall, ToolResult},
    session::{
        CallOutcome, Decision, Live, LiveKind, Logged, Session, SessionEvent, Status, TurnOutcome,
    },
    tool::{CallResult, ResourceContents, ResourceData, ResourceInfo, ToolContent},
};

use crate::{agents_log::*, golden};

fn golden_json(name: &str, json: &Value) {
    golden::golden_json("agents", name, json);
}

/// The stream, and what the session is after it.
fn record(name: &str, log: &[Logged]) {
    golden::golden("agents", &format!("{name}.sse"), &whole(log));
    state(name, log);
}

fn state(name: &str, log: &[Logged]) {
    let session = Session::of(SESSION, log).expect("a session");
    let turns = session
        .turns
        .iter()
        .map(|turn| agents::turn(&session, turn));
    let listing = Listing::read([("order", "asc")], false).expect("a listing");
    let state = json!({
        "session": agents::session(&session),
        "turns": listing.page(turns.collect()).expect("a page"),
        "items": listing.page(items(SESSION, log, None)).expect("a page"),
    });
    golden_json(&format!("{name}.json"), &state);
}

#[test]
fn an_answer() {
    let parts = vec![thought("They greet."), text("Hello, \"you\".\nFine?")];
    record(
        "answer",
        &log([
            said("turn_1", "hi"),
            answered("turn_1", "a1", parts),
            over("turn_1", TurnOutcome::Completed),
        ]),
    );
}

#[test]
fn an_approval() {
    let calls = vec![
        text("Let me see."),
        call("c1", "calc/add", r#"{"a":1,"b":2}"#),
        call("c2", "claims/pay", r#"{"eur":3}"#),
        call("c3", "claims/void", "{"),
    ];
    let structured = CallResult {
        structured: Some(r#"{"sum":3}"#.to_owned()),
        ..gave("3")
    };
    let refused = CallResult::failed("the arguments are no JSON object");
    record(
        "approval",
        &log([
            said("turn_1", "pay them"),
            answered("turn_1", "a1", calls),
            ended("turn_1", "c3", CallOutcome::Refused, refused),
            asked("turn_1", "c2", "claims/pay", r#"{"eur":3}"#),
            began("turn_1", "c1", "calc/add"),
            ended("turn_1", "c1", CallOutcome::Ran, structured),
            SessionEvent::ApprovalGiven {
                request: "appr_c2".to_owned(),
                decision: Decision::Approve,
                who: "team-a".to_owned(),
            },
            began("turn_1", "c2", "claims/pay"),
            ended("turn_1", "c2", CallOutcome::Ran, gave("paid")),
            answered("turn_1", "a2", vec![text("Paid.")]),
            over("turn_1", TurnOutcome::Completed),
        ]),
    );
}

#[test]
fn waiting() {
    let calls = vec![
        call("c1", "claims/pay", r#"{"eur":3}"#),
        call("c2", "lookup", "{}"),
    ];
    record(
        "waiting",
        &log([
            said("turn_1", "pay them"),
            answered("turn_1", "a1", calls),
            asked("turn_1", "c1", "claims/pay", r#"{"eur":3}"#),
        ]),
    );
}

#[test]
fn functions() {
    let calls = vec![
        call("c1", "lookup", r#"{"id":7}"#),
        call("c2", "lookup", "{}"),
    ];
    let failed = CallResult::failed("Tool handler failed.");
    record(
        "functions",
        &log([
            said("turn_1", "look"),
            answered("turn_1", "a1", calls),
            ended("turn_1", "c1", CallOutcome::ByClient, gave("seven")),
            ended("turn_1", "c2", CallOutcome::ByClient, failed),
            answered("turn_1", "a2", vec![text("Seven.")]),
            over("turn_1", TurnOutcome::Completed),
        ]),
    );
}

#[test]
fn after_a_crash() {
    let calls = vec![
        call("c1", "claims/pay", "{}"),
        call("c2", "claims/get", "{}"),
    ];
    record(
        "resumed",
        &log([
            said("turn_1", "pay them"),
            answered("turn_1", "a1", calls),
            began("turn_1", "c1", "claims/pay"),
            SessionEvent::Resumed {
                unknown: vec!["c1".to_owned()],
            },
            ended(
                "turn_1",
                "c1",
                CallOutcome::Unknown,
                CallResult::failed("unknown"),
            ),
            ended(
                "turn_1",
                "c2",
                CallOutcome::Failed,
                CallResult::failed("a trap"),
            ),
            answered("turn_1", "a2", vec![text("I don't know.")]),
            over("turn_1", TurnOutcome::Completed),
        ]),
    );
}

#[test]
fn endings() {
    let failed = |code: &str| TurnOutcome::Failed {
        code: code.to_owned(),
        message: "20 steps were not enough".to_owned(),
    };
    let closed = |status: Status| SessionEvent::Closed {
        status,
        message: "the plugin is gone".to_owned(),
    };
    record(
        "failed",
        &log([
            said("turn_1", "x"),
            over("turn_1", failed("steps")),
            said("turn_2", "y"),
            closed(Status::Failed),
        ]),
    );
    let answer = answered(
        "turn_1",
        "a1",
        vec![call("c1", "claims/pay", "{}"), call("c2", "lookup", "{}")],
    );
    record(
        "budget",
        &log([
            said("turn_1", "x"),
            answer.clone(),
            over("turn_1", failed("usd")),
            closed(Status::BudgetReached),
        ]),
    );
    record(
        "cancelled",
        &log([
            said("turn_1", "x"),
            answer,
            began("turn_1", "c1", "claims/pay"),
            SessionEvent::CancelAsked { who: String::new() },
            ended(
                "turn_1",
                "c1",
                CallOutcome::Cancelled,
                CallResult::failed("cancelled"),
            ),
            over("turn_1", TurnOutcome::Cancelled),
        ]),
    );
}

#[test]
fn tools_of_the_vendor_and_media() {
    let by_provider = |call_id: &str| {
        part(Content::ToolCall(ToolCall {
            id: call_id.to_owned(),
            name: "web_search".to_owned(),
            arguments: r#"{"query":"q"}"#.to_owned(),
            by_provider: true,
        }))
    };
    let found = part(Content::ToolResult(ToolResult {
        call_id: "v1".to_owned(),
        name: None,
        content: vec![ResultContent::Text("found".to_owned())],
        is_error: false,
        by_provider: true,
    }));
    let image = Media {
        source: MediaSource::Bytes(vec![0, 1, 2]),
        media_type: Some("image/png".to_owned()),
        name: None,
        context: None,
        detail: None,
        cite: false,
    };
    let rich = CallResult {
        content: vec![
            ToolContent::Text("t".to_owned()),
            ToolContent::Image(image.clone()),
            ToolContent::Link(ResourceInfo {
                uri: "file:///a".to_owned(),
                name: "a".to_owned(),
                title: None,
                description: None,
                media_type: None,
                size: Some(3),
            }),
            ToolContent::Resource(ResourceContents {
                uri: "file:///b".to_owned(),
                media_type: None,
                data: ResourceData::Bytes(vec![1]),
            }),
        ],
        structured: None,
        is_error: false,
    };
    let picture = part(Content::Image(image));
    record(
        "rich",
        &log([
            SessionEvent::Said {
                turn: "turn_1".to_owned(),
                messages: vec![("msg_1".to_owned(), vec![text("see"), picture])],
            },
            answered(
                "turn_1",
                "a1",
                vec![
                    by_provider("v1"),
                    found,
                    by_provider("v2"),
                    call("c1", "calc/add", "{}"),
                ],
            ),
            began("turn_1", "c1", "calc/add"),
            ended("turn_1", "c1", CallOutcome::Ran, rich),
            answered(
                "turn_1",
                "a2",
                vec![part(Content::Refusal("No.".to_owned()))],
            ),
            over("turn_1", TurnOutcome::Completed),
        ]),
    );
}

#[test]
fn live() {
    let log = log([
        said("turn_1", "hi"),
        answered(
            "turn_1",
            "a2",
            vec![thought("Hm."), text("Hello."), call("c1", "calc/add", "{}")],
        ),
        began("turn_1", "c1", "calc/add"),
        ended("turn_1", "c1", CallOutcome::Ran, gave("3")),
        answered("turn_1", "a3", vec![text("Three.")]),
        over("turn_1", TurnOutcome::Completed),
    ]);
    let grows = |attempt, index, kind, text| delta("turn_1", attempt, index, kind, text);
    let progress = Live::Progress {
        turn: "turn_1".to_owned(),
        call: "c1".to_owned(),
        done: 1.0,
        total: Some(2.0),
        message: Some("half".to_owned()),
    };
    let mut stream = EventStream::new(SESSION);
    let mut out = stream.push(&log[0]) + &stream.push(&log[1]);
    for live in [
        grows("a1", 0, LiveKind::Text, ""),
        grows("a1", 0, LiveKind::Text, "Hel"),
        grows("a2", 0, LiveKind::Reasoning, ""),
        grows("a2", 0, LiveKind::Reasoning, "Hm."),
        grows("a2", 1, LiveKind::Text, ""),
        grows("a2", 1, LiveKind::Text, "Hel"),
        grows("a2", 1, LiveKind::Text, "lo."),
    ] {
        out += &stream.live(&live);
    }
    out += &(stream.push(&log[2]) + &stream.push(&log[3]) + &stream.live(&progress));
    out += &log[4..]
        .iter()
        .map(|logged| stream.push(logged))
        .collect::<String>();
    golden::golden("agents", "live.sse", &out);
    state("live", &log);
}

#[test]
fn what_else_is_answered() {
    let agent = agent();
    golden_json("agent.json", &agents::agent(&agent));
    golden_json(
        "agents.json",
        &agents::list(vec![agents::agent(&agent)], true),
    );
    golden_json("agent_deleted.json", &agents::agent_deleted("agent_1"));
    golden_json("session_deleted.json", &agents::session_deleted(SESSION));
    assert_eq!(DIALECT, Dialect::OpenAi);
    let mut session = Session::of(SESSION, &log([])).expect("a session");
    session.status = Status::Failed;
    session.error = Some("the plugin is gone".to_owned());
    for (name, status, error) in [
        ("session_over", 409, agents::session_over(&session)),
        ("unknown_call", 400, agents::unknown_call("c1")),
        ("unknown_approval", 409, agents::unknown_approval("appr_1")),
        ("no_session", 404, agents::no_session("sess_2")),
    ] {
        assert_eq!(DIALECT.status(&error), status);
        golden_json(&format!("{name}.json"), &DIALECT.error_body(&error));
    }
}

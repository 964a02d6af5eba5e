//! What clients ask of sessions, and what is refused.

use dialects::agents::{Listing, NewSession, inputs, session_update};
use serde_json::{Value, json};
use types::{
    Error,
    neutral::{Content, MediaSource},
    session::{Decision, Input},
    tool::{CallResult, ToolContent},
};

use crate::{
    agents_log::{self, NOW, gave, text},
    agents_request::wrong,
};

fn session(body: Value) -> Result<NewSession, Error> {
    NewSession::parse(body.to_string().as_bytes())
}

fn sent(events: Value) -> Result<Vec<Input>, Error> {
    inputs(json!({ "events": events }).to_string().as_bytes())
}

#[test]
fn a_session_of_an_agent_may_use_less_but_not_more() {
    let read = session(json!({
        "agent_id": "agent_1",
        "agent": { "instructions": "Be quick." },
        "environment": { "type": "none" },
        "input": "hi",
        "spend_control": { "limit": 25 },
        "evenhand": { "limits": { "steps": 50, "seconds": 10, "tokens": null } },
        "metadata": { "ticket": "7" },
        "stream": true,
        "stream_options": { "include_obfuscation": true },
    }));
    let read = read.expect("a session");
    assert_eq!(read.input, [[text("hi")]]);
    assert_eq!(read.metadata["ticket"], "7");
    assert!(read.stream && read.obfuscate);
    assert_eq!(read.changes.fields(), ["instructions", "limits"]);
    let agent = read
        .agent(Some(agents_log::agent()), "unused", NOW)
        .expect("an agent");
    assert_eq!(agent.id, "agent_1");
    assert_eq!(agent.instructions.as_deref(), Some("Be quick."));
    let limits = agent.limits;
    assert_eq!((limits.steps, limits.seconds), (5, 10));
    assert_eq!((limits.tokens, limits.usd), (Some(5000), Some(0.25)));
}

#[test]
fn a_session_with_an_agent_of_its_own() {
    let read = session(json!({ "agent": { "model": "m" }, "input": [
        { "role": "user", "content": "one" },
        { "type": "message", "role": "user", "content": [
            { "type": "input_text", "text": "two" },
            { "type": "input_image", "image_url": "data:image/png;base64,AAEC" },
        ]},
    ]}));
    let read = read.expect("a session");
    assert_eq!(read.input[0], [text("one")]);
    let Content::Image(image) = &read.input[1][1].content else {
        panic!("{:?}", read.input)
    };
    assert_eq!(image.source, MediaSource::Bytes(vec![0, 1, 2]));
    assert!(!read.stream);
    assert_eq!(
        read.agent(None, "agent_9", NOW).expect("an agent").id,
        "agent_9"
    );
    let none = session(json!({ "input": "hi" })).expect("a session");
    assert_eq!(wrong(none.agent(None, "a", NOW)).0, "agent.model");

    for (body, at) in [
        (
            json!({ "environment": { "type": "openai_hosted" } }),
            "environment.type",
        ),
        (json!({ "vault_ids": ["v"] }), "vault_ids"),
        (json!({ "review": "auto_review" }), "review"),
        (
            json!({ "prompt_cache_options": { "ttl": "30m" } }),
            "prompt_cache_options",
        ),
        (
            json!({ "spend_control": { "limit": 0 } }),
            "spend_control.limit",
        ),
        (json!({ "stream": true }), "input"),
        (json!({ "input": "" }), "input"),
        (
            json!({ "input": [{ "role": "assistant", "content": "x" }] }),
            "input[0].role",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [] }] }),
            "input[0].content",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_file", "file_url": "https://u" }] }] }),
            "input[0].content[0].type",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_image", "file_id": "f" }] }] }),
            "input[0].content[0].file_id",
        ),
        (
            json!({ "agent": { "tools": [{ "type": "web_search" }] } }),
            "agent.tools[0].type",
        ),
        (json!({ "strange": 1 }), "strange"),
    ] {
        assert_eq!(wrong(session(body.clone())).0, at, "{body}");
    }
    let empty = json!({ "vault_ids": [], "review": "none", "prompt_cache_options": null, "spend_control": { "limit": null } });
    session(empty).expect("as it is anyway");
}

#[test]
fn a_session_changes_in_its_labels_only() {
    let update = |body: Value| session_update(body.to_string().as_bytes());
    assert_eq!(update(json!({})), Ok(None));
    assert_eq!(
        update(json!({ "metadata": null })),
        Ok(Some(Default::default()))
    );
    let labels = update(json!({ "metadata": { "a": "b" } }))
        .expect("labels")
        .expect("some");
    assert_eq!(labels["a"], "b");
    for key in ["agent", "spend_control"] {
        let (param, message) = wrong(update(json!({ key: { "model": "m" } })));
        assert_eq!(param, key);
        assert!(message.contains("begin a new one"), "{message}");
    }
}

#[test]
fn events() {
    let read = sent(json!([
        { "type": "agent.session.input.message", "input": [{ "role": "user", "content": [{ "type": "input_text", "text": "hi" }] }] },
        { "type": "agent.session.input.mcp_approval_request_result", "request_id": "r", "response": { "type": "mcp_tool_call", "decision": "approve" } },
        { "type": "agent.session.input.mcp_approval_request_result", "request_id": "r", "response": { "type": "mcp_tool_call", "decision": "deny" } },
        { "type": "agent.session.input.mcp_approval_request_result", "request_id": "r", "response": { "type": "mcp_tool_call", "decision": "cancel" } },
        { "type": "agent.session.input.tool_result", "turn_id": "t", "call_id": "c", "success": true, "output": "7", "error": null },
        { "type": "agent.session.input.tool_result", "turn_id": "t", "call_id": "c", "success": true, "output": [{ "type": "input_text", "text": "7" }] },
        { "type": "agent.session.input.tool_result", "call_id": "c", "success": false, "error": "Tool handler failed." },
        { "type": "agent.session.input.cancel" },
    ]));
    let approval = |decision| Input::Approval {
        request: "r".to_owned(),
        decision,
    };
    let result = |turn: Option<&str>, result| Input::Result {
        turn: turn.map(str::to_owned),
        call: "c".to_owned(),
        result,
    };
    assert_eq!(
        read,
        Ok(vec![
            Input::Message(vec![vec![text("hi")]]),
            approval(Decision::Approve),
            approval(Decision::Deny),
            approval(Decision::Dismiss),
            result(Some("t"), gave("7")),
            result(Some("t"), gave("7")),
            result(None, CallResult::failed("Tool handler failed.")),
            Input::Cancel,
        ])
    );
    let image = json!([{ "type": "input_image", "image_url": "https://u" }]);
    let read = sent(
        json!([{ "type": "agent.session.input.tool_result", "call_id": "c", "success": true, "output": image }]),
    );
    let Ok([Input::Result { result, .. }]) = read.as_deref() else {
        panic!("{read:?}")
    };
    assert!(matches!(result.content[..], [ToolContent::Image(_)]));
}

#[test]
fn events_that_are_none() {
    let approval = |response: Value| json!({ "type": "agent.session.input.mcp_approval_request_result", "request_id": "r", "response": response });
    for (event, at) in [
        (json!({ "type": "message" }), "events[0].type"),
        (
            json!({ "type": "agent.session.input.computer_use_approval_request_result" }),
            "events[0].type",
        ),
        (
            json!({ "type": "agent.session.input.message" }),
            "events[0].input",
        ),
        (
            json!({ "type": "agent.session.input.message", "input": [] }),
            "events[0].input",
        ),
        (
            json!({ "type": "agent.session.input.cancel", "why": "x" }),
            "events[0].why",
        ),
        (
            approval(json!({ "type": "mcp_tool_call", "decision": "maybe" })),
            "events[0].response.decision",
        ),
        (
            approval(json!({ "type": "other", "decision": "approve" })),
            "events[0].response.type",
        ),
        (
            json!({ "type": "agent.session.input.tool_result", "call_id": "c" }),
            "events[0].success",
        ),
        (
            json!({ "type": "agent.session.input.tool_result", "success": true }),
            "events[0].call_id",
        ),
        (
            json!({ "type": "agent.session.input.tool_result", "call_id": "c", "success": true, "error": "x" }),
            "events[0].error",
        ),
    ] {
        assert_eq!(wrong(sent(json!([event]))).0, at, "{event}");
    }
    assert_eq!(wrong(sent(json!([]))).0, "events");
    assert_eq!(wrong(inputs(b"{}")).0, "events");
}

#[test]
fn lists() {
    let listing = Listing::read([("limit", "2"), ("order", "asc"), ("after", "b")], false)
        .expect("a listing");
    let all: Vec<Value> = ["a", "b", "c", "d", "e"]
        .map(|id| json!({ "id": id }))
        .to_vec();
    assert_eq!(
        listing.page(all.clone()),
        Ok(json!({
            "object": "list",
            "data": [{ "id": "c" }, { "id": "d" }],
            "first_id": "c",
            "last_id": "d",
            "has_more": true,
        }))
    );
    let newest = Listing::read([], false)
        .expect("a listing")
        .page(all.clone())
        .expect("a page");
    assert_eq!(
        (&newest["first_id"], &newest["has_more"]),
        (&json!("e"), &json!(false))
    );
    let missing = Listing::read([("after", "x")], false)
        .expect("a listing")
        .page(all);
    assert_eq!(missing.expect_err("missing").status(), 404);
    let sessions =
        Listing::read([("agent_id", "agent_1"), ("metadata[team]", "a")], true).expect("a listing");
    assert_eq!(sessions.agent.as_deref(), Some("agent_1"));
    assert_eq!(sessions.metadata["team"], "a");
    assert_eq!(sessions.limit, 20);
    for (key, value) in [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "x"),
        ("order", "up"),
        ("agent_id", "a"),
        ("colour", "red"),
    ] {
        assert_eq!(wrong(Listing::read([(key, value)], false)).0, key);
    }
}

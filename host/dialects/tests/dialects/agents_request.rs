//! What clients ask of agents, and what is refused.

use dialects::agents::{Changes, Listing, NewSession, agent, inputs, session_update};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::{
    Error,
    neutral::{Content, MediaSource},
    session::{Decision, Input},
    tool::{CallResult, ToolContent},
};

use crate::agents_log::{self, NOW, gave, text};

fn changes(body: Value) -> Result<Changes, Error> {
    Changes::parse(body.to_string().as_bytes())
}

fn session(body: Value) -> Result<NewSession, Error> {
    NewSession::parse(body.to_string().as_bytes())
}

fn sent(events: Value) -> Result<Vec<Input>, Error> {
    inputs(json!({ "events": events }).to_string().as_bytes())
}

/// The field that is at fault, and what is said of it.
fn wrong<T: std::fmt::Debug>(read: Result<T, Error>) -> (String, String) {
    let error = read.expect_err("refused");
    assert_eq!(error.status(), 400);
    (error.param.unwrap_or_default(), error.message)
}

#[test]
fn an_agent() {
    let agent = agents_log::agent();
    assert_eq!(agent.model, "a/m");
    assert_eq!(agent.name.as_deref(), Some("Claims"));
    assert_eq!(agent.effort.as_deref(), Some("low"));
    assert_eq!(agent.tools, ["claims/*", "calc/add", "calc/get_*"]);
    assert_eq!(agent.approve, ["claims/pay"]);
    assert_eq!(agent.functions[0].parameters, r#"{"type":"object"}"#);
    assert_eq!(agent.limits.steps, 5);
    assert_eq!(agent.limits.seconds, 300);
    assert_eq!(agent.limits.usd, Some(1.5));
    assert_eq!((agent.created, agent.updated), (NOW, NOW));
}

#[test]
fn an_agent_changes_where_it_is_said() {
    let mut agent = agents_log::agent();
    let before = agent.clone();
    changes(json!({})).expect("nothing").apply(&mut agent, NOW);
    assert_eq!(agent, before);
    let body = json!({
        "name": null,
        "instructions": "Be kind.",
        "reasoning": null,
        "metadata": null,
        "tools": null,
        "text": { "format": { "type": "json_schema", "schema": { "type": "object" } } },
        "evenhand": { "limits": { "usd": null, "tokens": 9 } },
    });
    let read = changes(body).expect("changes");
    assert_eq!(
        read.fields(),
        [
            "name",
            "instructions",
            "reasoning",
            "text",
            "tools",
            "metadata",
            "limits"
        ]
    );
    read.apply(&mut agent, NOW + 1);
    assert_eq!((agent.name, agent.effort), (None, None));
    assert_eq!(agent.instructions.as_deref(), Some("Be kind."));
    assert_eq!(
        agent.output,
        Some(("answer".to_owned(), r#"{"type":"object"}"#.to_owned()))
    );
    assert!(agent.metadata.is_empty() && agent.tools.is_empty() && agent.functions.is_empty());
    assert_eq!(
        (agent.limits.usd, agent.limits.tokens, agent.limits.steps),
        (None, Some(9), 5)
    );
    assert_eq!(
        (agent.model.as_str(), agent.created, agent.updated),
        ("a/m", NOW, NOW + 1)
    );
}

#[test]
fn tools_of_plugins_by_the_dialects_own_shape() {
    let transport = |url: &str| json!({ "type": "http", "server_url": url });
    let read = changes(json!({ "model": "m", "tools": [
        { "type": "mcp", "server_label": "calc", "transport": transport("evenhand:calc"), "allowed_tools": ["add", "get_*"],
          "connection_origin": "service", "required": true, "request_metadata": {}, "credential_id": null },
        { "type": "mcp", "server_label": "claims", "require_approval": { "always": { "tool_names": ["pay"] } } },
        { "type": "mcp", "server_label": "kv", "require_approval": "always" },
        { "type": "mcp", "server_label": "fetch", "require_approval": "never", "allowed_tools": [] },
    ]}));
    let agent = read
        .expect("tools")
        .create("agent_2", NOW)
        .expect("an agent");
    assert_eq!(agent.tools, ["calc/add", "calc/get_*", "claims/*", "kv/*"]);
    assert_eq!(agent.approve, ["claims/pay", "kv/*"]);

    for (tool, at, hint) in [
        (
            json!({ "transport": transport("https://example.com/mcp") }),
            "tools[0].transport.server_url",
            "operator loaded",
        ),
        (
            json!({ "transport": transport("evenhand:calc") }),
            "tools[0].transport.server_url",
            "evenhand:claims",
        ),
        (
            json!({ "transport": { "type": "stdio", "command": "x", "cwd": "/" } }),
            "tools[0].transport.type",
            "operator loaded",
        ),
        (
            json!({ "transport": { "type": "http", "server_url": "evenhand:claims", "authorization": "x" } }),
            "tools[0].transport.authorization",
            "is not a field",
        ),
        (
            json!({ "connection_origin": "environment" }),
            "tools[0].connection_origin",
            "service",
        ),
        (
            json!({ "credential_id": "c" }),
            "tools[0].credential_id",
            "is not a field",
        ),
        (
            json!({ "server_label": "a/b" }),
            "tools[0].server_label",
            "name of a plugin",
        ),
        (
            json!({ "allowed_tools": ["a*b"] }),
            "tools[0].allowed_tools",
            "ends in `*`",
        ),
        (
            json!({ "require_approval": "sometimes" }),
            "tools[0].require_approval",
            "must be `always`",
        ),
        (
            json!({ "allowed_tools": ["get"], "require_approval": { "always": { "tool_names": ["pay"] } } }),
            "tools",
            "`claims/pay`",
        ),
    ] {
        let mut with = json!({ "type": "mcp", "server_label": "claims" });
        with.as_object_mut()
            .expect("an object")
            .extend(tool.as_object().expect("an object").clone());
        let (param, message) = wrong(changes(json!({ "tools": [with] })));
        assert_eq!(param, at);
        assert!(message.contains(hint), "{message}");
    }
}

#[test]
fn what_agents_of_this_host_are_not() {
    let f = json!({ "type": "function", "name": "f", "parameters": {} });
    for (body, at) in [
        (
            json!({ "tools": [{ "type": "web_search" }] }),
            "tools[0].type",
        ),
        (
            json!({ "tools": [{ "type": "computer_use" }] }),
            "tools[0].type",
        ),
        (
            json!({ "tools": [{ "type": "automations" }] }),
            "tools[0].type",
        ),
        (
            json!({ "tools": [{ "type": "programmatic_tool_calling" }] }),
            "tools[0].type",
        ),
        (
            json!({ "tools": [{ "type": "tool_search" }] }),
            "tools[0].type",
        ),
        (
            json!({ "tools": [{ "type": "function", "name": "f", "async": true }] }),
            "tools[0].async",
        ),
        (
            json!({ "tools": [{ "type": "function", "name": "f", "defer_loading": true }] }),
            "tools[0].defer_loading",
        ),
        (json!({ "tools": [f, f] }), "tools"),
        (
            json!({ "tools": [{ "type": "evenhand", "tools": ["calc"] }] }),
            "tools[0].tools",
        ),
        (
            json!({ "tools": [{ "type": "evenhand", "tools": ["a/*"], "approve": ["b/x"] }] }),
            "tools",
        ),
        (
            json!({ "multi_agent": { "enabled": true } }),
            "multi_agent.enabled",
        ),
        (
            json!({ "compaction": { "async": true } }),
            "compaction.async",
        ),
        (
            json!({ "experimental": { "time_awareness": true } }),
            "experimental.time_awareness",
        ),
        (json!({ "service_tier": "flex" }), "service_tier"),
        (json!({ "text": { "verbosity": "low" } }), "text.verbosity"),
        (
            json!({ "text": { "format": { "type": "json_object" } } }),
            "text.format.type",
        ),
        (
            json!({ "reasoning": { "summary": "auto" } }),
            "reasoning.summary",
        ),
        (
            json!({ "evenhand": { "limits": { "steps": 0 } } }),
            "evenhand.limits.steps",
        ),
        (
            json!({ "evenhand": { "limits": { "stepps": 1 } } }),
            "evenhand.limits.stepps",
        ),
        (
            json!({ "evenhand": { "limits": { "usd": -1 } } }),
            "evenhand.limits.usd",
        ),
        (json!({ "metadata": { "k": 1 } }), "metadata.k"),
        (
            json!({ "metadata": { "k": "x".repeat(513) } }),
            "metadata.k",
        ),
        (json!({ "model": "" }), "model"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        assert_eq!(wrong(changes(body.clone())).0, at, "{body}");
    }
    assert_eq!(
        wrong(changes(json!({})).expect("read").create("a", NOW)).0,
        "model"
    );
    let harmless = json!({
        "multi_agent": { "enabled": false }, "compaction": { "async": false }, "experimental": {}, "service_tier": "auto",
        "text": { "format": { "type": "text" }, "verbosity": "medium" }, "reasoning": { "effort": null, "summary": null },
    });
    changes(harmless).expect("as it is anyway");
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

proptest! {
    #[test]
    fn an_agent_that_was_shown_can_be_sent_again(
        tools in prop::collection::vec("(a|b|[a-c]{2})/(\\*|x|y\\*)|\\*|a\\*", 0..6),
        approve in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        output in prop::option::of(Just(json!({ "type": "json_schema", "name": "n", "schema": { "type": "object" } }))),
    ) {
        let approve: Vec<&String> = match tools.is_empty() {
            true => Vec::new(),
            false => approve.iter().map(|index| index.get(&tools)).collect(),
        };
        let body = json!({ "model": "m", "text": { "format": output }, "tools": [{ "type": "evenhand", "tools": tools, "approve": approve }] });
        let first = changes(body).expect("a request").create("agent_1", NOW).expect("an agent");
        let shown = agent(&first);
        let again = json!({ "model": shown["model"], "text": shown["text"], "tools": shown["tools"], "reasoning": shown["reasoning"], "evenhand": shown["evenhand"] });
        let mut second = changes(again).expect("as it was shown").create("agent_1", NOW).expect("an agent");
        let mut first = first;
        for agent in [&mut first, &mut second] {
            // `a/*` is all of `a`, whatever else is named beside it.
            let all: Vec<String> = agent.tools.iter().filter(|it| it.ends_with("/*")).cloned().collect();
            agent.tools.retain(|it| all.contains(it) || !all.iter().any(|all| it.starts_with(all.trim_end_matches('*'))));
            for list in [&mut agent.tools, &mut agent.approve] {
                list.sort();
                list.dedup();
            }
        }
        prop_assert_eq!(first, second);
    }
}

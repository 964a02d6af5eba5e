//! What clients say of agents, and what is refused.

use dialects::agents::{Changes, agent};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::Error;

use crate::agents_log::{self, NOW};

fn changes(body: Value) -> Result<Changes, Error> {
    Changes::parse(body.to_string().as_bytes())
}

/// The field that is at fault, and what is said of it.
pub(crate) fn wrong<T: std::fmt::Debug>(read: Result<T, Error>) -> (String, String) {
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

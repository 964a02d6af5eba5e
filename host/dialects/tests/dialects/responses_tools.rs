use serde_json::{Value, json};
use types::neutral::*;

use crate::responses_request::{request, roles, turn};

fn functions(request: &GenerateRequest) -> Vec<&FunctionTool> {
    let tools = request.tools.iter();
    tools
        .filter_map(|tool| match tool {
            Tool::Function(tool) => Some(tool),
            Tool::Provider(_) => None,
        })
        .collect()
}

/// What Codex 0.169 sends, cut to what matters.
#[test]
fn an_agents_request() {
    let read = turn(json!({
        "instructions": "You are Codex",
        "input": [
            { "type": "message", "role": "developer", "content": [{ "type": "input_text", "text": "rules" }] },
            { "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "fix it" }] },
        ],
        "tools": [
            { "type": "function", "name": "exec_command", "description": "runs", "strict": false,
              "parameters": { "type": "object", "properties": { "cmd": { "type": "string" } }, "required": ["cmd"], "additionalProperties": false } },
            { "type": "custom", "name": "apply_patch", "description": "edits files",
              "format": { "type": "grammar", "syntax": "lark", "definition": "start: x" } },
            { "type": "namespace", "name": "mcp__files", "description": "about files", "tools": [
                { "type": "function", "name": "read", "description": "reads", "strict": false, "parameters": { "type": "object" } },
                { "type": "function", "name": "write", "description": "writes", "strict": false, "parameters": { "type": "object" } },
            ] },
        ],
        "tool_choice": "auto", "parallel_tool_calls": false,
        "reasoning": { "effort": "medium", "summary": "auto" },
        "store": false, "stream": true, "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k", "text": { "verbosity": "low" },
        "client_metadata": { "x": "y" },
    }));
    let asked = &read.request;
    assert_eq!(
        roles(&asked.messages),
        [Role::System, Role::Developer, Role::User]
    );
    let tools = functions(asked);
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "exec_command",
            "apply_patch",
            "mcp__files__read",
            "mcp__files__write"
        ]
    );
    assert_eq!(tools[0].strict, Some(false));
    let schema: Value =
        serde_json::from_str(tools[1].parameters.as_deref().expect("a schema")).expect("JSON");
    assert_eq!(schema["required"], json!(["input"]));
    let words = schema["properties"]["input"]["description"]
        .as_str()
        .expect("words");
    assert!(
        words.contains("lark") && words.contains("start: x"),
        "{words}"
    );
    assert_eq!(tools[1].description.as_deref(), Some("edits files"));
    assert_eq!(
        tools[2].description.as_deref(),
        Some("All tools of `mcp__files`: about files\n\nreads")
    );
    assert_eq!(tools[3].description.as_deref(), Some("writes"));
    assert!(tools.iter().all(|tool| tool.provider_data.is_none()));
    assert_eq!(asked.parallel_tool_calls, Some(false));
    assert_eq!(asked.tool_choice, Some(ToolChoice::Auto));
    let reasoning = asked.reasoning.clone().expect("asked for");
    assert_eq!(
        (reasoning.effort.as_deref(), reasoning.display.as_deref()),
        (Some("medium"), Some("auto"))
    );
    assert_eq!(asked.verbosity.as_deref(), Some("low"));
    assert!(asked.stream && !read.settings.store);
    assert_eq!(
        asked.extensions,
        [Extension {
            dialect: "openai-responses".into(),
            fields: r#"{"prompt_cache_key":"k","client_metadata":{"x":"y"}}"#.into(),
        }]
    );
}

/// Codex 0.169 searches its MCP servers' tools itself, and shows a model only what was found.
#[test]
fn tools_that_the_client_found_are_offered() {
    let search = json!({ "type": "tool_search", "execution": "client", "description": "finds",
        "parameters": { "type": "object", "properties": { "query": { "type": "string" } } } });
    let add = json!({ "type": "function", "name": "add", "parameters": { "type": "object" }, "defer_loading": true });
    let space =
        json!({ "type": "namespace", "name": "mcp__sums", "description": "d", "tools": [add] });
    let find = |id: &str| {
        json!({ "type": "tool_search_call", "id": "tsc_1", "call_id": id, "status": "completed",
        "execution": "client", "arguments": { "query": "sums" } })
    };
    let found = |id: &str, tools: Value| {
        json!({ "type": "tool_search_output", "call_id": id, "execution": "client",
        "status": "completed", "tools": tools })
    };
    let read = request(json!({
        "tools": [search],
        "input": [
            { "type": "message", "role": "user", "content": "2 + 3?" },
            find("a"), found("a", json!([space])),
            find("b"), found("b", json!([space, { "type": "function", "name": "sub", "defer_loading": true }])),
            find("c"), found("c", json!([])),
        ],
    }));
    let tools = functions(&read);
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["tool_search", "mcp__sums__add", "sub"]);
    assert_eq!(read.tools.len(), 3);
    assert_eq!(tools[0].description.as_deref(), Some("finds"));
    assert!(tools.iter().all(|tool| tool.provider_data.is_none()));
    let told = read.messages.iter().flat_map(|message| &message.parts);
    let told: Vec<String> = told
        .map(|part| match &part.content {
            Content::ToolCall(call) => format!("{} {} {}", call.id, call.name, call.arguments),
            Content::ToolResult(result) => format!("{} {:?}", result.call_id, result.content),
            content => format!("{content:?}"),
        })
        .collect();
    let text = |text: &str| format!("{:?}", [ResultContent::Text(text.into())]);
    assert_eq!(
        told[1..],
        [
            r#"a tool_search {"query":"sums"}"#.to_owned(),
            format!(
                "a {}",
                text("These tools can be called now: `mcp__sums__add`.")
            ),
            r#"b tool_search {"query":"sums"}"#.to_owned(),
            format!(
                "b {}",
                text("These tools can be called now: `mcp__sums__add`, `sub`.")
            ),
            r#"c tool_search {"query":"sums"}"#.to_owned(),
            format!("c {}", text("No tool was found.")),
        ]
    );
}

#[test]
fn a_search_that_the_vendor_does_is_the_vendors() {
    let read = request(json!({ "tools": [{ "type": "tool_search" }] }));
    assert!(matches!(&read.tools[0], Tool::Provider(tool) if tool.kind == "tool_search"));
}

#[test]
fn schemas_are_enforced_where_they_can_be() {
    let closed = json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"], "additionalProperties": false });
    let open = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let inside = json!({ "type": "object", "properties": { "a": open }, "required": ["a"], "additionalProperties": false });
    let strict = |parameters: &Value, strict: Value| {
        let tool =
            json!({ "type": "function", "name": "f", "parameters": parameters, "strict": strict });
        functions(&request(json!({ "tools": [tool] })))[0].strict
    };
    assert_eq!(strict(&closed, Value::Null), Some(true));
    assert_eq!(strict(&open, Value::Null), None);
    assert_eq!(strict(&inside, Value::Null), None);
    assert_eq!(strict(&open, true.into()), Some(true));
    assert_eq!(strict(&closed, false.into()), Some(false));
}

#[test]
fn choices_of_tools() {
    let tools = json!([
        { "type": "function", "name": "f" },
        { "type": "custom", "name": "c" },
        { "type": "namespace", "name": "n", "description": "", "tools": [{ "type": "function", "name": "x" }] },
        { "type": "web_search", "search_context_size": "low" },
    ]);
    let choose = |choice: Value| {
        let read = request(json!({ "tools": tools, "tool_choice": choice }));
        (read.tool_choice.expect("chosen"), read.tools.len())
    };
    let tool = |name: &str| ToolChoice::Tool(name.into());
    let allowed =
        |names: &[&str]| ToolChoice::Allowed(names.iter().map(|&name| name.into()).collect());
    assert_eq!(choose(json!("none")), (ToolChoice::None, 4));
    assert_eq!(choose(json!("required")), (ToolChoice::Required, 4));
    assert_eq!(
        choose(json!({ "type": "function", "name": "f" })),
        (tool("f"), 4)
    );
    assert_eq!(
        choose(json!({ "type": "custom", "name": "c" })),
        (tool("c"), 4)
    );
    assert_eq!(
        choose(json!({ "type": "function", "name": "x", "namespace": "n" })),
        (tool("n__x"), 4)
    );
    assert_eq!(
        choose(json!({ "type": "web_search_preview" })),
        (tool("web_search_preview"), 4)
    );
    assert_eq!(
        choose(json!({ "type": "mcp", "server_label": "l", "name": "t" })),
        (tool("mcp"), 4)
    );
    let mcp = json!({ "type": "mcp", "server_label": "l", "name": "t" });
    let read = request(json!({ "tool_choice": mcp }));
    let rest: Value = serde_json::from_str(&read.extensions[0].fields).expect("JSON");
    assert_eq!(rest, json!({ "tool_choice": mcp }));
    let list = json!([{ "type": "function", "name": "f" }, { "type": "namespace", "name": "n" }, { "type": "web_search" }]);
    assert_eq!(
        choose(json!({ "type": "allowed_tools", "mode": "auto", "tools": list })),
        (allowed(&["f", "n__x", "web_search"]), 4)
    );
    assert_eq!(
        choose(json!({ "type": "allowed_tools", "mode": "required", "tools": list })),
        (ToolChoice::Required, 3)
    );
    let read = request(json!({ "tools": tools }));
    assert!(matches!(&read.tools[3], Tool::Provider(tool)
        if tool.kind == "web_search" && tool.dialect == "openai-responses" && tool.definition.contains("search_context_size")));
}

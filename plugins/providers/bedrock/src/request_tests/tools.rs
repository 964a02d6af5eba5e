use super::*;

#[test]
fn tools_and_choices() {
    let mut request = ask(vec![user("Hi")]);
    let mut strict = FunctionTool {
        name: "f".into(),
        description: Some("Does f".into()),
        parameters: Some(r#"{"properties":{"n":{"type":"integer","minimum":1}}}"#.into()),
        strict: Some(true),
        cache: Some(CacheMark { ttl_seconds: None }),
        provider_data: Some(json!({"defer_loading": true, "type": "custom"}).to_string()),
    };
    request.tools = vec![Tool::Function(strict.clone()), function("g.h")];
    let (body, warned) = sent(&request);
    let tools = &body["toolConfig"]["tools"];
    assert_eq!(
        tools.as_array().unwrap()[..2],
        [
            json!({"toolSpec": {"name": "f", "description": "Does f", "strict": true, "inputSchema": {"json": {
                "type": "object", "additionalProperties": false,
                "properties": {"n": {"type": "integer", "description": "{minimum: 1}"}}}}}}),
            json!({"cachePoint": {"type": "default"}}),
        ]
    );
    let empty = json!({"json": {"type": "object", "properties": {}}});
    assert_eq!(tools[2]["toolSpec"]["inputSchema"], empty);
    assert_eq!(body["toolConfig"].get("toolChoice"), None);
    assert_eq!(warned, ["tools.parameters", "tools.defer_loading"]);
    let mut choose = |choice: ToolChoice| {
        request.tool_choice = Some(choice);
        let (mut body, warned) = sent(&request);
        (body["toolConfig"].take(), warned)
    };
    assert_eq!(
        choose(ToolChoice::Auto).0["toolChoice"],
        json!({"auto": {}})
    );
    assert_eq!(
        choose(ToolChoice::Required).0["toolChoice"],
        json!({"any": {}})
    );
    let (config, _) = choose(ToolChoice::Tool("g.h".into()));
    let renamed = &config["tools"][2]["toolSpec"]["name"];
    assert_eq!(config["toolChoice"]["tool"]["name"], *renamed);
    assert_eq!(choose(ToolChoice::None).0, Value::Null);
    assert_eq!(choose(ToolChoice::Allowed(vec![])).0, Value::Null);
    let (config, warned) = choose(ToolChoice::Allowed(vec!["g.h".into()]));
    assert_eq!(config["tools"].as_array().unwrap().len(), 1);
    assert_eq!(config["toolChoice"], json!({"auto": {}}));
    assert!(warned.contains(&"tool_choice.allowed".into()));
    request.tool_choice = Some(ToolChoice::Allowed(vec!["nope".into()]));
    assert!(refused(&request).message.contains("`nope`"));
    request.tool_choice = Some(ToolChoice::Auto);
    request.tools = vec![];
    assert_eq!(sent(&request).0.get("toolConfig"), None);
    strict.parameters = Some("[]".into());
    request.tools = vec![Tool::Function(strict)];
    assert!(refused(&request).message.contains("`f`"));
}

#[test]
fn a_history_of_calls_has_tools_made_up_for_it() {
    let mut request = ask(vec![
        user("Hi"),
        Message::new(
            Role::Assistant,
            vec![
                call("a", "files.read", "{}"),
                call("b", "now", "{}"),
                call("c", "now", "{}"),
            ],
        ),
        result_text("a", "1"),
        result_text("b", "2"),
        result_text("c", "3"),
    ]);
    let (body, warned) = sent(&request);
    let called = &body["messages"][1]["content"][0]["toolUse"]["name"];
    let tools = body["toolConfig"]["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| &tool["toolSpec"]["name"]).collect();
    assert_eq!(names, [called, &json!("now")]);
    assert_eq!(warned, ["tools"]);
    // `none` can't be said there.
    request.tools = vec![function("now")];
    request.tool_choice = Some(ToolChoice::None);
    let (body, warned) = sent(&request);
    assert_eq!(body["toolConfig"]["tools"][0]["toolSpec"]["name"], "now");
    assert_eq!(body["toolConfig"].get("toolChoice"), None);
    assert_eq!(warned, ["tool_choice"]);
}

#[test]
fn one_call_at_a_time_where_the_model_can() {
    let mut request = ask(vec![user("Hi")]);
    request.tools = vec![function("g.h")];
    request.parallel_tool_calls = Some(false);
    let own = |request: &GenerateRequest| {
        let (mut body, warned) = sent(request);
        assert_eq!(body["toolConfig"].get("toolChoice"), None);
        (
            body["additionalModelRequestFields"]["tool_choice"].take(),
            warned,
        )
    };
    let alone = |kind: &str| json!({"type": kind, "disable_parallel_tool_use": true});
    assert_eq!(own(&request), (alone("auto"), vec![]));
    request.tool_choice = Some(ToolChoice::Required);
    assert_eq!(own(&request).0, alone("any"));
    request.tool_choice = Some(ToolChoice::Tool("g.h".into()));
    let (choice, _) = own(&request);
    let (body, _) = sent(&request);
    assert_eq!(
        choice["name"],
        body["toolConfig"]["tools"][0]["toolSpec"]["name"]
    );
    request.model = "amazon.nova-pro-v1:0".into();
    request.tool_choice = None;
    assert_eq!(
        own(&request),
        (Value::Null, vec!["parallel_tool_calls".into()])
    );
}

#[test]
fn tools_of_vendors() {
    let tool = |kind: &str, dialect: &str, definition: Value| {
        Tool::Provider(ProviderTool {
            kind: kind.into(),
            dialect: dialect.into(),
            definition: definition.to_string(),
        })
    };
    let mut request = ask(vec![user("Hi")]);
    let bash = json!({"type": "bash_20250124", "name": "bash"});
    let grounding = json!({"systemTool": {"name": "nova_grounding"}});
    request.tools = vec![
        tool("bash_20250124", MESSAGES, bash.clone()),
        tool("systemTool", DIALECT, grounding.clone()),
    ];
    let (body, warned) = sent(&request);
    assert_eq!(body["toolConfig"]["tools"], json!([grounding]));
    assert_eq!(
        body["additionalModelRequestFields"],
        json!({"tools": [bash]})
    );
    assert!(warned.is_empty());
    request.tools.truncate(1);
    request.model = "amazon.nova-pro-v1:0".into();
    assert!(refused(&request).message.contains("`bash_20250124`"));
    request.model = CLAUDE.into();
    request.tools = vec![tool("web_search_20250305", MESSAGES, json!({}))];
    assert!(refused(&request).message.contains("`web_search_20250305`"));
}

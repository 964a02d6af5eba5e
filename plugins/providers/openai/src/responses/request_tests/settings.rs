use super::*;

#[test]
fn the_least_request() {
    let mut request = ask(vec![user("Hello")]);
    let least = json!({"model": "m", "input": [{"type": "message", "role": "user", "content": "Hello"}],
        "store": false, "include": ["reasoning.encrypted_content"]});
    assert_eq!(sent(&request), (least, vec![]));
    request.stream = true;
    assert_eq!(sent(&request).0["stream"], true);
    // Models before the reasoning ones refuse to be asked.
    for (model, asked) in [
        ("gpt-4o-mini", false),
        ("ft:gpt-4.1:acme", false),
        ("gpt-5.2", true),
        ("o3", true),
    ] {
        request.model = model.into();
        assert_eq!(sent(&request).0.get("include").is_some(), asked, "{model}");
    }
}

#[test]
fn what_the_api_has() {
    let mut request = ask(vec![user("Hi")]);
    request.sampling = Sampling {
        max_tokens: Some(100),
        temperature: Some(0.5),
        top_p: Some(0.9),
        logprobs: Some(2),
        choices: Some(1),
        ..Sampling::default()
    };
    request.reasoning = Some(ReasoningOptions {
        enabled: Some(true),
        effort: Some("high".into()),
        budget_tokens: None,
        display: Some("summarized".into()),
    });
    request.output = OutputFormat::JsonSchema(OutputSchema {
        name: Some("a name".into()),
        description: Some("d".into()),
        schema: r#"{"type":"object","additionalProperties":false,"properties":{},"required":[]}"#
            .into(),
        strict: Some(true),
    });
    request.verbosity = Some("low".into());
    request.service_tier = Some("flex".into());
    request.user = Some("u".into());
    request.metadata = vec![("k".into(), "v".into())];
    request.modalities = vec!["text".into()];
    request.extensions = vec![extension(
        DIALECT,
        &json!({"truncation": "auto", "include": ["file_search_call.results"], "reasoning": {"context": "all_turns"},
            "store": true, "stream_options": {"include_obfuscation": false}}),
    )];
    let (body, warned) = sent(&request);
    let name = &body["text"]["format"]["name"];
    assert!(!name.as_str().unwrap().contains(' '));
    assert_eq!(
        body,
        json!({"model": "m", "input": [{"type": "message", "role": "user", "content": "Hi"}],
            "text": {"format": {"type": "json_schema", "name": name, "description": "d", "strict": true,
                "schema": {"type": "object", "additionalProperties": false, "properties": {}, "required": []}},
                "verbosity": "low"},
            "max_output_tokens": 100, "temperature": 0.5, "top_p": 0.9, "top_logprobs": 2,
            "reasoning": {"effort": "high", "summary": "auto", "context": "all_turns"},
            "service_tier": "flex", "user": "u", "metadata": {"k": "v"}, "truncation": "auto", "store": true,
            "include": ["file_search_call.results", "reasoning.encrypted_content", "message.output_text.logprobs"]})
    );
    assert!(warned.is_empty());
    assert_eq!(
        count(&body).as_object().unwrap().keys().collect::<Vec<_>>(),
        ["model", "input", "reasoning", "text", "truncation"]
    );
}

#[test]
fn what_it_lacks_is_named() {
    let mut request = ask(vec![user("Hi")]);
    request.sampling = Sampling {
        max_tokens: Some(4),
        top_k: Some(3),
        seed: Some(1),
        frequency_penalty: Some(1.0),
        presence_penalty: Some(0.0),
        stop: vec!["END".into()],
        ..Sampling::default()
    };
    request.reasoning = Some(ReasoningOptions {
        enabled: Some(false),
        effort: None,
        budget_tokens: Some(1024),
        display: Some("omitted".into()),
    });
    request.extensions = vec![
        extension(
            "openai-chat",
            &json!({"logit_bias": {"5": 1}, "store": true, "prompt_cache_key": "k",
            "stream_options": {"include_usage": true}}),
        ),
        extension("anthropic-messages", &json!({"container": "c"})),
    ];
    let (body, warned) = sent(&request);
    assert_eq!(
        body,
        json!({"model": "m", "input": [{"type": "message", "role": "user", "content": "Hi"}], "max_output_tokens": 16,
            "reasoning": {"effort": "none"}, "store": true, "prompt_cache_key": "k",
            "include": ["reasoning.encrypted_content"]})
    );
    assert_eq!(
        warned,
        [
            "sampling.max_tokens",
            "sampling.top_k",
            "sampling.seed",
            "sampling.frequency_penalty",
            "sampling.stop",
            "reasoning.budget_tokens",
            "extensions.logit_bias",
            "extensions.container",
        ]
    );
}

#[test]
fn what_would_change_the_answer_is_refused() {
    let at = |change: fn(&mut GenerateRequest)| {
        let mut request = ask(vec![user("Hi")]);
        change(&mut request);
        let error = translate(&request, &Config::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadRequest);
        error.param.unwrap()
    };
    assert_eq!(at(|it| it.sampling.choices = Some(2)), "sampling.choices");
    assert_eq!(
        at(|it| it.modalities = vec!["text".into(), "audio".into()]),
        "modalities"
    );
    assert_eq!(
        at(|it| {
            it.tools = vec![Tool::Provider(ProviderTool {
                kind: "web_search_20250305".into(),
                dialect: "anthropic-messages".into(),
                definition: "{}".into(),
            })];
        }),
        "tools"
    );
}

#[test]
fn tools_and_the_choice_among_them() {
    let function = |name: &str, parameters: Option<&str>, strict, data: Option<Value>| {
        Tool::Function(FunctionTool {
            name: name.into(),
            description: Some("d".into()),
            parameters: parameters.map(str::to_owned),
            strict,
            cache: None,
            provider_data: data.map(|data| data.to_string()),
        })
    };
    let own = |kind: &str, dialect: &str, definition: Value| {
        Tool::Provider(ProviderTool {
            kind: kind.into(),
            dialect: dialect.into(),
            definition: definition.to_string(),
        })
    };
    let open = r#"{"properties":{"a":{"type":"string"}}}"#;
    let search = json!({"type": "web_search", "search_context_size": "low"});
    let grammar = json!({"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar",
        "grammar": {"syntax": "lark", "definition": "start: X"}}}});
    let mut request = ask(vec![user("Hi")]);
    request.tools = vec![
        function(
            "f",
            None,
            None,
            Some(json!({"async": true, "input_examples": [1]})),
        ),
        function("g", Some(open), Some(true), None),
        own("web_search", DIALECT, search.clone()),
        own("custom", "openai-chat", grammar),
    ];
    request.parallel_tool_calls = Some(false);
    let mut choose = |choice: ToolChoice| {
        request.tool_choice = Some(choice);
        sent(&request)
    };
    let (body, warned) = choose(ToolChoice::Tool("f".into()));
    assert_eq!(
        body["tools"],
        json!([
            {"type": "function", "name": "f", "description": "d", "strict": false,
                "parameters": {"type": "object", "properties": {}}, "async": true},
            {"type": "function", "name": "g", "description": "d", "strict": false,
                "parameters": {"properties": {"a": {"type": "string"}}, "type": "object"}},
            search,
            {"name": "patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}, "type": "custom"},
        ])
    );
    assert_eq!(warned, ["tools.input_examples", "tools.strict"]);
    assert_eq!(body["parallel_tool_calls"], false);
    let mut chosen = |choice| choose(choice).0["tool_choice"].take();
    let f = json!({"type": "function", "name": "f"});
    assert_eq!(chosen(ToolChoice::Tool("f".into())), f);
    assert_eq!(
        chosen(ToolChoice::Tool("web_search".into())),
        json!({"type": "web_search"})
    );
    assert_eq!(
        chosen(ToolChoice::Tool("patch".into())),
        json!({"type": "custom", "name": "patch"})
    );
    assert_eq!(chosen(ToolChoice::Required), "required");
    assert_eq!(chosen(ToolChoice::None), "none");
    assert_eq!(
        chosen(ToolChoice::Allowed(vec!["f".into(), "web_search".into()])),
        json!({"type": "allowed_tools", "mode": "auto", "tools": [f, {"type": "web_search"}]})
    );
    request.tools.clear();
    request.tool_choice = Some(ToolChoice::None);
    let (body, _) = sent(&request);
    assert!(body.get("tool_choice").is_none() && body.get("parallel_tool_calls").is_none());
}

/// The client that searched for it itself has loaded it; for the vendor's own search it stays back.
#[test]
fn a_tool_is_kept_back_for_the_vendors_own_search_only() {
    let mut request = ask(vec![user("Hi")]);
    request.tools = vec![Tool::Function(FunctionTool {
        name: "f".into(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
        provider_data: Some(json!({"defer_loading": true}).to_string()),
    })];
    let (body, warned) = sent(&request);
    assert!(body["tools"][0].get("defer_loading").is_none());
    assert_eq!(warned, ["tools.defer_loading"]);
    request.tools.push(Tool::Provider(ProviderTool {
        kind: "tool_search".into(),
        dialect: DIALECT.into(),
        definition: json!({"type": "tool_search"}).to_string(),
    }));
    let (body, warned) = sent(&request);
    assert_eq!(body["tools"][0]["defer_loading"], true);
    assert!(warned.is_empty());
}

/// Claude Code 2.1.332 asks with both.
#[test]
fn what_an_agent_asks_for_and_the_vendor_refuses() {
    let mut request = ask(vec![user("Hi")]);
    request.reasoning = Some(ReasoningOptions {
        enabled: Some(true),
        effort: Some("high".into()),
        budget_tokens: None,
        display: Some("updates".into()),
    });
    request.user = Some("{\"device_id\":\"".to_owned() + &"a".repeat(64) + "\"}");
    let (body, warned) = sent(&request);
    assert_eq!(body["reasoning"], json!({"effort": "high"}));
    assert!(body.get("user").is_none());
    assert_eq!(warned, ["reasoning.display", "user"]);
    request.user = Some("é".repeat(64));
    assert_eq!(sent(&request).0["user"], "é".repeat(64));
}

#[test]
fn the_operators_options_hold_here_too() {
    let config: Config = serde_json::from_value(
        json!({"api": "responses", "instructions": "first", "leave_out": ["store", "include", "reasoning"]}),
    )
    .unwrap();
    let mut request = ask(vec![
        user("Hi"),
        Message::new(Role::Developer, vec![Part::text("Now.")]),
    ]);
    request.reasoning = Some(ReasoningOptions {
        enabled: None,
        effort: Some("low".into()),
        budget_tokens: None,
        display: None,
    });
    let translated = translate(&request, &config).unwrap();
    assert_eq!(
        translated.body,
        json!({"model": "m", "input": [{"type": "message", "role": "system", "content": "Now."},
            {"type": "message", "role": "user", "content": "Hi"}]})
    );
    assert_eq!(
        translated.warnings.fields().collect::<Vec<_>>(),
        ["messages.system", "reasoning"]
    );
}

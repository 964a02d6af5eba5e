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
        provider_data: None,
    };
    let search = Tool::Provider(ProviderTool {
        kind: "web_search_20250305".into(),
        dialect: DIALECT.into(),
        definition: r#"{"type":"web_search_20250305","name":"web_search","max_uses":3}"#.into(),
    });
    request.tools = vec![Tool::Function(strict.clone()), search, function("g.h")];
    request.parallel_tool_calls = Some(false);
    let (body, warned) = sent(&request);
    assert_eq!(
        body["tools"].as_array().unwrap()[..2],
        [
            json!({"name": "f", "description": "Does f", "strict": true, "cache_control": {"type": "ephemeral"},
                "input_schema": {"type": "object", "additionalProperties": false,
                    "properties": {"n": {"type": "integer", "description": "{minimum: 1}"}}}}),
            json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 3}),
        ]
    );
    assert_eq!(
        body["tools"][2]["input_schema"],
        json!({"type": "object", "properties": {}})
    );
    assert_eq!(
        body["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    assert_eq!(warned, ["tools.parameters"]);
    let mut choose = |choice: ToolChoice| {
        request.tool_choice = Some(choice);
        sent(&request)
    };
    assert_eq!(
        choose(ToolChoice::None).0["tool_choice"],
        json!({"type": "none"})
    );
    let any = json!({"type": "any", "disable_parallel_tool_use": true});
    assert_eq!(choose(ToolChoice::Required).0["tool_choice"], any);
    let (body, _) = choose(ToolChoice::Tool("g.h".into()));
    assert_eq!(body["tool_choice"]["name"], body["tools"][2]["name"]);
    let (body, _) = choose(ToolChoice::Tool("web_search_20250305".into()));
    assert_eq!(body["tool_choice"]["name"], "web_search");
    let (body, warned) = choose(ToolChoice::Allowed(vec!["g.h".into()]));
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(body["tool_choice"]["type"], "auto");
    assert!(warned.contains(&"tool_choice.allowed".into()));
    let (body, _) = choose(ToolChoice::Allowed(vec![]));
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
    request.tool_choice = Some(ToolChoice::Allowed(vec!["nope".into()]));
    assert!(refused(&request).message.contains("`nope`"));
    request.tool_choice = Some(ToolChoice::Auto);
    request.tools = vec![];
    assert_eq!(sent(&request).0.get("tool_choice"), None);
    strict.parameters = Some("[]".into());
    request.tools = vec![Tool::Function(strict)];
    assert!(refused(&request).message.contains("`f`"));
    request.tools = vec![Tool::Provider(ProviderTool {
        kind: "code_interpreter".into(),
        dialect: "openai-responses".into(),
        definition: "{}".into(),
    })];
    assert!(refused(&request).message.contains("`code_interpreter`"));
}

/// Codex 0.169 offers it in these words, to every model.
#[test]
fn a_search_in_anothers_words() {
    let mut request = ask(vec![user("Hi")]);
    let mut search = |definition: Value| {
        request.tools = vec![Tool::Provider(ProviderTool {
            kind: "web_search".into(),
            dialect: "openai-responses".into(),
            definition: definition.to_string(),
        })];
        request.tool_choice = Some(ToolChoice::Tool("web_search".into()));
        let (mut body, warned) = sent(&request);
        assert_eq!(body["tool_choice"]["name"], "web_search");
        (body["tools"][0].take(), warned)
    };
    assert_eq!(
        search(json!({"type": "web_search", "external_web_access": true, "filters": null})),
        (
            json!({"type": "web_search_20250305", "name": "web_search"}),
            vec![]
        )
    );
    let place = json!({"type": "approximate", "country": "CH"});
    assert_eq!(
        search(
            json!({"type": "web_search", "external_web_access": false, "search_context_size": "low",
            "filters": {"allowed_domains": ["x.example"]}, "user_location": place})
        ),
        (
            json!({"type": "web_search_20250305", "name": "web_search", "allowed_domains": ["x.example"], "user_location": place}),
            vec![
                "tools.web_search.external_web_access".to_owned(),
                "tools.web_search.search_context_size".to_owned()
            ]
        )
    );
}

#[test]
fn answers_by_schema_or_by_instruction() {
    let mut request = ask(vec![user("Hi")]);
    request.output = OutputFormat::JsonSchema(OutputSchema {
        name: Some("n".into()),
        description: Some("A thing".into()),
        schema: r#"{"type":"object","properties":{"a":{"type":"string"}}}"#.into(),
        strict: Some(true),
    });
    let (body, warned) = sent(&request);
    assert_eq!(
        body["output_config"],
        json!({"format": {"type": "json_schema", "schema": {"type": "object", "description": "A thing",
            "properties": {"a": {"type": "string"}}, "additionalProperties": false}}})
    );
    assert!(warned.is_empty());
    request.output = OutputFormat::Json;
    let (body, warned) = sent(&request);
    assert!(body["system"].as_str().unwrap().contains("JSON"));
    assert_eq!(warned, ["output.json"]);
}

#[test]
fn settings_are_honoured_or_warned_about() {
    let mut request = ask(vec![user("Hi")]);
    request.sampling = Sampling {
        max_tokens: Some(10),
        temperature: Some(1.5),
        top_p: Some(0.9),
        top_k: Some(3),
        seed: Some(1),
        frequency_penalty: Some(0.0),
        presence_penalty: Some(0.5),
        stop: vec!["END".into()],
        choices: Some(1),
        logprobs: Some(0),
    };
    request.stream = true;
    request.user = Some("u".into());
    request.metadata = vec![("k".into(), "v".into())];
    request.service_tier = Some("default".into());
    request.verbosity = Some("low".into());
    request.extensions = vec![
        extension(
            DIALECT,
            json!({"betas": ["b"], "speed": "fast", "metadata": {"x": 1, "user_id": "other"}, "max_tokens": 10}),
        ),
        extension("openai-chat", json!({"logit_bias": {}})),
    ];
    let (body, translated) = with(&request, "{}");
    assert_eq!(
        body,
        json!({"model": "m", "max_tokens": 10, "stream": true, "top_p": 0.9, "top_k": 3,
            "stop_sequences": ["END"], "metadata": {"user_id": "u", "x": 1}, "service_tier": "standard_only",
            "speed": "fast", "messages": [{"role": "user", "content": "Hi"}]})
    );
    assert_eq!(translated.betas, ["b"]);
    assert_eq!(
        fields(&translated),
        [
            "sampling.temperature",
            "sampling.seed",
            "sampling.presence_penalty",
            "sampling.logprobs",
            "metadata",
            "verbosity",
            "extensions.metadata.user_id",
            "extensions.logit_bias",
        ]
    );
    let counted = translated.into_counted().body;
    let fields: Vec<_> = counted.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["model", "messages", "speed"]);
    let (_, translated) = with(&request, r#"{"allowed_betas":[]}"#);
    assert!(translated.betas.is_empty());
    assert!(super::fields(&translated).contains(&"extensions.betas"));
    request.sampling.choices = Some(2);
    assert_eq!(refused(&request).param.as_deref(), Some("sampling.choices"));
    request.sampling.choices = None;
    request.modalities = vec!["text".into(), "audio".into()];
    assert_eq!(refused(&request).param.as_deref(), Some("modalities"));
}

fn thinks(options: ReasoningOptions) -> GenerateRequest {
    let mut request = ask(vec![user("Hi")]);
    request.reasoning = Some(options);
    request
}

fn options() -> ReasoningOptions {
    ReasoningOptions {
        enabled: None,
        effort: None,
        budget_tokens: None,
        display: None,
    }
}

#[test]
fn an_effort_a_budget_or_nothing_to_think_with() {
    let effort = |word: &str| {
        thinks(ReasoningOptions {
            effort: Some(word.into()),
            ..options()
        })
    };
    let (body, warned) = sent(&effort("high"));
    assert_eq!(body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
    assert!(warned.is_empty());
    assert_eq!(
        sent(&effort("none")).0["thinking"],
        json!({"type": "disabled"})
    );
    assert_eq!(sent(&effort("minimal")).1, ["reasoning.effort"]);
    let (body, _) = with(&effort("low"), r#"{"thinking":"budget"}"#);
    assert_eq!(
        body["thinking"],
        json!({"type": "enabled", "budget_tokens": 2048})
    );
    assert_eq!(body["max_tokens"], 8192 + 2048);
    assert_eq!(body.get("output_config"), None);
    assert_eq!(sent(&thinks(options())).0.get("thinking"), None);
    let mut budget = thinks(ReasoningOptions {
        budget_tokens: Some(9000),
        display: Some("summarized".into()),
        ..options()
    });
    budget.sampling.max_tokens = Some(5000);
    let (body, translated) = with(&budget, "{}");
    assert_eq!(
        body["thinking"],
        json!({"type": "enabled", "budget_tokens": 4999, "display": "summarized"})
    );
    assert_eq!(translated.thoughts, ReasoningKind::Summary);
    assert_eq!(fields(&translated), ["reasoning.budget_tokens"]);
    budget.sampling.max_tokens = Some(1000);
    let (body, warned) = sent(&budget);
    assert_eq!(
        (body.get("thinking"), &body["max_tokens"]),
        (None, &json!(1000))
    );
    assert_eq!(warned, ["reasoning.budget_tokens"]);
}

#[test]
fn what_thinking_rules_out() {
    let on = ReasoningOptions {
        enabled: Some(true),
        ..options()
    };
    let mut request = thinks(on);
    request.sampling.temperature = Some(0.2);
    request.sampling.top_k = Some(5);
    request.sampling.top_p = Some(0.97);
    let (body, warned) = sent(&request);
    assert_eq!((body.get("temperature"), body.get("top_k")), (None, None));
    assert_eq!(body["top_p"], 0.97);
    assert_eq!(warned, ["sampling.temperature", "sampling.top_k"]);
    request.tools = vec![function("f")];
    request.tool_choice = Some(ToolChoice::Required);
    let (body, warned) = sent(&request);
    assert_eq!(
        (body.get("thinking"), &body["temperature"]),
        (None, &json!(0.2))
    );
    assert_eq!(warned, ["reasoning"]);
    request.tool_choice = None;
    request
        .messages
        .push(Message::new(Role::Assistant, vec![call("a", "f", "{}")]));
    request.messages.push(result_text("a", "1"));
    assert_eq!(sent(&request).0["thinking"]["type"], "adaptive");
    request.reasoning = Some(ReasoningOptions {
        budget_tokens: Some(2000),
        ..options()
    });
    let (body, warned) = sent(&request);
    assert_eq!(body.get("thinking"), None);
    assert!(warned.contains(&"reasoning".into()));
}

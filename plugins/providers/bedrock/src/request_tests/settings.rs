use super::*;

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
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    let definition = json!({"schema": schema.to_string(), "name": "n", "description": "A thing"});
    assert_eq!(
        body["outputConfig"],
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": definition}}})
    );
    assert!(warned.is_empty());
    request.output = OutputFormat::Json;
    let (body, warned) = sent(&request);
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON"));
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
        stop: vec!["END".into(), "HALT".into()],
        choices: Some(1),
        logprobs: Some(0),
    };
    request.stream = true;
    request.user = Some("u".into());
    request.metadata = vec![("k".into(), "v 1".into()), ("bad".into(), "é".into())];
    request.service_tier = Some("flex".into());
    request.verbosity = Some("low".into());
    request.extensions = vec![
        extension(
            MESSAGES,
            json!({"context_management": {"edits": []}, "container": "c"}),
        ),
        extension("openai-chat", json!({"logit_bias": {}})),
        extension(DIALECT, json!({"promptVariables": {"a": {"text": "b"}}})),
    ];
    let config = r#"{"additional_model_request_fields":{"mine":1},"latency":"optimized",
        "guardrail":{"id":"g","version":"DRAFT","stream":"async"}}"#;
    let (body, expected) = with(&request, config);
    assert_eq!(
        body,
        json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "inferenceConfig": {"maxTokens": 10, "topP": 0.9, "stopSequences": ["END", "HALT"]},
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
            "requestMetadata": {"k": "v 1"}, "serviceTier": {"type": "flex"},
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "DRAFT", "streamProcessingMode": "async"},
            "performanceConfig": {"latency": "optimized"},
            "additionalModelRequestFields": {"top_k": 3, "context_management": {"edits": []}, "mine": 1},
            "promptVariables": {"a": {"text": "b"}}})
    );
    assert_eq!(
        fields(&expected),
        [
            "sampling.temperature",
            "sampling.seed",
            "sampling.presence_penalty",
            "sampling.logprobs",
            "user",
            "verbosity",
            "metadata",
            "extensions.container",
            "extensions.logit_bias",
        ]
    );
    request.stream = false;
    let config = serde_json::from_str(config).unwrap();
    let translated = translate(&request, &config).unwrap();
    assert_eq!(
        translated.body["guardrailConfig"].get("streamProcessingMode"),
        None
    );
    let counted = translated.into_counted();
    let kept: Vec<_> = counted["input"]["converse"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(kept, ["messages", "additionalModelRequestFields"]);
    request.sampling.choices = Some(2);
    assert_eq!(refused(&request).param.as_deref(), Some("sampling.choices"));
    request.sampling.choices = None;
    request.modalities = vec!["text".into(), "audio".into()];
    assert_eq!(refused(&request).param.as_deref(), Some("modalities"));
}

#[test]
fn each_maker_has_its_own_words() {
    let mut request = ask(vec![user("Hi")]);
    request.sampling.top_k = Some(3);
    request.sampling.seed = Some(7);
    let mut own = |model: &str| {
        request.model = model.into();
        let (mut body, warned) = sent(&request);
        (body["additionalModelRequestFields"].take(), warned)
    };
    let (top_k, seed) = (
        String::from("sampling.top_k"),
        String::from("sampling.seed"),
    );
    assert_eq!(
        own("cohere.command-r-v1:0"),
        (json!({"k": 3, "seed": 7}), vec![])
    );
    let nova = json!({"inferenceConfig": {"topK": 3}});
    assert_eq!(own("amazon.nova-pro-v1:0"), (nova, vec![seed.clone()]));
    assert_eq!(
        own("mistral.mistral-large-2402-v1:0"),
        (json!({"top_k": 3}), vec![seed.clone()])
    );
    assert_eq!(
        own("meta.llama3-8b-instruct-v1:0"),
        (Value::Null, vec![top_k, seed])
    );
}

#[test]
fn betas_move_into_the_body_as_far_as_they_are_allowed() {
    let mut request = ask(vec![user("Hi")]);
    let asked = json!({"betas": ["effort-2025-11-24", "claude-code-20250219"]});
    request.extensions = vec![extension(MESSAGES, asked)];
    let betas = |request: &GenerateRequest, config: &str| {
        let (mut body, expected) = with(request, config);
        let warned = fields(&expected)
            .iter()
            .filter(|field| **field == "extensions.betas")
            .count();
        (
            body["additionalModelRequestFields"]["anthropic_beta"].take(),
            warned,
        )
    };
    assert_eq!(betas(&request, "{}"), (json!(["effort-2025-11-24"]), 1));
    let own = r#"{"betas":["mine","effort-2025-11-24"],"allowed_betas":[]}"#;
    assert_eq!(
        betas(&request, own),
        (json!(["mine", "effort-2025-11-24"]), 1)
    );
    request.model = "amazon.nova-pro-v1:0".into();
    assert_eq!(betas(&request, own), (Value::Null, 1));
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

fn effort(word: &str) -> GenerateRequest {
    thinks(ReasoningOptions {
        effort: Some(word.into()),
        ..options()
    })
}

#[test]
fn an_effort_a_budget_or_nothing_to_think_with() {
    let thinking = |body: &Value| {
        body["additionalModelRequestFields"]
            .get("thinking")
            .cloned()
    };
    let (body, warned) = sent(&effort("high"));
    assert_eq!(thinking(&body), Some(json!({"type": "adaptive"})));
    assert_eq!(body["outputConfig"], json!({"effort": "high"}));
    assert!(warned.is_empty());
    assert_eq!(
        thinking(&sent(&effort("none")).0),
        Some(json!({"type": "disabled"}))
    );
    assert_eq!(sent(&effort("minimal")).1, ["reasoning.effort"]);
    let (body, _) = with(&effort("low"), r#"{"thinking":"budget"}"#);
    assert_eq!(
        thinking(&body),
        Some(json!({"type": "enabled", "budget_tokens": 2048}))
    );
    assert_eq!(
        (body.get("inferenceConfig"), body.get("outputConfig")),
        (None, None)
    );
    assert_eq!(thinking(&sent(&thinks(options())).0), None);
    let mut budget = thinks(ReasoningOptions {
        budget_tokens: Some(9000),
        display: Some("summarized".into()),
        ..options()
    });
    budget.sampling.max_tokens = Some(5000);
    let (body, expected) = with(&budget, "{}");
    assert_eq!(
        thinking(&body),
        Some(json!({"type": "enabled", "budget_tokens": 4999, "display": "summarized"}))
    );
    assert_eq!(expected.thoughts, ReasoningKind::Summary);
    assert_eq!(fields(&expected), ["reasoning.budget_tokens"]);
    budget.sampling.max_tokens = Some(1000);
    let (body, warned) = sent(&budget);
    assert_eq!(thinking(&body), None);
    assert_eq!(warned, ["reasoning.budget_tokens"]);
}

#[test]
fn other_makers_think_by_effort_or_are_not_told() {
    let own = |model: &str, mut request: GenerateRequest| {
        request.model = model.into();
        let (mut body, warned) = sent(&request);
        (body["additionalModelRequestFields"].take(), warned)
    };
    let nova = "us.amazon.nova-2-lite-v1:0";
    let level =
        |level: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}});
    assert_eq!(own(nova, effort("low")), (level("low"), vec![]));
    assert_eq!(
        own(nova, effort("max")),
        (level("high"), vec!["reasoning.effort".into()])
    );
    assert_eq!(
        own(nova, effort("none")).0,
        json!({"reasoningConfig": {"type": "disabled"}})
    );
    let oss = "openai.gpt-oss-20b-1:0";
    assert_eq!(
        own(oss, effort("high")),
        (json!({"reasoning_effort": "high"}), vec![])
    );
    let budget = thinks(ReasoningOptions {
        budget_tokens: Some(5),
        ..options()
    });
    assert_eq!(
        own(oss, budget),
        (
            json!({"reasoning_effort": "medium"}),
            vec!["reasoning.budget_tokens".into()]
        )
    );
    assert_eq!(
        own("meta.llama3-8b", effort("high")),
        (Value::Null, vec!["reasoning".into()])
    );
    assert_eq!(
        own("meta.llama3-8b", thinks(options())).1,
        Vec::<String>::new()
    );
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
    assert_eq!(body["inferenceConfig"], json!({"topP": 0.97}));
    let own = json!({"thinking": {"type": "adaptive"}});
    assert_eq!(body["additionalModelRequestFields"], own);
    assert_eq!(warned, ["sampling.temperature", "sampling.top_k"]);
    request.tools = vec![function("f")];
    request.tool_choice = Some(ToolChoice::Required);
    let (body, warned) = sent(&request);
    assert_eq!(body["additionalModelRequestFields"], json!({"top_k": 5}));
    assert_eq!(warned, ["reasoning"]);
    request.tool_choice = None;
    request
        .messages
        .push(Message::new(Role::Assistant, vec![call("a", "f", "{}")]));
    request.messages.push(result_text("a", "1"));
    assert_eq!(sent(&request).0["additionalModelRequestFields"], own);
    request.reasoning = Some(ReasoningOptions {
        budget_tokens: Some(2000),
        ..options()
    });
    let (body, warned) = sent(&request);
    assert_eq!(body["additionalModelRequestFields"].get("thinking"), None);
    assert!(warned.contains(&"reasoning".into()));
}

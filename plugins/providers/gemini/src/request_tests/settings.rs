use super::*;

#[test]
fn sampling_has_its_places() {
    let mut request = ask(vec![user("Hi")]);
    request.sampling = Sampling {
        max_tokens: Some(9),
        temperature: Some(2.5),
        top_p: Some(0.5),
        top_k: Some(3),
        seed: Some(7),
        frequency_penalty: Some(0.25),
        presence_penalty: Some(-0.25),
        stop: vec!["END".into()],
        choices: Some(2),
        logprobs: Some(4),
    };
    let (body, warned) = sent(&request);
    assert_eq!(
        body["generationConfig"],
        json!({"maxOutputTokens": 9, "temperature": 2.0, "topP": 0.5, "topK": 3, "seed": 7, "frequencyPenalty": 0.25,
            "presencePenalty": -0.25, "candidateCount": 2, "responseLogprobs": true, "logprobs": 4, "stopSequences": ["END"]})
    );
    assert_eq!(warned, ["sampling.temperature"]);
    request.sampling = Sampling {
        logprobs: Some(0),
        seed: Some(1 << 40 | 5),
        ..Sampling::default()
    };
    let (body, _) = sent(&request);
    assert_eq!(
        body["generationConfig"],
        json!({"seed": 5, "responseLogprobs": true})
    );
    request.sampling.stop = vec!["x".into(); 6];
    let error = refused(&request);
    assert_eq!(
        (error.code, error.param.as_deref()),
        (ErrorCode::BadRequest, Some("sampling.stop"))
    );
}

#[test]
fn tools_are_declared_and_the_vendors_own_join_them() {
    let mut request = ask(vec![user("Hi")]);
    let mut strict = function("files/read");
    strict.description = Some("Reads".into());
    strict.parameters = Some(r##"{"properties":{"n":{"type":"string","pattern":"^a"}}}"##.into());
    strict.strict = Some(true);
    strict.cache = Some(CacheMark { ttl_seconds: None });
    strict.provider_data = Some(r#"{"type":"custom","defer_loading":true}"#.into());
    let search = ProviderTool {
        kind: "googleSearch".into(),
        dialect: DIALECT.into(),
        definition: r#"{"googleSearch":{}}"#.into(),
    };
    request.tools = vec![
        Tool::Function(strict),
        Tool::Function(function("now")),
        Tool::Provider(search),
    ];
    request.parallel_tool_calls = Some(false);
    let (body, warned) = with(&request, r#"{"tools":[{"codeExecution":{}}]}"#);
    let renamed = body["tools"][0]["functionDeclarations"][0]["name"]
        .as_str()
        .unwrap();
    assert!(renamed.starts_with("files_read"));
    assert_eq!(
        body["tools"],
        json!([
            {"functionDeclarations": [
                {"name": renamed, "description": "Reads", "parametersJsonSchema": {"type": "object",
                    "properties": {"n": {"type": "string", "description": "{pattern: \"^a\"}"}}}},
                {"name": "now"}]},
            {"codeExecution": {}}, {"googleSearch": {}}])
    );
    assert_eq!(
        warned,
        [
            "tools.parameters",
            "tools.strict",
            "tools.defer_loading",
            "parallel_tool_calls"
        ]
    );
    assert!(body.get("toolConfig").is_none());
    let theirs = ProviderTool {
        kind: "web_search_20250305".into(),
        dialect: "anthropic-messages".into(),
        definition: "{}".into(),
    };
    request.tools = vec![Tool::Provider(theirs)];
    assert!(refused(&request).message.contains("web_search_20250305"));
    let mut wrong = function("f");
    wrong.parameters = Some("[]".into());
    request.tools = vec![Tool::Function(wrong)];
    assert!(refused(&request).message.contains("`f`"));
}

#[test]
fn every_choice_has_its_mode() {
    let choose = |choice: ToolChoice, tools: &[&str]| {
        let mut request = ask(vec![user("Hi")]);
        request.tools = tools
            .iter()
            .map(|name| Tool::Function(function(name)))
            .collect();
        request.tool_choice = Some(choice);
        let (mut body, warned) = sent(&request);
        let offered = body["tools"][0]["functionDeclarations"]
            .as_array()
            .map_or(0, Vec::len);
        (
            body["toolConfig"]["functionCallingConfig"].take(),
            offered,
            warned.len(),
        )
    };
    let both = ["a", "b"];
    assert_eq!(
        choose(ToolChoice::Auto, &both),
        (json!({"mode": "AUTO"}), 2, 0)
    );
    assert_eq!(
        choose(ToolChoice::None, &both),
        (json!({"mode": "NONE"}), 2, 0)
    );
    assert_eq!(
        choose(ToolChoice::Required, &both),
        (json!({"mode": "ANY"}), 2, 0)
    );
    let one = json!({"mode": "ANY", "allowedFunctionNames": ["b"]});
    assert_eq!(choose(ToolChoice::Tool("b".into()), &both), (one, 2, 0));
    assert_eq!(
        choose(ToolChoice::Allowed(vec!["b".into()]), &both),
        (json!({"mode": "AUTO"}), 1, 1)
    );
    assert_eq!(
        choose(ToolChoice::Allowed(vec![]), &both),
        (json!({"mode": "NONE"}), 2, 0)
    );
    assert_eq!(choose(ToolChoice::Auto, &[]), (Value::Null, 0, 0));
    assert_eq!(choose(ToolChoice::None, &[]), (Value::Null, 0, 0));
    let mut request = ask(vec![user("Hi")]);
    request.tool_choice = Some(ToolChoice::Allowed(vec!["x".into()]));
    assert!(refused(&request).message.contains("`x`"));
}

#[test]
fn the_form_of_the_answer() {
    let mut request = ask(vec![user("Hi")]);
    request.output = OutputFormat::Json;
    let (body, _) = sent(&request);
    assert_eq!(
        body["generationConfig"],
        json!({"responseMimeType": "application/json"})
    );
    let mut wanted = OutputSchema {
        name: Some("answer".into()),
        description: Some("D".into()),
        schema: r##"{"type":["object","null"],"properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"const":1}}}"##.into(),
        strict: Some(true),
    };
    request.output = OutputFormat::JsonSchema(wanted.clone());
    let (body, warned) = sent(&request);
    assert_eq!(
        body["generationConfig"],
        json!({"responseMimeType": "application/json", "responseJsonSchema": {"type": ["object", "null"],
            "properties": {"a": {"$ref": "#/$defs/x"}}, "description": "D", "$defs": {"x": {"enum": [1]}}}})
    );
    assert!(warned.is_empty());
    wanted.schema = "[".into();
    request.output = OutputFormat::JsonSchema(wanted);
    assert_eq!(refused(&request).param.as_deref(), Some("output.schema"));
}

#[test]
fn labels_tiers_and_what_the_vendor_lacks() {
    let mut request = ask(vec![user("Hi")]);
    request.user = Some("u".into());
    request.verbosity = Some("low".into());
    request.metadata = vec![
        ("team".into(), "a-1".into()),
        ("Team".into(), "x".into()),
        ("note".into(), "Two words".into()),
    ];
    request.service_tier = Some("flex".into());
    request.modalities = vec!["text".into(), "image".into()];
    request.extensions = vec![
        Extension {
            dialect: DIALECT.into(),
            fields: r#"{"store":false,"generationConfig":{"topK":2}}"#.into(),
        },
        Extension {
            dialect: "openai-chat".into(),
            fields: r#"{"logit_bias":{}}"#.into(),
        },
    ];
    let (body, warned) = with(
        &request,
        r#"{"safety_settings":{"HARM_CATEGORY_HARASSMENT":"OFF"},"request":{"store":true,"cachedContent":"c"}}"#,
    );
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "topK": 2}, "labels": {"team": "a-1"},
            "serviceTier": "flex", "store": false,
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}], "cachedContent": "c"})
    );
    assert_eq!(
        warned,
        [
            "user",
            "verbosity",
            "metadata",
            "metadata",
            "extensions.logit_bias"
        ]
    );
    for (asked, tier, warns) in [
        ("auto", Value::Null, 0),
        ("default", json!("standard"), 0),
        ("standard_only", json!("standard"), 0),
        ("priority", json!("priority"), 0),
        ("scale", Value::Null, 1),
    ] {
        let mut request = ask(vec![user("Hi")]);
        request.service_tier = Some(asked.into());
        request.modalities = vec!["text".into()];
        let (body, warned) = sent(&request);
        assert_eq!(
            (body["serviceTier"].clone(), warned.len()),
            (tier, warns),
            "{asked}"
        );
        assert!(body.get("generationConfig").is_none());
    }
}

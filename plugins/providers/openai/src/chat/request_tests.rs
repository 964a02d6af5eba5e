use super::*;

fn ask(messages: Vec<Message>) -> GenerateRequest {
    GenerateRequest::new("m", messages)
}

fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text)])
}

fn ours(content: Content, data: Value) -> Part {
    Part {
        provider_data: Some(data.to_string()),
        ..Part::new(content)
    }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        by_provider: false,
    }))
}

fn result(call_id: &str, content: Vec<ResultContent>, is_error: bool) -> Part {
    Part::new(Content::ToolResult(ToolResult {
        call_id: call_id.into(),
        name: None,
        content,
        is_error,
        by_provider: false,
    }))
}

fn media(source: MediaSource, media_type: &str) -> Media {
    Media {
        source,
        media_type: Some(media_type.into()),
        name: Some("T".into()),
        context: None,
        detail: None,
        cite: false,
    }
}

fn reasoning(text: &str) -> Content {
    let kind = ReasoningKind::Full;
    Content::Reasoning(Reasoning {
        kind,
        text: text.into(),
    })
}

fn with(request: &GenerateRequest) -> (Value, Translated) {
    let translated = translate(request, &Config::default()).unwrap();
    (translated.body.clone(), translated)
}

fn sent(request: &GenerateRequest) -> (Value, Vec<String>) {
    let (body, translated) = with(request);
    let fields = translated.warnings.fields();
    (body, fields.map(str::to_owned).collect())
}

#[test]
fn the_least_request() {
    let mut request = ask(vec![user("Hello")]);
    let least = json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]});
    assert_eq!(sent(&request), (least, vec![]));
    request.stream = true;
    let (body, _) = sent(&request);
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
}

#[test]
fn a_conversation_of_another_vendor() {
    let long = "toolu_".repeat(9);
    let image = media(MediaSource::Bytes(vec![1, 2, 3]), "image/png");
    let mut unsure = call("b", "now", "[1");
    unsure.provider_data = Some(r#"{"caller":{"type":"x"},"phase":null}"#.into());
    let request = ask(vec![
        Message::new(Role::System, vec![Part::text("Be brief.")]),
        Message::new(
            Role::User,
            vec![
                Part::text("See"),
                Part::new(Content::Image(image.clone())),
                Part::new(Content::File(media(
                    MediaSource::Bytes(b"body".to_vec()),
                    "text/plain",
                ))),
                Part::new(Content::File(media(
                    MediaSource::Bytes(b"%PDF".to_vec()),
                    "application/pdf",
                ))),
            ],
        ),
        Message::new(
            Role::Assistant,
            vec![
                ours(
                    reasoning("Hm"),
                    json!({"type": "thinking", "signature": "s"}),
                ),
                Part::new(Content::Image(image.clone())),
                call(&long, "files.read", ""),
                unsure,
            ],
        ),
        Message::new(
            Role::Tool,
            vec![
                result(&long, vec![ResultContent::Text("sunny".into())], false),
                result("b", vec![ResultContent::Image(image)], true),
            ],
        ),
    ]);
    let (body, translated) = with(&request);
    let calls = &body["messages"][2]["tool_calls"];
    let (id, name) = (&calls[0]["id"], &calls[0]["function"]["name"]);
    assert!(id.as_str().unwrap().len() <= 40);
    assert_eq!(
        translated.names.restore(name.as_str().unwrap()),
        "files.read"
    );
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "See"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID"}},
                {"type": "text", "text": "T\n\nbody"},
                {"type": "file", "file": {"filename": "T", "file_data": "data:application/pdf;base64,JVBERg=="}}]},
            {"role": "assistant", "tool_calls": [
                {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "now", "arguments": "[1"}}]},
            {"role": "tool", "tool_call_id": id, "content": "sunny"},
            {"role": "tool", "tool_call_id": "b", "content": "[image 1: it follows]"},
            {"role": "user", "content": [
                {"type": "text", "text": "[image 1, from the results above]"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID"}}]},
        ])
    );
    assert_eq!(
        translated.warnings.fields().collect::<Vec<_>>(),
        [
            "messages.reasoning",
            "messages.assistant",
            "messages.caller",
            "messages.tool_result.image",
            "messages.tool_result.is_error",
        ]
    );
}

/// The vendor refuses anything between the results of one turn; and text that comes as a file is text.
#[test]
fn what_results_hold_beside_text_follows_all_of_them() {
    let image = |byte| ResultContent::Image(media(MediaSource::Bytes(vec![byte]), "image/png"));
    let notes = media(MediaSource::Bytes(b"body".to_vec()), "text/plain");
    let request = ask(vec![
        user("Hi"),
        Message::new(
            Role::Assistant,
            vec![call("a", "f", "{}"), call("b", "f", "{}")],
        ),
        Message::new(
            Role::Tool,
            vec![
                result(
                    "a",
                    vec![ResultContent::Text("seen".into()), image(0)],
                    false,
                ),
                result("b", vec![image(1), ResultContent::File(notes)], false),
            ],
        ),
        user("And?"),
    ]);
    let (body, warned) = sent(&request);
    let text = |text: &str| json!({"type": "text", "text": text});
    let picture = |data: &str| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}});
    assert_eq!(
        body["messages"].as_array().unwrap()[2..],
        [
            json!({"role": "tool", "tool_call_id": "a", "content": [text("seen"), text("[image 1: it follows]")]}),
            json!({"role": "tool", "tool_call_id": "b", "content": [text("[image 2: it follows]"), text("T\n\nbody")]}),
            json!({"role": "user", "content": [text("[image 1, from the results above]"), picture("AA=="),
                text("[image 2, from the results above]"), picture("AQ==")]}),
            json!({"role": "user", "content": "And?"}),
        ]
    );
    assert_eq!(warned, ["messages.tool_result.image"]);
}

#[test]
fn reasoning_returns_only_to_the_field_that_it_came_in() {
    let request = |field: &str| {
        let part = |text| ours(reasoning(text), json!({"field": field}));
        ask(vec![
            user("Hi"),
            Message::new(
                Role::Assistant,
                vec![part("H"), part("m"), Part::text("Yes")],
            ),
        ])
    };
    let (body, warned) = sent(&request("reasoning_content"));
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": "Yes", "reasoning_content": "Hm"})
    );
    assert!(warned.is_empty());
    let (body, warned) = sent(&request("role"));
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": "Yes"})
    );
    assert_eq!(warned, ["messages.reasoning"]);
}

#[test]
fn sound_of_an_answer_is_named_by_its_id() {
    let sound = media(MediaSource::FileId("au1".into()), "audio/wav");
    let request = ask(vec![Message::new(
        Role::Assistant,
        vec![Part::new(Content::Audio(sound))],
    )]);
    assert_eq!(
        sent(&request).0["messages"],
        json!([{"role": "assistant", "audio": {"id": "au1"}}])
    );
}

#[test]
fn what_can_not_be_enforced_is_asked_for_without_a_guarantee() {
    let schema = |required: &str| {
        format!(
            r#"{{"type":"object","additionalProperties":false,"properties":{{"a":{{"type":"string"}}}},"required":[{required}]}}"#
        )
    };
    let mut request = ask(vec![user("Hi")]);
    let mut ask_for = |required: &str| {
        request.output = OutputFormat::JsonSchema(OutputSchema {
            name: Some("a name".into()),
            description: None,
            schema: schema(required),
            strict: Some(true),
        });
        request.tools = vec![Tool::Function(FunctionTool {
            name: "f".into(),
            description: None,
            parameters: Some(schema(required)),
            strict: Some(true),
            cache: None,
            provider_data: Some(r#"{"defer_loading":true}"#.into()),
        })];
        let (body, warned) = sent(&request);
        let format = &body["response_format"]["json_schema"];
        assert!(!format["name"].as_str().unwrap().contains(' '));
        assert_eq!(format["strict"], body["tools"][0]["function"]["strict"]);
        (format["strict"].clone(), warned)
    };
    assert_eq!(
        ask_for("\"a\""),
        (json!(true), vec!["tools.defer_loading".into()])
    );
    let (strict, warned) = ask_for("");
    assert_eq!(strict, json!(false));
    assert_eq!(
        warned,
        ["tools.strict", "tools.defer_loading", "output.strict"]
    );
}

/// Claude Code 2.1.332 names its user in 177 characters.
#[test]
fn a_user_whose_name_the_vendor_refuses_as_too_long() {
    let mut request = ask(vec![user("Hi")]);
    request.user = Some("u".repeat(64));
    assert_eq!(sent(&request).0["user"], "u".repeat(64));
    request.user = Some("u".repeat(65));
    let (body, warned) = sent(&request);
    assert!(body.get("user").is_none());
    assert_eq!(warned, ["user"]);
}

#[test]
fn settings_and_extensions() {
    let mut request = ask(vec![user("Hi")]);
    request.sampling = Sampling {
        max_tokens: Some(10),
        temperature: Some(1.5),
        top_k: Some(3),
        logprobs: Some(0),
        stop: vec!["END".into()],
        ..Sampling::default()
    };
    request.tool_choice = Some(ToolChoice::Auto);
    request.reasoning = Some(ReasoningOptions {
        enabled: Some(true),
        effort: Some("high".into()),
        budget_tokens: Some(1024),
        display: None,
    });
    request.stream = true;
    let extension = |dialect: &str, fields: Value| Extension {
        dialect: dialect.into(),
        fields: fields.to_string(),
    };
    request.extensions = vec![
        extension(
            DIALECT,
            json!({"logit_bias": {"5": 1}, "temperature": 0, "stream_options": {"include_obfuscation": false}}),
        ),
        extension("anthropic-messages", json!({"container": "c"})),
    ];
    let (body, warned) = sent(&request);
    assert_eq!(
        body,
        json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 10,
            "temperature": 1.5, "logprobs": true, "stop": ["END"], "reasoning_effort": "high", "stream": true,
            "logit_bias": {"5": 1}, "stream_options": {"include_obfuscation": false, "include_usage": true}})
    );
    assert_eq!(
        warned,
        [
            "sampling.top_k",
            "reasoning.budget_tokens",
            "extensions.temperature",
            "extensions.container",
        ]
    );
}

#[test]
fn what_other_servers_refuse_is_left_to_options() {
    let config: Config = serde_json::from_value(
        json!({"max_tokens_field": "max_tokens", "instructions": "first",
        "leave_out": ["stream_options", "parallel_tool_calls", "strict"]}),
    )
    .unwrap();
    let mut request = ask(vec![
        Message::new(Role::System, vec![Part::text("a")]),
        Message::new(Role::Developer, vec![Part::text("b")]),
        user("Hi"),
    ]);
    request.sampling.max_tokens = Some(9);
    request.stream = true;
    request.parallel_tool_calls = Some(false);
    request.tools = vec![Tool::Function(FunctionTool {
        name: "f".into(),
        description: None,
        parameters: None,
        strict: Some(false),
        cache: None,
        provider_data: None,
    })];
    let translated = translate(&request, &config).unwrap();
    assert_eq!(
        translated.body,
        json!({"model": "m", "max_tokens": 9, "stream": true,
            "messages": [{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "Hi"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]})
    );
    assert_eq!(
        translated.warnings.fields().collect::<Vec<_>>(),
        ["parallel_tool_calls"]
    );
}

use dialects::openai::chat::parse;
use serde_json::{Value, json};
use types::neutral::*;

fn request(body: Value) -> GenerateRequest {
    parse(body.to_string().as_bytes()).expect("parses").0
}

/// A request with these fields beside a model and a message.
fn with(fields: Value) -> GenerateRequest {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    for (key, value) in fields.as_object().expect("an object") {
        body[key] = value.clone();
    }
    request(body)
}

fn messages(messages: Value) -> Vec<Message> {
    request(json!({ "model": "m", "messages": messages })).messages
}

fn wrong(body: Value) -> (String, Option<String>) {
    let error = parse(body.to_string().as_bytes()).expect_err("is refused");
    (error.message, error.param)
}

#[test]
fn roles_and_content() {
    let read = messages(json!([
        { "role": "system", "content": "be brief" },
        { "role": "developer", "content": [{ "type": "text", "text": "be kind", "cache_control": { "type": "ephemeral", "ttl": "1h" } }] },
        { "role": "user", "name": "ann", "content": [
            { "type": "text", "text": "look" },
            { "type": "image_url", "image_url": { "url": "data:image/PNG;base64,AAEC", "detail": "low" } },
            { "type": "image_url", "image_url": { "url": "https://x/y.png" } },
            { "type": "input_audio", "input_audio": { "data": "AAEC", "format": "mp3" } },
            { "type": "file", "file": { "file_data": "data:application/pdf;base64,AAEC", "filename": "a.pdf" } },
            { "type": "file", "file": { "file_id": "file-1" } },
        ] },
        { "role": "assistant", "content": null, "refusal": "no", "reasoning_content": "hm", "annotations": null },
    ]));
    let roles: Vec<Role> = read.iter().map(|m| m.role).collect();
    use Role::{Assistant, Developer, System, User};
    assert_eq!(roles, [System, Developer, User, Assistant]);
    assert_eq!(
        read[1].parts[0].cache,
        Some(CacheMark {
            ttl_seconds: Some(3600)
        })
    );
    assert_eq!(read[2].name.as_deref(), Some("ann"));
    let Content::Image(image) = &read[2].parts[1].content else {
        panic!("an image");
    };
    assert_eq!(image.source, MediaSource::Bytes(vec![0, 1, 2]));
    assert_eq!(image.media_type.as_deref(), Some("image/png"));
    assert_eq!(image.detail.as_deref(), Some("low"));
    let Content::Image(image) = &read[2].parts[2].content else {
        panic!("an image");
    };
    assert_eq!(image.source, MediaSource::Url("https://x/y.png".into()));
    let Content::Audio(audio) = &read[2].parts[3].content else {
        panic!("a sound");
    };
    assert_eq!(audio.media_type.as_deref(), Some("audio/mpeg"));
    let Content::File(file) = &read[2].parts[4].content else {
        panic!("a file");
    };
    assert_eq!(file.name.as_deref(), Some("a.pdf"));
    assert_eq!(file.media_type.as_deref(), Some("application/pdf"));
    let Content::File(file) = &read[2].parts[5].content else {
        panic!("a file");
    };
    assert_eq!(file.source, MediaSource::FileId("file-1".into()));
    assert!(matches!(&read[3].parts[0].content, Content::Reasoning(r) if r.text == "hm"));
    assert_eq!(read[3].parts[1].content, Content::Refusal("no".into()));
    assert_eq!(read[3].provider_data, None);
}

#[test]
fn parallel_results_share_a_message() {
    let read = messages(json!([
        { "role": "assistant", "content": "", "tool_calls": [
            { "id": "a", "type": "function", "function": { "name": "f", "arguments": "" } },
            { "id": "b", "type": "function", "function": { "name": "g", "arguments": "{\"x\": 1" } },
        ] },
        { "role": "tool", "tool_call_id": "a", "content": "one" },
        { "role": "tool", "tool_call_id": "b", "content": [
            { "type": "text", "text": "two" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } },
        ] },
        { "role": "tool", "tool_call_id": "c", "content": "" },
    ]));
    assert_eq!(read.len(), 2);
    let calls: Vec<_> = read[0].parts.iter().map(|p| &p.content).collect();
    assert!(matches!(calls[0], Content::ToolCall(c) if c.id == "a" && c.arguments == "{}"));
    assert!(matches!(calls[1], Content::ToolCall(c) if c.id == "b" && c.arguments == "{\"x\": 1"));
    let results: Vec<_> = read[1]
        .parts
        .iter()
        .map(|p| match &p.content {
            Content::ToolResult(r) => (r.call_id.as_str(), r.content.len()),
            other => panic!("{other:?} is no result"),
        })
        .collect();
    assert_eq!(results, [("a", 1), ("b", 2), ("c", 0)]);
}

#[test]
fn tool_choice_in_all_shapes() {
    let tools = json!([
        { "type": "function", "function": { "name": "f", "parameters": { "type": "object" }, "strict": true } },
        { "type": "function", "function": { "name": "g", "description": "d" } },
        { "type": "custom", "custom": { "name": "c" } },
    ]);
    let choice = |choice: Value| with(json!({ "tools": tools, "tool_choice": choice }));
    let named = json!({ "type": "function", "function": { "name": "f" } });
    assert_eq!(choice(json!("auto")).tool_choice, Some(ToolChoice::Auto));
    assert_eq!(choice(json!("none")).tool_choice, Some(ToolChoice::None));
    assert_eq!(
        choice(json!("required")).tool_choice,
        Some(ToolChoice::Required)
    );
    assert_eq!(
        choice(named.clone()).tool_choice,
        Some(ToolChoice::Tool("f".into()))
    );
    let allowed = |mode: &str| json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode, "tools": [named] } });
    let auto = choice(allowed("auto"));
    assert_eq!(
        auto.tool_choice,
        Some(ToolChoice::Allowed(vec!["f".into()]))
    );
    assert_eq!(auto.tools.len(), 3);
    let required = choice(allowed("required"));
    assert_eq!(required.tool_choice, Some(ToolChoice::Required));
    assert_eq!(required.tools.len(), 1);
    let Tool::Function(f) = &auto.tools[0] else {
        panic!("a function");
    };
    assert_eq!(f.parameters.as_deref(), Some(r#"{"type":"object"}"#));
    assert_eq!(f.strict, Some(true));
    let Tool::Provider(c) = &auto.tools[2] else {
        panic!("not a function");
    };
    assert_eq!(
        (c.kind.as_str(), c.dialect.as_str()),
        ("custom", "openai-chat")
    );
}

#[test]
fn everything_else_has_a_place() {
    let r = with(json!({
        "max_tokens": 5, "max_completion_tokens": 7, "temperature": 0.5, "top_p": 1, "seed": -3, "n": 2,
        "frequency_penalty": 0.1, "presence_penalty": -0.1, "stop": "END", "logprobs": true, "top_logprobs": 3,
        "parallel_tool_calls": false, "reasoning_effort": "high", "verbosity": "low", "modalities": ["text", "audio"],
        "service_tier": "flex", "user": "u", "metadata": { "k": "v" },
        "stream": true, "stream_options": { "include_usage": true, "include_obfuscation": false },
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "strict": true, "schema": { "type": "object" } } },
        "store": true, "audio": { "voice": "v" }, "prediction": null,
    }));
    assert_eq!(
        r.sampling,
        Sampling {
            max_tokens: Some(7),
            temperature: Some(0.5),
            top_p: Some(1.0),
            top_k: None,
            seed: Some(-3),
            frequency_penalty: Some(0.1),
            presence_penalty: Some(-0.1),
            stop: vec!["END".into()],
            choices: Some(2),
            logprobs: Some(3),
        }
    );
    assert_eq!(r.parallel_tool_calls, Some(false));
    assert_eq!(
        r.reasoning.expect("asked for").effort.as_deref(),
        Some("high")
    );
    assert_eq!(r.modalities, ["audio"]);
    assert_eq!(r.metadata, [("k".to_owned(), "v".to_owned())]);
    assert!(
        matches!(r.output, OutputFormat::JsonSchema(s) if s.strict == Some(true) && s.schema == r#"{"type":"object"}"#)
    );
    assert_eq!(r.extensions[0].dialect, "openai-chat");
    let rest: Value = serde_json::from_str(&r.extensions[0].fields).expect("JSON");
    assert_eq!(
        rest,
        json!({ "store": true, "audio": { "voice": "v" }, "stream_options": { "include_obfuscation": false } })
    );
    assert_eq!(
        with(json!({ "stop": ["a", "b"] })).sampling.stop,
        ["a", "b"]
    );
    assert_eq!(
        with(json!({ "reasoning_effort": "none" }))
            .reasoning
            .and_then(|r| r.enabled),
        Some(false)
    );
}

#[test]
fn stream_and_usage() {
    let body =
        br#"{"model":"a/b","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
    let (request, include_usage) = parse(body).expect("parses");
    assert!(request.stream && include_usage);
    assert_eq!(request.model, "a/b");
    assert!(request.extensions.is_empty());
}

#[test]
fn errors_name_the_path_and_what_was_expected() {
    let user = |content: Value| json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }, { "role": "user", "content": content }] });
    for (body, message) in [
        (json!({ "messages": [] }), "model is required"),
        (
            json!({ "model": 1, "messages": [] }),
            "model must be a string, not a number",
        ),
        (
            json!({ "model": "m", "messages": {} }),
            "messages must be an array, not an object",
        ),
        (
            json!({ "model": "m", "messages": ["x"] }),
            "messages[0] must be an object, not a string",
        ),
        (
            user(json!(3)),
            "messages[1].content must be a string, or objects, not a number",
        ),
        (
            user(json!([{ "type": "image_url", "image_url": { "url": 1 } }])),
            "messages[1].content[0].image_url.url must be a string, not a number",
        ),
        (
            user(json!([{ "type": "image_url", "image_url": { "url": "ftp://x" } }])),
            "messages[1].content[0].image_url.url must be a data:, http: or https: URL",
        ),
        (
            json!({ "model": "m", "messages": [], "temperature": "hot" }),
            "temperature must be a number, not a string",
        ),
        (
            json!({ "model": "m", "messages": [], "max_tokens": -1 }),
            "max_tokens must be a whole number from 0 to 4294967295",
        ),
        (
            json!({ "model": "m", "messages": [], "stream": "yes" }),
            "stream must be true or false, not a string",
        ),
        (
            json!({ "model": "m", "messages": [], "tools": [{ "type": "function", "function": {} }] }),
            "tools[0].function.name is required",
        ),
        (
            json!({ "model": "m", "messages": [{ "role": "tool", "content": "x" }] }),
            "messages[0].tool_call_id is required",
        ),
    ] {
        let (said, param) = wrong(body);
        assert_eq!(said, message);
        assert_eq!(param.as_deref(), message.split(' ').next());
    }
}

#[test]
fn malformed_bodies_name_line_and_column() {
    let error = parse(b"{\"model\": \"m\",\n \"messages\": [}").expect_err("is refused");
    assert!(
        error.message.ends_with("at line 2 column 15"),
        "{}",
        error.message
    );
}

#[test]
fn an_earlier_sound_is_named_and_cache_breakpoints_are_marks() {
    let read = messages(json!([
        { "role": "user", "content": [{ "type": "text", "text": "x", "prompt_cache_breakpoint": { "mode": "explicit", "ttl": "12h" } }] },
        { "role": "assistant", "audio": { "id": "audio_1" } },
    ]));
    let mark = CacheMark {
        ttl_seconds: Some(43_200),
    };
    assert_eq!(read[0].parts[0].cache, Some(mark));
    let sound = &read[1].parts[0];
    assert!(
        matches!(&sound.content, Content::Audio(a) if a.source == MediaSource::FileId("audio_1".into()))
    );
    assert_eq!(sound.provider_data.as_deref(), Some(r#"{"id":"audio_1"}"#));
}

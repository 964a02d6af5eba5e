use dialects::openai::responses::{Past, Settings, parse, parse_count, references};
use dialects::{Asked, Dialect, Form, Wire};
use serde_json::{Value, json};
use types::{Error, neutral::*};

use dialects::openai::responses::Turn;

pub(crate) fn with(fields: Value) -> String {
    let mut body = json!({ "model": "m", "input": "hi" });
    for (key, value) in fields.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body.to_string()
}

pub(crate) fn turn(fields: Value) -> Turn {
    parse(with(fields).as_bytes(), &Past::default()).expect("parses")
}

pub(crate) fn request(fields: Value) -> GenerateRequest {
    turn(fields).request
}

pub(crate) fn messages(input: Value) -> Vec<Message> {
    request(json!({ "input": input })).messages
}

pub(crate) fn refused(fields: Value) -> Error {
    parse(with(fields).as_bytes(), &Past::default()).expect_err("is refused")
}

pub(crate) fn data(part: &Part) -> Value {
    serde_json::from_str(part.provider_data.as_deref().unwrap_or("null")).expect("JSON")
}

pub(crate) fn roles(messages: &[Message]) -> Vec<Role> {
    messages.iter().map(|message| message.role).collect()
}

pub(crate) fn text(part: &Part) -> &str {
    match &part.content {
        Content::Text(text) => &text.text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_string_is_a_users_message() {
    let read = turn(json!({ "instructions": "be brief" }));
    let said = &read.request.messages;
    assert_eq!(roles(said), [Role::System, Role::User]);
    assert_eq!(
        (text(&said[0].parts[0]), text(&said[1].parts[0])),
        ("be brief", "hi")
    );
    assert_eq!(read.request.extensions, []);
    assert_eq!(read.request.sampling, Sampling::default());
    assert!(read.settings.store && !read.settings.background && !read.settings.stream);
    assert!(read.settings.id.starts_with("resp_"));
    let id = read.input[0]["id"].as_str().expect("an id");
    assert!(id.starts_with("msg_"));
    assert_eq!(
        read.input,
        [json!({
            "id": id, "type": "message", "role": "user", "status": "completed",
            "content": [{ "type": "input_text", "text": "hi" }],
        })]
    );
}

#[test]
fn messages_and_their_contents() {
    let read = messages(json!([
        { "role": "developer", "content": "d" },
        { "type": "message", "role": "system", "content": [{ "type": "input_text", "text": "s" }] },
        { "role": "user", "content": [
            { "type": "input_text", "text": "look", "prompt_cache_breakpoint": { "mode": "explicit", "ttl": "30m" } },
            { "type": "input_image", "image_url": "data:image/png;base64,AAEC", "detail": "low" },
            { "type": "input_image", "file_id": "f", "detail": "auto" },
            { "type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA==" },
            { "type": "input_file", "file_url": "https://x/a.pdf" },
            { "type": "input_audio", "input_audio": { "data": "AA==", "format": "wav" } },
            { "type": "input_video", "video": 1 },
        ] },
        { "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "phase": "commentary", "content": [
            { "type": "output_text", "text": "so", "logprobs": [], "annotations": [
                { "type": "url_citation", "start_index": 0, "end_index": 2, "title": "T", "url": "https://u" },
                { "type": "file_citation", "file_id": "f", "filename": "n", "index": 1 },
            ] },
            { "type": "refusal", "refusal": "no" },
        ] },
        { "role": "assistant", "content": "more" },
        { "role": "user", "content": "u1" },
        { "role": "user", "content": "u2" },
    ]));
    assert_eq!(
        roles(&read),
        [
            Role::Developer,
            Role::System,
            Role::User,
            Role::Assistant,
            Role::User,
            Role::User
        ]
    );
    let parts = &read[2].parts;
    assert_eq!(
        parts[0].cache,
        Some(CacheMark {
            ttl_seconds: Some(1800)
        })
    );
    assert!(matches!(&parts[1].content, Content::Image(i)
        if i.source == MediaSource::Bytes(vec![0, 1, 2]) && i.detail.as_deref() == Some("low")));
    assert!(
        matches!(&parts[2].content, Content::Image(i) if i.source == MediaSource::FileId("f".into()))
    );
    assert!(matches!(&parts[3].content, Content::File(f)
        if f.source == MediaSource::Bytes(vec![0]) && f.name.as_deref() == Some("a.pdf")));
    assert!(
        matches!(&parts[4].content, Content::File(f) if f.source == MediaSource::Url("https://x/a.pdf".into()))
    );
    assert!(
        matches!(&parts[5].content, Content::Audio(a) if a.media_type.as_deref() == Some("audio/wav"))
    );
    assert_eq!(parts[6].content, Content::Other("input_video".into()));
    assert_eq!(
        data(&parts[6]),
        json!({ "type": "input_video", "video": 1 })
    );
    let said = &read[3].parts;
    assert_eq!(said.len(), 3);
    assert_eq!(data(&said[0]), json!({ "phase": "commentary" }));
    let Content::Text(cited) = &said[0].content else {
        panic!("{said:?}")
    };
    assert_eq!(cited.citations[0].url.as_deref(), Some("https://u"));
    assert_eq!(
        (cited.citations[0].end, &cited.citations[0].provider_data),
        (Some(2), &None)
    );
    assert_eq!(cited.citations[1].title.as_deref(), Some("n"));
    assert!(cited.citations[1].provider_data.is_some());
    assert_eq!(said[1].content, Content::Refusal("no".into()));
    assert_eq!((text(&said[2]), &said[2].provider_data), ("more", &None));
}

#[test]
fn calls_and_results() {
    let read = messages(json!([
        { "role": "user", "content": "go" },
        { "type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": "", "status": "completed" },
        { "type": "function_call", "call_id": "b", "name": "g", "namespace": "ns", "arguments": "{\"x\":1}", "caller": { "type": "direct" } },
        { "type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "apply_patch", "input": "*** \"é\"\n" },
        { "type": "function_call_output", "call_id": "a", "output": "" },
        { "type": "function_call_output", "id": "fco", "call_id": "b", "status": "completed", "output": [
            { "type": "input_text", "text": "t" }, { "type": "input_image", "image_url": "https://i", "detail": "auto" },
        ] },
        { "type": "custom_tool_call_output", "call_id": "c", "output": "Done" },
    ]));
    assert_eq!(roles(&read), [Role::User, Role::Assistant, Role::Tool]);
    let calls: Vec<(&str, &str, &str)> = read[1]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::ToolCall(c) => (c.id.as_str(), c.name.as_str(), c.arguments.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("a", "f", "{}"),
            ("b", "ns__g", r#"{"x":1}"#),
            ("c", "apply_patch", r#"{"input":"*** \"é\"\n"}"#),
        ]
    );
    assert_eq!(data(&read[1].parts[0]), Value::Null);
    assert_eq!(
        data(&read[1].parts[1]),
        json!({ "caller": { "type": "direct" } })
    );
    let contents: Vec<usize> = read[2]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::ToolResult(r) => r.content.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(contents, [0, 2, 1]);
}

#[test]
fn items_that_only_some_vendors_have() {
    let search = json!({ "id": "ws_1", "type": "web_search_call", "status": "completed",
        "action": { "type": "search", "query": "q", "sources": [{ "type": "url", "url": "https://s" }] } });
    let mcp = json!({ "id": "mcp_1", "type": "mcp_call", "server_label": "l", "name": "tool", "arguments": "{}", "output": "out" });
    let shell = json!({ "type": "shell_call", "call_id": "s", "action": { "commands": ["ls"] } });
    let shell_output = json!({ "type": "shell_call_output", "call_id": "s", "output": [] });
    let compaction = json!({ "type": "compaction", "encrypted_content": "e" });
    let read = messages(json!([search, mcp, shell, shell_output, compaction]));
    assert_eq!(roles(&read), [Role::Assistant, Role::User, Role::Assistant]);
    let parts = &read[0].parts;
    assert!(matches!(&parts[0].content, Content::ToolCall(c)
        if c.by_provider && c.name == "web_search" && c.arguments == r#"{"type":"search","query":"q"}"#));
    assert_eq!(data(&parts[0]), search);
    assert!(
        matches!(&parts[1].content, Content::ToolResult(r) if r.by_provider && r.call_id == "ws_1" && r.content.len() == 1)
    );
    assert!(matches!(&parts[2].content, Content::ToolCall(c) if c.name == "tool"));
    assert!(
        matches!(&parts[3].content, Content::ToolResult(r) if r.content == [ResultContent::Text("out".into())])
    );
    assert_eq!(parts[4].content, Content::Other("shell_call".into()));
    assert_eq!(data(&parts[4]), shell);
    assert_eq!(data(&read[1].parts[0]), shell_output);
    assert_eq!(data(&read[2].parts[0]), compaction);
}

#[test]
fn reasoning_of_its_own_vendor_comes_back_whole() {
    let item = json!({ "id": "rs_1", "type": "reasoning", "encrypted_content": "gAAA",
        "summary": [{ "type": "summary_text", "text": "a" }, { "type": "summary_text", "text": "b" }] });
    let hidden =
        json!({ "id": "rs_2", "type": "reasoning", "encrypted_content": "gBBB", "summary": [] });
    let read = messages(
        json!([item, hidden, { "type": "reasoning", "id": "rs_3", "summary": [{ "type": "summary_text", "text": "c" }] }]),
    );
    let parts = &read[0].parts;
    let shown: Vec<(ReasoningKind, &str)> = parts
        .iter()
        .map(|part| match &part.content {
            Content::Reasoning(r) => (r.kind, r.text.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    use ReasoningKind::{Redacted, Summary};
    assert_eq!(
        shown,
        [
            (Summary, "a"),
            (Summary, "b"),
            (Redacted, ""),
            (Summary, "c")
        ]
    );
    assert_eq!(
        data(&parts[0]),
        json!({ "type": "reasoning", "id": "rs_1" })
    );
    assert_eq!(data(&parts[1]), item);
    assert_eq!(data(&parts[2]), hidden);
    assert_eq!(data(&parts[3]), Value::Null);
}

#[test]
fn settings() {
    let read = turn(json!({
        "max_output_tokens": 9, "temperature": 0.5, "top_p": 0.25, "top_logprobs": 2,
        "include": ["message.output_text.logprobs", "web_search_call.action.sources"],
        "text": { "format": { "type": "json_schema", "name": "n", "schema": { "type": "object" }, "strict": true } },
        "reasoning": { "effort": "none", "mode": "pro" },
        "service_tier": "flex", "user": "u", "metadata": { "k": "v" }, "safety_identifier": "s",
        "truncation": "auto", "max_tool_calls": 3, "stream": true,
        "stream_options": { "include_obfuscation": true }, "new_thing": { "a": null },
        "conversation": { "id": "conv_1" },
    }));
    let asked = &read.request;
    assert_eq!(asked.sampling.max_tokens, Some(9));
    assert_eq!(
        (asked.sampling.temperature, asked.sampling.top_p),
        (Some(0.5), Some(0.25))
    );
    assert_eq!(asked.sampling.logprobs, Some(2));
    assert!(matches!(&asked.output, OutputFormat::JsonSchema(s)
        if s.name.as_deref() == Some("n") && s.strict == Some(true) && s.schema == r#"{"type":"object"}"#));
    let reasoning = asked.reasoning.clone().expect("asked for");
    assert_eq!(reasoning.enabled, Some(false));
    assert_eq!(
        (asked.service_tier.as_deref(), asked.user.as_deref()),
        (Some("flex"), Some("u"))
    );
    assert_eq!(asked.metadata, [("k".into(), "v".into())]);
    let rest: Value = serde_json::from_str(&asked.extensions[0].fields).expect("JSON");
    assert_eq!(
        rest,
        json!({
            "include": ["web_search_call.action.sources"], "reasoning": { "mode": "pro" }, "safety_identifier": "s",
            "truncation": "auto", "max_tool_calls": 3, "new_thing": { "a": null },
        })
    );
    assert!(read.settings.include_obfuscation);
    let written = serde_json::to_string(&read.settings).expect("JSON");
    let again: Settings = serde_json::from_str(&written).expect("reads back");
    assert_eq!(again, read.settings);
    assert_eq!(read.settings.conversation.as_deref(), Some("conv_1"));
    let logprobs = json!({ "include": ["message.output_text.logprobs"] });
    assert_eq!(request(logprobs).sampling.logprobs, Some(0));
}

#[test]
fn what_is_refused() {
    for (fields, param, words) in [
        (json!({ "input": null }), "input", "is required"),
        (json!({ "input": 1 }), "input", "must be a string or a list"),
        (
            json!({ "input": [{ "role": "critic", "content": "" }] }),
            "input[0].role",
            "must be",
        ),
        (
            json!({ "input": [{ "type": "function_call", "call_id": "a", "name": "f" }] }),
            "input[0].arguments",
            "is required",
        ),
        (
            json!({ "input": [{ "type": "function_call_output", "call_id": "a", "output": [{ "type": "input_audio", "input_audio": { "data": "", "format": "mp3" } }] }] }),
            "input[0].output[0].type",
            "must be",
        ),
        (json!({ "prompt": { "id": "p" } }), "prompt", "instructions"),
        (
            json!({ "background": true, "store": false }),
            "background",
            "store",
        ),
        (
            json!({ "conversation": "c", "previous_response_id": "r" }),
            "previous_response_id",
            "together",
        ),
        (json!({ "tool_choice": "any" }), "tool_choice", "must be"),
        (
            json!({ "tools": [{ "type": "function", "name": "a__b" }, { "type": "namespace", "name": "a", "tools": [{ "type": "function", "name": "b" }] }] }),
            "tools[1].tools[0].name",
            "a__b",
        ),
        (
            json!({ "text": { "format": { "type": "xml" } } }),
            "text.format.type",
            "must be",
        ),
    ] {
        let error = refused(fields);
        assert_eq!(error.param.as_deref(), Some(param), "{error}");
        assert!(error.message.contains(words), "{error}");
        assert_eq!(error.status(), 400);
    }
}

#[test]
fn what_a_request_refers_to() {
    let body = with(json!({ "previous_response_id": "resp_1", "input": [
        { "type": "item_reference", "id": "a" }, { "id": "b" }, { "id": "c", "type": "message", "role": "user", "content": "" },
    ] }));
    let found = references(body.as_bytes()).expect("read");
    assert_eq!(found.previous_response_id.as_deref(), Some("resp_1"));
    assert_eq!(found.items, ["a", "b"]);
    assert_eq!(
        references(with(json!({})).as_bytes()).expect("read").items,
        [""; 0]
    );

    let error = refused(json!({ "previous_response_id": "resp_1" }));
    assert_eq!(error.status(), 400);
    assert_eq!(
        Dialect::OpenAi.error_body(&error)["error"],
        json!({
            "message": "Previous response with id 'resp_1' not found.", "type": "invalid_request_error",
            "param": "previous_response_id", "code": "previous_response_not_found",
        })
    );
    let error = refused(json!({ "input": [{ "type": "item_reference", "id": "msg_9" }] }));
    assert_eq!(error.status(), 404);
    let shown = Dialect::OpenAi.error_body(&error);
    assert_eq!(shown["error"]["message"], "Item with id 'msg_9' not found.");
    assert_eq!(shown["error"]["param"], "input");
}

#[test]
fn wires() {
    let Asked::Generate { request, form } = Wire::OpenAiResponses
        .parse(with(json!({})).as_bytes())
        .expect("parses")
    else {
        panic!("asks for an answer")
    };
    assert_eq!(request.model, "m");
    assert!(matches!(form, Form::OpenAiResponses(_)));
    let background = with(json!({ "background": true }));
    assert!(Wire::OpenAiResponses.parse(background.as_bytes()).is_err());
    let body = json!({ "model": "m", "instructions": "i" }).to_string();
    let Asked::Count(counted) = Wire::OpenAiInputTokens
        .parse(body.as_bytes())
        .expect("parses")
    else {
        panic!("asks for a count")
    };
    assert_eq!(roles(&counted.messages), [Role::System]);
    assert_eq!(
        parse_count(body.as_bytes(), &Past::default())
            .expect("parses")
            .messages,
        counted.messages
    );
    let count = TokenCount {
        input_tokens: 7,
        approximate: false,
    };
    assert_eq!(
        Wire::OpenAiInputTokens.count(&count),
        r#"{"object":"response.input_tokens","input_tokens":7}"#
    );
    let seal = with(
        json!({ "input": [{ "type": "reasoning", "id": "r", "summary": [], "encrypted_content": "evenhand.W10" }] }),
    );
    assert!(Wire::OpenAiResponses.needs_translation(seal.as_bytes()));
    assert!(!Wire::OpenAiResponses.needs_translation(background.as_bytes()));
}

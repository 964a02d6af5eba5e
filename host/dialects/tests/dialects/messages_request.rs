use dialects::anthropic::messages::{count, parse, parse_count};
use serde_json::{Value, json};
use types::neutral::*;

fn with(fields: Value) -> Value {
    let mut body =
        json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }] });
    for (key, value) in fields.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

fn request(fields: Value) -> GenerateRequest {
    parse(with(fields).to_string().as_bytes()).expect("parses")
}

fn messages(messages: Value) -> Vec<Message> {
    request(json!({ "messages": messages })).messages
}

fn wrong(fields: Value) -> String {
    let body = with(fields).to_string();
    parse(body.as_bytes()).expect_err("is refused").message
}

#[test]
fn system_prompts() {
    let read = request(json!({ "system": "be brief" })).messages;
    assert_eq!(read[0].role, Role::System);
    let read = request(json!({
        "system": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b", "cache_control": { "type": "ephemeral" } }],
        "messages": [{ "role": "user", "content": "x" }, { "role": "system", "content": "later" }],
    }))
    .messages;
    assert_eq!(read[0].parts.len(), 2);
    assert_eq!(
        read[0].parts[1].cache,
        Some(CacheMark { ttl_seconds: None })
    );
    assert_eq!(read[2].role, Role::System);
}

#[test]
fn images_documents_and_search_results() {
    let read = messages(json!([{ "role": "user", "content": [
        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AAEC" }, "cache_control": { "type": "ephemeral", "ttl": "5m" } },
        { "type": "image", "source": { "type": "url", "url": "https://x" } },
        { "type": "image", "source": { "type": "file", "file_id": "f" }, "transformations": { "oversized_image": "error" } },
        { "type": "document", "title": "T", "context": "C", "citations": { "enabled": true }, "source": { "type": "text", "media_type": "text/plain", "data": "é" } },
        { "type": "document", "source": { "type": "content", "content": [{ "type": "text", "text": "x" }] } },
        { "type": "search_result", "source": "s", "title": "t", "content": [{ "type": "text", "text": "p" }], "citations": { "enabled": false } },
        { "type": "container_upload", "file_id": "f" },
    ] }]));
    let parts = &read[0].parts;
    assert!(
        matches!(&parts[0].content, Content::Image(i) if i.source == MediaSource::Bytes(vec![0, 1, 2]))
    );
    assert_eq!(
        parts[0].cache,
        Some(CacheMark {
            ttl_seconds: Some(300)
        })
    );
    assert!(
        matches!(&parts[1].content, Content::Image(i) if i.source == MediaSource::Url("https://x".into()))
    );
    assert!(
        matches!(&parts[2].content, Content::Image(i) if i.source == MediaSource::FileId("f".into()))
    );
    assert_eq!(
        parts[2].provider_data.as_deref(),
        Some(r#"{"transformations":{"oversized_image":"error"}}"#)
    );
    assert_eq!(
        parts[3].content,
        Content::File(Media {
            source: MediaSource::Bytes("é".into()),
            media_type: Some("text/plain".into()),
            name: Some("T".into()),
            context: Some("C".into()),
            detail: None,
            cite: true,
        })
    );
    assert_eq!(parts[4].content, Content::Other("document".into()));
    assert!(
        matches!(&parts[5].content, Content::Source(s) if s.location == "s" && s.passages == ["p"] && !s.cite)
    );
    assert_eq!(parts[6].content, Content::Other("container_upload".into()));
    let kept: Value =
        serde_json::from_str(parts[6].provider_data.as_deref().expect("kept")).expect("JSON");
    assert_eq!(kept, json!({ "type": "container_upload", "file_id": "f" }));
}

#[test]
fn tools_thoughts_and_results() {
    let read = messages(json!([
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "", "signature": "sig==" },
            { "type": "redacted_thinking", "data": "blob" },
            { "type": "text", "text": "let me", "citations": null },
            { "type": "tool_use", "id": "a", "name": "f", "input": {} },
            { "type": "tool_use", "id": "b", "name": "g", "input": { "x": [1.5] }, "caller": { "type": "direct" } },
            { "type": "server_tool_use", "id": "s", "name": "web_search", "input": { "query": "q" } },
            { "type": "web_search_tool_result", "tool_use_id": "s", "content": [{ "encrypted_content": "e" }] },
        ] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "a" },
            { "type": "tool_result", "tool_use_id": "b", "is_error": true, "content": [
                { "type": "text", "text": "oh" },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AA" }, "cache_control": { "type": "ephemeral" } },
            ] },
            { "type": "text", "text": "go on" },
        ] },
    ]));
    let roles: Vec<Role> = read.iter().map(|m| m.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::Tool, Role::User]);
    let said = &read[0].parts;
    assert_eq!(
        said[0].provider_data.as_deref(),
        Some(r#"{"type":"thinking","signature":"sig=="}"#)
    );
    assert!(
        matches!(&said[0].content, Content::Reasoning(r) if r.text.is_empty() && r.kind == ReasoningKind::Full)
    );
    assert_eq!(
        said[1].provider_data.as_deref(),
        Some(r#"{"type":"redacted_thinking","data":"blob"}"#)
    );
    assert!(matches!(&said[1].content, Content::Reasoning(r) if r.kind == ReasoningKind::Redacted));
    assert!(
        matches!(&said[3].content, Content::ToolCall(c) if c.arguments == "{}" && !c.by_provider)
    );
    assert!(matches!(&said[4].content, Content::ToolCall(c) if c.arguments == r#"{"x":[1.5]}"#));
    assert_eq!(
        said[4].provider_data.as_deref(),
        Some(r#"{"caller":{"type":"direct"}}"#)
    );
    assert!(matches!(&said[5].content, Content::ToolCall(c) if c.by_provider));
    assert_eq!(
        said[5].provider_data.as_deref(),
        Some(r#"{"type":"server_tool_use"}"#)
    );
    assert!(
        matches!(&said[6].content, Content::ToolResult(r) if r.by_provider && r.call_id == "s")
    );
    let own: Value =
        serde_json::from_str(said[6].provider_data.as_deref().expect("kept")).expect("JSON");
    assert_eq!(
        own,
        json!({ "type": "web_search_tool_result", "tool_use_id": "s", "content": [{ "encrypted_content": "e" }] })
    );
    let Content::ToolResult(b) = &read[1].parts[1].content else {
        panic!("a result");
    };
    assert!(b.is_error && b.content.len() == 2);
    assert_eq!(
        read[1].parts[1].cache,
        Some(CacheMark { ttl_seconds: None })
    );
}

#[test]
fn tools_and_choices() {
    let r = request(json!({
        "tools": [
            { "name": "f", "description": "d", "input_schema": { "type": "object" }, "strict": true, "cache_control": { "type": "ephemeral" }, "input_examples": [{}] },
            { "type": "web_search_20250305", "name": "web_search", "max_uses": 2 },
        ],
        "tool_choice": { "type": "any", "disable_parallel_tool_use": true },
    }));
    let Tool::Function(f) = &r.tools[0] else {
        panic!("a function");
    };
    assert_eq!(f.parameters.as_deref(), Some(r#"{"type":"object"}"#));
    assert!(f.cache.is_some() && f.strict == Some(true));
    assert_eq!(
        f.provider_data.as_deref(),
        Some(r#"{"input_examples":[{}]}"#)
    );
    let Tool::Provider(search) = &r.tools[1] else {
        panic!("the vendor's");
    };
    assert_eq!(search.kind, "web_search_20250305");
    assert!(search.definition.contains("max_uses"));
    assert_eq!(
        (r.tool_choice, r.parallel_tool_calls),
        (Some(ToolChoice::Required), Some(false))
    );
    for (choice, read) in [
        (json!({ "type": "auto" }), ToolChoice::Auto),
        (json!({ "type": "none" }), ToolChoice::None),
        (
            json!({ "type": "tool", "name": "f" }),
            ToolChoice::Tool("f".into()),
        ),
    ] {
        let r = request(json!({ "tool_choice": choice }));
        assert_eq!((r.tool_choice, r.parallel_tool_calls), (Some(read), None));
    }
}

#[test]
fn everything_else_has_a_place() {
    let r = request(json!({
        "temperature": 1, "top_p": 0.9, "top_k": 4, "stop_sequences": ["a", "b"], "stream": true,
        "metadata": { "user_id": "u" }, "service_tier": "standard_only",
        "thinking": { "type": "enabled", "budget_tokens": 2048, "display": "omitted" },
        "output_config": { "effort": "high", "format": { "type": "json_schema", "schema": { "type": "object" } }, "task_budget": 1 },
        "context_management": { "edits": [] }, "cache_control": { "type": "ephemeral" },
    }));
    assert_eq!(
        r.sampling,
        Sampling {
            max_tokens: Some(9),
            temperature: Some(1.0),
            top_p: Some(0.9),
            top_k: Some(4),
            stop: vec!["a".into(), "b".into()],
            ..Sampling::default()
        }
    );
    assert!(r.stream);
    assert_eq!(r.user.as_deref(), Some("u"));
    assert_eq!(r.service_tier.as_deref(), Some("default"));
    assert_eq!(
        r.reasoning,
        Some(ReasoningOptions {
            enabled: Some(true),
            effort: Some("high".into()),
            budget_tokens: Some(2048),
            display: Some("omitted".into()),
        })
    );
    assert!(
        matches!(r.output, OutputFormat::JsonSchema(s) if s.schema == r#"{"type":"object"}"# && s.strict == Some(true))
    );
    assert_eq!(
        r.messages[0].parts[0].cache,
        Some(CacheMark { ttl_seconds: None })
    );
    assert_eq!(r.extensions[0].dialect, "anthropic-messages");
    let rest: Value = serde_json::from_str(&r.extensions[0].fields).expect("JSON");
    assert_eq!(
        rest,
        json!({ "context_management": { "edits": [] }, "output_config": { "task_budget": 1 } })
    );
    let adaptive = request(json!({ "thinking": { "type": "adaptive" } }))
        .reasoning
        .expect("asked for");
    assert_eq!(
        (adaptive.enabled, adaptive.budget_tokens),
        (Some(true), None)
    );
    let off = request(json!({ "thinking": { "type": "disabled" } }))
        .reasoning
        .expect("asked for");
    assert_eq!(off.enabled, Some(false));
    let newer = request(json!({ "thinking": { "type": "between_tools" } }));
    assert_eq!(newer.reasoning, None);
    assert_eq!(
        newer.extensions[0].fields,
        r#"{"thinking":{"type":"between_tools"}}"#
    );
    let old = request(json!({ "output_format": { "type": "json_schema", "schema": {} } }));
    assert!(matches!(old.output, OutputFormat::JsonSchema(_)));
}

#[test]
fn counting_needs_no_limit() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}],"system":"s"}"#;
    assert_eq!(
        parse(body).expect_err("is refused").message,
        "max_tokens is required"
    );
    let r = parse_count(body).expect("parses");
    assert_eq!((r.messages.len(), r.sampling.max_tokens), (2, None));
    let counted = count(&TokenCount {
        input_tokens: 12,
        approximate: true,
    });
    assert_eq!(counted, json!({ "input_tokens": 12 }));
}

#[test]
fn errors_name_the_path_and_what_was_expected() {
    let user = |block: Value| json!({ "messages": [{ "role": "user", "content": [block] }] });
    for (fields, message) in [
        (json!({ "messages": null }), "messages is required"),
        (
            json!({ "max_tokens": "9" }),
            "max_tokens must be a whole number from 0 to 4294967295",
        ),
        (
            json!({ "messages": [{ "role": "tool", "content": "" }] }),
            "messages[0].role must be `user`, `assistant` or `system`",
        ),
        (
            json!({ "system": 1 }),
            "system must be a string, or objects, not a number",
        ),
        (
            user(json!({ "text": "x" })),
            "messages[0].content[0].type is required",
        ),
        (
            user(
                json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "!" } }),
            ),
            "messages[0].content[0].source.data is not base64: Invalid symbol 33, offset 0.",
        ),
        (
            user(json!({ "type": "tool_use", "id": "a", "name": "f", "input": "{}" })),
            "messages[0].content[0].input must be an object, not a string",
        ),
        (
            user(
                json!({ "type": "tool_result", "tool_use_id": "a", "content": [{ "type": "tool_use", "id": "b", "name": "f", "input": {} }] }),
            ),
            "messages[0].content[0].content[0].type must be `text`, `image`, `document`, `search_result` or `tool_reference` in a tool's result",
        ),
        (
            json!({ "tools": [{ "name": "f" }] }),
            "tools[0].input_schema is required",
        ),
        (
            json!({ "tool_choice": { "type": "required" } }),
            "tool_choice.type must be `auto`, `any`, `tool` or `none`",
        ),
        (
            json!({ "thinking": { "type": "enabled" } }),
            "thinking.budget_tokens is required",
        ),
        (
            json!({ "stop_sequences": "x" }),
            "stop_sequences must be an array, not a string",
        ),
    ] {
        assert_eq!(wrong(fields), message);
    }
}

#[test]
fn threads_are_refused_in_the_words_that_the_sdk_understands() {
    let body = with(json!({ "thread": { "type": "create" } })).to_string();
    let error = parse(body.as_bytes()).expect_err("is refused");
    assert_eq!(dialects::Dialect::Anthropic.status(&error), 400);
    let shown = dialects::Dialect::Anthropic.error_body(&error);
    assert_eq!(shown["error"]["type"], "invalid_request_error");
    assert_eq!(
        shown["error"]["details"]["error_code"],
        "thread_unsupported_request"
    );
}

#[test]
fn citations_are_read_and_kept() {
    let cited = json!({ "type": "char_location", "cited_text": "c", "document_index": 1, "document_title": "t", "start_char_index": 2, "end_char_index": 5 });
    let read = messages(
        json!([{ "role": "assistant", "content": [{ "type": "text", "text": "x", "citations": [cited] }] }]),
    );
    let Content::Text(text) = &read[0].parts[0].content else {
        panic!("a text");
    };
    let citation = &text.citations[0];
    assert_eq!(
        (citation.start, citation.end, citation.document),
        (Some(2), Some(5), Some(1))
    );
    assert_eq!(citation.location_unit.as_deref(), Some("char"));
    assert_eq!(citation.title.as_deref(), Some("t"));
    let own: Value =
        serde_json::from_str(citation.provider_data.as_deref().expect("kept")).expect("JSON");
    assert_eq!(own, cited);
}

/// What Claude Code 2.1.332 answers when a model searched for tools; a client that is refused this drops what was found.
#[test]
fn tools_that_were_found_are_named() {
    let read = messages(json!([
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "ToolSearch", "input": { "query": "select:WebFetch" } }] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": [
            { "type": "tool_reference", "tool_name": "WebFetch" }, { "type": "tool_reference", "tool_name": "TaskStop" },
        ] }] },
    ]));
    let Content::ToolResult(result) = &read[1].parts[0].content else {
        panic!("a result");
    };
    let said = ["WebFetch", "TaskStop"]
        .map(|name| ResultContent::Text(format!("The tool `{name}` can be called now.")));
    assert_eq!(result.content, said);
}

/// What Claude Code 2.1.330 posts to `/v1/messages?beta=true`, cut to what matters.
#[test]
fn an_agents_request() {
    let read = request(json!({
        "max_tokens": 32000, "stream": true,
        "system": [
            { "type": "text", "text": "You are an agent.", "cache_control": { "type": "ephemeral" } },
            { "type": "text", "text": "rules", "cache_control": { "type": "ephemeral", "ttl": "1h" } },
        ],
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "fix it" }] },
            { "role": "system", "content": "the mode is now: plan" },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "Bash", "input": { "command": "ls" } }] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "t", "content": "a", "cache_control": { "type": "ephemeral" } } ] },
        ],
        "tools": [{ "name": "Bash", "description": "runs", "input_schema": { "type": "object" }, "eager_input_streaming": true }],
        "metadata": { "user_id": "u" },
        "thinking": { "type": "adaptive" },
        "context_management": { "edits": [{ "type": "clear_thinking_20251015", "keep": "all" }] },
        "output_config": { "effort": "high" },
    }));
    let roles: Vec<Role> = read.messages.iter().map(|message| message.role).collect();
    assert_eq!(
        roles,
        [
            Role::System,
            Role::User,
            Role::System,
            Role::Assistant,
            Role::Tool
        ]
    );
    assert_eq!(read.messages[0].parts.len(), 2);
    assert_eq!(
        read.messages[4].parts[0].cache,
        Some(CacheMark { ttl_seconds: None })
    );
    let thinking = read.reasoning.expect("asked for");
    assert_eq!(
        (
            thinking.enabled,
            thinking.budget_tokens,
            thinking.effort.as_deref()
        ),
        (Some(true), None, Some("high"))
    );
    assert!(read.stream && read.user.as_deref() == Some("u"));
    assert_eq!(
        read.extensions,
        [Extension {
            dialect: "anthropic-messages".into(),
            fields: r#"{"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}}"#.into(),
        }]
    );
}

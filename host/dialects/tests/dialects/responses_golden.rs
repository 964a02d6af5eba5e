//! Answers as they are written, in `tests/golden/responses`: `tests/test_responses_shapes.py` has the official SDK read them.

use dialects::openai::responses::{Page, Past, Stored, Stream, Turn, deleted, input_items, parse};
use dialects::{Dialect, Encoder, Wire};
use serde_json::{Value, json};
use types::{Error, ErrorCode, neutral::*};

use crate::{events::*, golden, responses_answer::turn};

fn golden(name: &str, text: &str) {
    golden::golden("responses", name, text);
}

fn golden_json(name: &str, json: &Value) {
    golden::golden_json("responses", name, json);
}

/// The stream and its last response object, without the time.
fn record(name: &str, turn: &Turn, events: &[Event], error: Option<&Error>) {
    let mut stream = Stream::new(&turn.settings, "a/m");
    let mut frames = Vec::new();
    if turn.settings.background {
        stream.queue(&mut frames);
    }
    for event in events {
        stream.push(event.clone(), &mut frames);
    }
    match error {
        Some(error) => stream.fail(error, &mut frames),
        None => stream.finish(&mut frames),
    }
    let mut response = stream.response();
    let mut text = String::new();
    for frame in &mut frames {
        let at = response["completed_at"].as_u64();
        if let Some(at) = at.filter(|_| frame.name == "response.completed") {
            let now = format!("\"completed_at\":{at}");
            frame.data = frame.data.replace(&now, "\"completed_at\":1700000001");
        }
        frame.write(&mut text);
    }
    golden(&format!("{name}.sse"), &text);
    if !response["completed_at"].is_null() {
        response["completed_at"] = 1_700_000_001.into();
    }
    golden_json(&format!("{name}.json"), &response);
}

fn used() -> Event {
    Event::Usage(Usage {
        input_tokens: Some(10),
        cache_read_tokens: Some(4),
        cache_write_tokens: Some(2),
        output_tokens: Some(5),
        reasoning_tokens: Some(3),
        ..Usage::default()
    })
}

fn whole(index: u32, content: Content, data: Value) -> Event {
    Event::Part(WholePart {
        choice: 0,
        index,
        part: Part {
            content,
            cache: None,
            provider_data: (!data.is_null()).then(|| data.to_string()),
        },
    })
}

fn ran(index: u32, name: &str, arguments: &str, text: &str, data: Value) -> [Event; 2] {
    let id = format!("ran_{index}");
    let call = ToolCall {
        id: id.clone(),
        name: name.into(),
        arguments: arguments.into(),
        by_provider: true,
    };
    let result = ToolResult {
        call_id: id,
        name: None,
        content: vec![ResultContent::Text(text.into())],
        is_error: text == "failed",
        by_provider: true,
    };
    [
        whole(index, Content::ToolCall(call), data),
        whole(index + 1, Content::ToolResult(result), Value::Null),
    ]
}

#[test]
fn texts() {
    let citation = Citation {
        url: Some("https://u".into()),
        title: Some("T".into()),
        cited_text: None,
        start: Some(0),
        end: Some(2),
        location_unit: None,
        document: None,
        provider_data: None,
    };
    let token = TokenLogprob {
        token: "Hé".into(),
        logprob: -0.5,
        bytes: None,
        top: vec![("x".into(), -1.5)],
    };
    let events = [
        started(),
        begin(0, PartKind::Text),
        say(0, "Hé"),
        grow(0, Delta::Logprobs(vec![token])),
        grow(0, Delta::Citation(citation)),
        say(0, " you"),
        end(0),
        used(),
        finished(FinishReason::Stop),
    ];
    let fields = json!({
        "instructions": "i", "metadata": { "k": "v" }, "temperature": 0.5, "top_p": 0.5, "max_output_tokens": 100, "user": "u",
        "safety_identifier": "s", "prompt_cache_key": "p", "service_tier": "flex", "truncation": "auto", "top_logprobs": 1,
        "include": ["message.output_text.logprobs"], "reasoning": { "effort": "low", "summary": "auto" },
        "text": { "format": { "type": "json_schema", "name": "n", "schema": { "type": "object" } }, "verbosity": "low" },
    });
    record("text", &turn(fields), &events, None);
    record(
        "cut_off",
        &turn(json!({})),
        &[&events[..7], &[finished(FinishReason::Length)]].concat(),
        None,
    );
    let refusal = [
        started(),
        begin(0, PartKind::Refusal),
        say(0, "no"),
        end(0),
        finished(FinishReason::Refusal),
    ];
    record("refusal", &turn(json!({})), &refusal, None);
    record(
        "filtered",
        &turn(json!({})),
        &[started(), finished(FinishReason::ContentFilter)],
        None,
    );
    let error = Error::new(ErrorCode::RateLimited, "slow down");
    record("failed", &turn(json!({})), &events[..3], Some(&error));
    let background = turn(json!({ "background": true, "previous_response_id": null }));
    record("background", &background, &text("hi"), None);
    golden_json("queued.json", &queued(&background).response);
    golden_json("cancelled.json", &queued(&background).cancelled().response);
}

#[test]
fn thoughts_and_calls() {
    let tools = json!([
        { "type": "function", "name": "f", "parameters": { "type": "object", "properties": {} } },
        { "type": "custom", "name": "apply_patch", "format": { "type": "grammar", "syntax": "lark", "definition": "start: x" } },
        { "type": "namespace", "name": "mcp__files", "description": "d", "tools": [{ "type": "function", "name": "read" }] },
        { "type": "web_search" },
    ]);
    let events = [
        started(),
        begin(0, PartKind::Reasoning(ReasoningKind::Summary)),
        say(0, "first"),
        end(0),
        begin(1, PartKind::Reasoning(ReasoningKind::Full)),
        say(1, "then"),
        end_with(1, Some(r#"{"signature":"s"}"#)),
        begin(2, call("a", "f")),
        end(2),
        begin(3, call("b", "mcp__files__read")),
        say(3, "{\"path\":"),
        say(3, "\"x\"}"),
        end(3),
        begin(4, call("c", "apply_patch")),
        say(4, "{\"input\":\"*** Be"),
        say(4, "gin\\n\"}"),
        end(4),
        used(),
        finished(FinishReason::ToolCalls),
    ];
    let choice = json!({ "type": "allowed_tools", "mode": "auto", "tools": [{ "type": "function", "name": "f" }] });
    let fields = json!({ "tools": tools, "tool_choice": choice, "parallel_tool_calls": false });
    record("calls", &turn(fields), &events, None);
}

#[test]
fn hosted() {
    let image = Media {
        source: MediaSource::Bytes(vec![0, 1, 2]),
        media_type: Some("image/webp".into()),
        name: None,
        context: None,
        detail: None,
        cite: false,
    };
    let mut events = vec![started()];
    events.extend(ran(0, "web_search", r#"{"query":"q"}"#, "r", Value::Null));
    events.extend(ran(
        2,
        "web_fetch",
        r#"{"url":"https://u"}"#,
        "r",
        Value::Null,
    ));
    events.extend(ran(
        4,
        "code_execution",
        r#"{"code":"1+1"}"#,
        "2",
        Value::Null,
    ));
    events.extend(ran(6, "other", "{}", "out", json!({ "server_name": "s" })));
    events.extend(ran(8, "other", "{}", "failed", Value::Null));
    let search = json!({ "id": "fs_9", "type": "file_search_call", "status": "completed", "queries": ["q"] });
    events.extend(ran(10, "file_search", "{}", "x", search));
    let list = json!({ "id": "mcpl_1", "type": "mcp_list_tools", "server_label": "l", "tools": [{ "name": "t", "input_schema": {} }] });
    events.push(whole(12, Content::Other("mcp_list_tools".into()), list));
    events.push(whole(13, Content::Image(image), Value::Null));
    let compaction = json!({ "id": "cmp_1", "type": "compaction", "encrypted_content": "e" });
    events.push(whole(14, Content::Other("compaction".into()), compaction));
    events.push(whole(
        15,
        Content::Other("strange".into()),
        json!({ "type": "strange" }),
    ));
    events.extend([begin(16, PartKind::Audio(None)), say(16, "AAEC"), end(16)]);
    events.push(finished(FinishReason::Stop));
    record("hosted", &turn(json!({})), &events, None);
}

#[test]
fn what_else_is_answered() {
    let input = json!([
        { "role": "user", "content": "hi" },
        { "role": "developer", "content": [{ "type": "input_text", "text": "t" }] },
        { "role": "user", "content": [{ "type": "input_image", "image_url": "https://u" }, { "type": "input_file", "file_id": "f" }] },
        { "role": "assistant", "content": "yes" },
        { "type": "reasoning", "summary": [] },
        { "type": "function_call", "call_id": "a", "name": "f", "arguments": "{}" },
        { "type": "function_call_output", "call_id": "a", "output": "r" },
        { "type": "custom_tool_call", "call_id": "c", "name": "g", "input": "x" },
        { "type": "custom_tool_call_output", "call_id": "c", "output": [{ "type": "input_text", "text": "t" }] },
    ]);
    let turn = turn(json!({ "input": input }));
    let stored = queued(&turn);
    let id = |item: &mut Value| {
        let own = item["id"].as_str().expect("an id");
        // The id of the answer is new each time, and those of its items are made of it.
        let (prefix, _) = own.split_once('_').expect("a prefix");
        item["id"] = format!("{prefix}_x").into();
    };
    let page = Page {
        ascending: true,
        include: vec!["message.input_image.image_url".into()],
        ..Page::default()
    };
    let mut list = input_items(&stored, &page).expect("a page");
    list["data"]
        .as_array_mut()
        .expect("items")
        .iter_mut()
        .for_each(id);
    list["first_id"] = "msg_x".into();
    list["last_id"] = "ctco_x".into();
    golden_json("input_items.json", &list);
    golden_json("deleted.json", &deleted("resp_0"));
    let count = TokenCount {
        input_tokens: 7,
        approximate: false,
    };
    golden(
        "input_tokens.json",
        &(Wire::OpenAiInputTokens.count(&count) + "\n"),
    );
    let body = json!({ "model": "m", "input": "x", "previous_response_id": "resp_1" }).to_string();
    let error = parse(body.as_bytes(), &Past::default()).expect_err("unknown");
    golden_json("unknown_previous.json", &Dialect::OpenAi.error_body(&error));
    let mut tap = Wire::OpenAiResponses.tap(true, false);
    let error = Error::new(ErrorCode::Upstream, "cut");
    golden("native_cut.sse", &tap.fail(&error));
    tap.finish();
}

fn queued(turn: &Turn) -> Stored {
    let (settings, input) = (turn.settings.clone(), turn.input.clone());
    dialects::Response { settings, input }.queued("a/m")
}

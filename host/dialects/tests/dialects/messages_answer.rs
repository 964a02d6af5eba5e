use dialects::Whole;
use dialects::Wire;
use dialects::anthropic::messages::{self, encoder, parse};
use serde_json::{Value, json};
use types::{Error, ErrorCode, neutral::*};

use crate::events::*;

fn stream(events: &[Event]) -> String {
    encode(encoder("a/m"), events)
}

fn whole(events: Vec<Event>, model: &str) -> Result<Whole, Error> {
    messages::whole(events.into_iter().collect(), model)
}

fn usage() -> Event {
    Event::Usage(Usage {
        input_tokens: Some(100),
        cache_read_tokens: Some(40),
        cache_write_tokens: Some(20),
        cache_write_1h_tokens: Some(10),
        output_tokens: Some(5),
        reasoning_tokens: Some(2),
        ..Usage::default()
    })
}

fn counts() -> Value {
    json!({
        "input_tokens": 30, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 40,
        "cache_creation": { "ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10 },
        "output_tokens": 5, "output_tokens_details": { "thinking_tokens": 2 },
    })
}

#[test]
fn a_text_streams() {
    let mut events = text("Hé\n");
    events.insert(1, usage());
    assert_eq!(
        read_json(&stream(&events)),
        [
            json!({ "type": "message_start", "message": {
                "id": "id-1", "type": "message", "role": "assistant", "model": "a/m", "content": [],
                "stop_reason": null, "stop_sequence": null, "usage": counts(),
            } }),
            json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hé\n" } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": counts() }),
            json!({ "type": "message_stop" }),
        ]
    );
}

/// The blocks of a stream, put together as the SDK does, and the reason.
pub(crate) fn put_together(stream: &str) -> (Vec<Value>, Value) {
    let (mut blocks, mut reason) = (Vec::<Value>::new(), Value::Null);
    let mut open = None;
    for event in read_json(stream) {
        let index = event["index"].as_u64().map(|i| i as usize);
        match event["type"].as_str().expect("typed") {
            "content_block_start" => {
                assert_eq!(
                    (open, index),
                    (None, Some(blocks.len())),
                    "in order, one at a time"
                );
                blocks.push(event["content_block"].clone());
                open = index;
            }
            "content_block_delta" => {
                assert_eq!(open, index);
                let block = blocks.last_mut().expect("open");
                let delta = &event["delta"];
                let (field, more) = match delta["type"].as_str().expect("typed") {
                    "text_delta" => ("text", &delta["text"]),
                    "thinking_delta" => ("thinking", &delta["thinking"]),
                    "signature_delta" => ("signature", &delta["signature"]),
                    "input_json_delta" => ("json", &delta["partial_json"]),
                    "citations_delta" => {
                        let block = block.as_object_mut().expect("a block");
                        let list = block.entry("citations").or_insert_with(|| json!([]));
                        list.as_array_mut()
                            .expect("a list")
                            .push(delta["citation"].clone());
                        continue;
                    }
                    other => panic!("{other}"),
                };
                let text = format!(
                    "{}{}",
                    block[field].as_str().unwrap_or(""),
                    more.as_str().expect("text")
                );
                block[field] = text.into();
            }
            "content_block_stop" => {
                assert_eq!(open.take(), index);
                let block = blocks
                    .last_mut()
                    .expect("open")
                    .as_object_mut()
                    .expect("a block");
                if let Some(json) = block.remove("json") {
                    let input = serde_json::from_str(json.as_str().expect("text"));
                    block["input"] = input.expect("JSON");
                }
            }
            "message_delta" => reason = event["delta"]["stop_reason"].clone(),
            _ => {}
        }
    }
    assert_eq!(open, None);
    (blocks, reason)
}

fn busy() -> Vec<Event> {
    vec![
        started(),
        begin(0, PartKind::Reasoning(ReasoningKind::Full)),
        say(0, "hm"),
        end_with(0, Some(r#"{"type":"thinking","signature":"sig=="}"#)),
        begin(1, PartKind::Text),
        say(1, "let me"),
        begin(2, call("a", "f")),
        begin(3, call("b", "g")),
        say(3, "{\"y\":"),
        begin(4, call("c", "h")),
        say(2, "{\"x\":1}"),
        say(1, " see"),
        end(1),
        say(3, "2}"),
        end(4),
        end(3),
        end(2),
        begin(5, PartKind::Reasoning(ReasoningKind::Redacted)),
        end_with(5, Some(r#"{"type":"redacted_thinking","data":"blob"}"#)),
        begin(6, PartKind::Reasoning(ReasoningKind::Full)),
        end_with(6, Some(r#"{"type":"thinking","signature":"alone"}"#)),
        begin(7, PartKind::Text),
        end(7),
        finished(FinishReason::Stop),
    ]
}

#[test]
fn interleaved_parts_come_one_after_the_other() {
    let blocks = json!([
        { "type": "thinking", "thinking": "hm", "signature": "sig==" },
        { "type": "text", "text": "let me see" },
        { "type": "tool_use", "id": "a", "name": "f", "input": { "x": 1 } },
        { "type": "tool_use", "id": "b", "name": "g", "input": { "y": 2 } },
        { "type": "tool_use", "id": "c", "name": "h", "input": {} },
        { "type": "redacted_thinking", "data": "blob" },
        { "type": "thinking", "thinking": "", "signature": "alone" },
    ]);
    let (streamed, reason) = put_together(&stream(&busy()));
    assert_eq!(Value::from(streamed), blocks);
    assert_eq!(reason, "tool_use");
    let body = whole(busy(), "a/m").expect("finished").body;
    assert_eq!(body["content"], blocks);
    assert_eq!(body["stop_reason"], "tool_use");
}

#[test]
fn parts_without_an_end_are_ended() {
    let (blocks, _) = put_together(&stream(&[
        started(),
        begin(0, PartKind::Text),
        begin(1, call("a", "f")),
        say(0, "x"),
        finished(FinishReason::Length),
    ]));
    assert_eq!(blocks.len(), 2);
}

#[test]
fn stop_reasons() {
    for (reason, word) in [
        (FinishReason::Stop, "end_turn"),
        (FinishReason::Length, "max_tokens"),
        (FinishReason::ContextFull, "model_context_window_exceeded"),
        (FinishReason::ToolCalls, "tool_use"),
        (FinishReason::Refusal, "refusal"),
        (FinishReason::ContentFilter, "refusal"),
        (FinishReason::Paused, "pause_turn"),
        (FinishReason::Other("weird".into()), "end_turn"),
    ] {
        let events = vec![started(), finished(reason)];
        assert_eq!(put_together(&stream(&events)).1, word);
        assert_eq!(
            whole(events, "m").expect("finished").body["stop_reason"],
            word
        );
    }
    let events = vec![
        started(),
        finished(FinishReason::StopSequence("END".into())),
    ];
    let body = whole(events.clone(), "m").expect("finished").body;
    assert_eq!(body["stop_reason"], "stop_sequence");
    assert_eq!(body["stop_sequence"], "END");
    assert!(stream(&events).contains(r#""stop_sequence":"END""#));
}

#[test]
fn a_refusal_is_a_text_and_a_reason() {
    let events = vec![
        started(),
        begin(0, PartKind::Refusal),
        say(0, "no"),
        end(0),
        finished(FinishReason::Stop),
    ];
    let (blocks, reason) = put_together(&stream(&events));
    assert_eq!(
        (blocks, reason),
        (
            vec![json!({ "type": "text", "text": "no" })],
            json!("refusal")
        )
    );
    let body = whole(events, "m").expect("finished").body;
    assert_eq!(body["content"], json!([{ "type": "text", "text": "no" }]));
    assert_eq!(body["stop_reason"], "refusal");
}

#[test]
fn citations_in_each_form() {
    let citation = |url: Option<&str>, unit: Option<&str>, data: Option<&str>| Citation {
        url: url.map(Into::into),
        title: Some("t".into()),
        cited_text: Some("c".into()),
        start: Some(1),
        end: Some(3),
        location_unit: unit.map(Into::into),
        document: Some(2),
        provider_data: data.map(Into::into),
    };
    let mut events = text("x");
    for (i, it) in [
        citation(None, Some("char"), None),
        citation(None, Some("page"), None),
        citation(None, Some("block"), None),
        citation(Some("u"), Some("search-result-block"), None),
        citation(Some("u"), None, Some(r#"{"file_id":"another vendor's"}"#)),
        citation(None, None, Some(r#"{"type":"new_location","x":1}"#)),
    ]
    .into_iter()
    .enumerate()
    {
        events.insert(3 + i, grow(0, Delta::Citation(it)));
    }
    let citations = json!([
        { "type": "char_location", "cited_text": "c", "document_index": 2, "document_title": "t", "start_char_index": 1, "end_char_index": 3 },
        { "type": "page_location", "cited_text": "c", "document_index": 2, "document_title": "t", "start_page_number": 1, "end_page_number": 3 },
        { "type": "content_block_location", "cited_text": "c", "document_index": 2, "document_title": "t", "start_block_index": 1, "end_block_index": 3 },
        { "type": "search_result_location", "cited_text": "c", "source": "u", "title": "t", "search_result_index": 2, "start_block_index": 1, "end_block_index": 3 },
        { "type": "web_search_result_location", "cited_text": "c", "url": "u", "title": "t", "encrypted_index": "" },
        { "type": "new_location", "x": 1 },
    ]);
    assert_eq!(put_together(&stream(&events)).0[0]["citations"], citations);
    let body = whole(events, "m").expect("finished").body;
    assert_eq!(body["content"][0]["citations"], citations);
}

#[test]
fn any_vendors_reasoning_survives_a_client_that_echoes_it() {
    let plain = r#"{"type":"thinking","signature":"plain"}"#;
    for data in [
        Some(plain),
        Some(r#"{"type":"thinking","signature":"evenhand.not ours"}"#),
        Some(r#"{"signature":"s"}"#),
        Some(r#"{"signature":"s","id":"rs_1"}"#),
        Some(r#"{"thoughtSignature":"t"}"#),
        Some("[1,2]"),
        None,
    ] {
        let events = vec![
            started(),
            begin(0, PartKind::Reasoning(ReasoningKind::Full)),
            say(0, "hm"),
            end_with(0, data),
            finished(FinishReason::Stop),
        ];
        let streamed = Value::from(put_together(&stream(&events)).0);
        let body = whole(events, "m").expect("finished").body;
        assert_eq!(streamed, body["content"]);
        let echo = json!({ "model": "m", "max_tokens": 1, "messages": [{ "role": "assistant", "content": body["content"] }] });
        let echo = echo.to_string();
        // Only what its own vendor signed may go to a vendor as it is.
        assert_eq!(
            Wire::AnthropicMessages.needs_translation(echo.as_bytes()),
            data != Some(plain)
        );
        let parsed = parse(echo.as_bytes()).expect("parses");
        assert_eq!(parsed.messages[0].parts[0].provider_data.as_deref(), data);
    }
}

#[test]
fn what_has_no_block_is_a_warning() {
    let picture = Event::Part(WholePart {
        choice: 0,
        index: 0,
        part: Part {
            content: Content::Image(Media {
                source: MediaSource::Bytes(vec![0]),
                media_type: None,
                name: None,
                context: None,
                detail: None,
                cite: false,
            }),
            cache: None,
            provider_data: None,
        },
    });
    let malformed = [begin(1, call("a", "f")), say(1, "{\"x\":"), end(1)];
    let mut events = vec![started(), warning(), picture];
    events.extend(malformed);
    events.push(finished(FinishReason::Length));
    let whole = whole(events.clone(), "m").expect("finished");
    let fields: Vec<&str> = whole.warnings.iter().map(|w| w.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "sampling.seed",
            "content.image",
            "content.tool-call.arguments"
        ]
    );
    assert_eq!(
        whole.body["content"],
        json!([{ "type": "tool_use", "id": "a", "name": "f", "input": {} }])
    );
    let out = stream(&events);
    assert_eq!(out.matches(": evenhand-warning ").count(), 2);
    assert!(
        out.contains(r#""partial_json":"{\"x\":""#),
        "a stream passes on what was written"
    );
}

#[test]
fn a_vendors_own_blocks_pass() {
    let blocks = json!([
        { "type": "mcp_tool_use", "server_name": "x", "id": "s", "name": "look", "input": { "q": 1 } },
        { "type": "web_search_tool_result", "content": [], "tool_use_id": "s" },
    ]);
    let part = |content: Content, data: &str| {
        Event::Part(WholePart {
            choice: 0,
            index: 1,
            part: Part {
                content,
                cache: None,
                provider_data: Some(data.into()),
            },
        })
    };
    let result = Content::ToolResult(ToolResult {
        call_id: "s".into(),
        name: None,
        content: vec![],
        is_error: false,
        by_provider: true,
    });
    let events = vec![
        started(),
        begin(
            0,
            PartKind::ToolCall(ToolCallStart {
                id: "s".into(),
                name: "look".into(),
                by_provider: true,
            }),
        ),
        say(0, "{\"q\":"),
        say(0, "1}"),
        end_with(0, Some(r#"{"type":"mcp_tool_use","server_name":"x"}"#)),
        part(result, r#"{"type":"web_search_tool_result","content":[]}"#),
        finished(FinishReason::Stop),
    ];
    assert_eq!(
        put_together(&stream(&events)),
        (
            blocks.as_array().expect("blocks").clone(),
            json!("end_turn")
        )
    );
    assert_eq!(
        whole(events, "m").expect("finished").body["content"],
        blocks
    );
}

#[test]
fn a_cut_off_or_failed_answer_never_ends_cleanly() {
    let cut = &text("x")[..3];
    let out = stream(cut);
    assert!(!out.contains("message_stop"));
    let last = read(&out).pop().expect("an error");
    assert_eq!(last.0.as_deref(), Some("error"));
    assert_eq!(
        whole(cut.to_vec(), "m").map(|_| ()).map_err(|e| e.code),
        Err(ErrorCode::Upstream)
    );

    let mut out = String::new();
    encoder("m").fail(&Error::new(ErrorCode::Overloaded, "full"), &mut out);
    assert_eq!(
        out,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"full\"}}\n\n"
    );
}

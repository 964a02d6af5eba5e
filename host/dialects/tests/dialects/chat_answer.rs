use dialects::Whole;
use dialects::openai::chat::{self, encoder};
use serde_json::{Value, json};
use types::{Error, ErrorCode, neutral::*};

use crate::events::*;

fn stream(events: &[Event], include_usage: bool) -> String {
    encode(encoder("a/m", include_usage), events)
}

fn whole(events: Vec<Event>, model: &str) -> Result<Whole, Error> {
    chat::whole(events.into_iter().collect(), model)
}

fn deltas(stream: &str) -> Vec<Value> {
    read_json(stream)
        .into_iter()
        .map(|chunk| chunk["choices"][0]["delta"].clone())
        .collect()
}

fn usage() -> Usage {
    Usage {
        input_tokens: Some(10),
        cache_read_tokens: Some(4),
        output_tokens: Some(5),
        reasoning_tokens: Some(2),
        ..Usage::default()
    }
}

#[test]
fn a_text_streams() {
    let mut events = text("Hé\n");
    events.push(Event::Usage(usage()));
    let out = stream(&events, true);
    assert!(out.ends_with("data: [DONE]\n\n"));
    let mut chunks = read_json(&out);
    for chunk in &mut chunks {
        assert!(chunk["created"].as_u64() > Some(1_700_000_000));
        chunk["created"] = 0.into();
    }
    let chunk = |choices: Value| json!({ "id": "id-1", "object": "chat.completion.chunk", "created": 0, "model": "a/m", "choices": choices });
    let mut last = chunk(json!([]));
    last["usage"] = json!({
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
        "prompt_tokens_details": { "cached_tokens": 4 },
        "completion_tokens_details": { "reasoning_tokens": 2 },
    });
    assert_eq!(
        chunks,
        [
            chunk(
                json!([{ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }])
            ),
            chunk(json!([{ "index": 0, "delta": { "content": "Hé\n" }, "finish_reason": null }])),
            chunk(json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }])),
            last,
        ]
    );
    assert!(!stream(&events, false).contains("usage"));
}

#[test]
fn interleaved_calls_come_one_after_the_other() {
    let out = stream(
        &[
            started(),
            begin(0, call("a", "f")),
            begin(1, call("b", "g")),
            say(1, "{\"y\":"),
            begin(2, call("c", "h")),
            say(1, "2}"),
            end(0),
            end(1),
            end(2),
            finished(FinishReason::Stop),
        ],
        false,
    );
    let calls: Vec<Value> = deltas(&out)
        .into_iter()
        .filter_map(|delta| delta.get("tool_calls").map(|calls| calls[0].clone()))
        .collect();
    let start = |i: u32, id: &str, name: &str| json!({ "index": i, "id": id, "type": "function", "function": { "name": name, "arguments": "" } });
    let more = |i: u32, text: &str| json!({ "index": i, "function": { "arguments": text } });
    assert_eq!(
        calls,
        [
            start(0, "a", "f"),
            more(0, "{}"),
            start(1, "b", "g"),
            more(1, "{\"y\":2}"),
            start(2, "c", "h"),
            more(2, "{}"),
        ]
    );
    assert!(out.contains(r#""finish_reason":"tool_calls""#));
}

#[test]
fn reasoning_refusal_citations_and_logprobs() {
    let citation = Citation {
        url: Some("https://x".into()),
        title: Some("X".into()),
        cited_text: None,
        start: Some(1),
        end: Some(3),
        location_unit: None,
        document: None,
        provider_data: None,
    };
    let token = TokenLogprob {
        token: "é".into(),
        logprob: -0.5,
        bytes: None,
        top: vec![("e".into(), -1.0)],
    };
    let out = stream(
        &[
            started(),
            begin(0, PartKind::Reasoning(ReasoningKind::Full)),
            say(0, "hm"),
            end_with(0, Some(r#"{"signature":"s"}"#)),
            begin(1, PartKind::Text),
            say(1, "é"),
            grow(1, Delta::Logprobs(vec![token])),
            grow(1, Delta::Citation(citation)),
            end(1),
            begin(2, PartKind::Refusal),
            say(2, "no"),
            end(2),
            finished(FinishReason::ContentFilter),
        ],
        false,
    );
    let d = deltas(&out);
    assert_eq!(d[1], json!({ "reasoning_content": "hm" }));
    assert_eq!(d[2], json!({ "content": "é" }));
    assert_eq!(
        read_json(&out)[3]["choices"][0]["logprobs"]["content"],
        json!([{
            "token": "é", "logprob": -0.5, "bytes": [195, 169],
            "top_logprobs": [{ "token": "e", "logprob": -1.0, "bytes": [101] }],
        }])
    );
    assert_eq!(
        d[4]["annotations"][0]["url_citation"],
        json!({ "start_index": 1, "end_index": 3, "title": "X", "url": "https://x" })
    );
    assert_eq!(d[5], json!({ "refusal": "no" }));
    assert!(out.contains(r#""finish_reason":"content_filter""#));
}

#[test]
fn warnings_are_no_events() {
    let out = stream(&[warning(), started(), finished(FinishReason::Stop)], false);
    assert!(out.starts_with(
        ": evenhand-warning {\"field\":\"sampling.seed\",\"message\":\"left out\\nreally\"}\n\n"
    ));
    assert_eq!(read_json(&out).len(), 2);
    let mut events = text("x");
    events.push(warning());
    let whole = whole(events, "a/m").expect("finished");
    assert_eq!(whole.warnings[0].field, "sampling.seed");
    assert!(!whole.body.to_string().contains("left out"));
}

#[test]
fn a_cut_off_or_failed_answer_never_ends_cleanly() {
    let cut = &text("x")[..3];
    let out = stream(cut, true);
    assert!(!out.contains("[DONE]"));
    let last = read_json(&out).pop().expect("an error");
    assert_eq!(last["error"]["code"], "upstream_error");
    assert_eq!(
        whole(cut.to_vec(), "a/m").map(|_| ()).map_err(|e| e.code),
        Err(ErrorCode::Upstream)
    );

    let mut out = String::new();
    encoder("a/m", false).fail(&Error::new(ErrorCode::TimedOut, "too slow"), &mut out);
    assert_eq!(
        out,
        "data: {\"error\":{\"message\":\"too slow\",\"type\":\"server_error\",\"param\":null,\"code\":\"timeout\"}}\n\n"
    );
}

#[test]
fn several_choices() {
    let second = |event: Event| match event {
        Event::PartStarted(p) => Event::PartStarted(PartStarted { choice: 1, ..p }),
        Event::PartDelta(p) => Event::PartDelta(PartDelta { choice: 1, ..p }),
        Event::PartEnded(p) => Event::PartEnded(PartEnded { choice: 1, ..p }),
        Event::Finished(f) => Event::Finished(Finished { choice: 1, ..f }),
        event => event,
    };
    let mut events = text("one");
    events.extend(text("two").into_iter().skip(1).map(second));
    let body = whole(events.clone(), "a/m").expect("finished").body;
    assert_eq!(body["choices"][0]["message"]["content"], "one");
    assert_eq!(body["choices"][1]["message"]["content"], "two");
    assert_eq!(body["choices"][1]["index"], 1);
    let out = stream(&events, false);
    assert_eq!(out.matches("\"role\"").count(), 2);
    events.pop();
    assert!(
        !stream(&events, false).contains("[DONE]"),
        "the second did not finish"
    );
}

#[test]
fn a_whole_answer() {
    let mut body = whole(
        vec![
            started(),
            begin(0, PartKind::Reasoning(ReasoningKind::Full)),
            say(0, "hm"),
            end(0),
            begin(1, PartKind::Text),
            say(1, "a"),
            say(1, "b"),
            end(1),
            begin(2, call("c1", "f")),
            end(2),
            Event::Usage(usage()),
            finished(FinishReason::ToolCalls),
        ],
        "a/m",
    )
    .expect("finished")
    .body;
    body["created"] = 0.into();
    assert_eq!(
        body,
        json!({
            "id": "id-1", "object": "chat.completion", "created": 0, "model": "a/m",
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant", "content": "ab", "refusal": null, "reasoning_content": "hm",
                    "tool_calls": [{ "id": "c1", "type": "function", "function": { "name": "f", "arguments": "{}" } }],
                },
                "logprobs": null,
                "finish_reason": "tool_calls",
            }],
            "usage": {
                "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                "prompt_tokens_details": { "cached_tokens": 4 },
                "completion_tokens_details": { "reasoning_tokens": 2 },
            },
        })
    );
}

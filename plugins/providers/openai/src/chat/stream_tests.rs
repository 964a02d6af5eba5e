use super::*;
use serde_json::json;

/// Events, one short line each.
fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(line).collect()
}

fn line(event: &Event) -> String {
    match event {
        Event::Started(started) => format!(
            "started {} {}",
            started.id.as_deref().unwrap_or("-"),
            started.model.as_deref().unwrap_or("-")
        ),
        Event::PartStarted(part) => {
            let kind = match &part.kind {
                PartKind::Text => "text".into(),
                PartKind::Reasoning(_) => "reasoning".into(),
                PartKind::Refusal => "refusal".into(),
                PartKind::Audio(_) => "audio".into(),
                PartKind::ToolCall(call) => format!("call {} {}", call.id, call.name),
            };
            format!("{}.{} + {kind}", part.choice, part.index)
        }
        Event::PartDelta(part) => {
            let delta = match &part.delta {
                Delta::Text(text) => text.clone(),
                Delta::Citation(citation) => format!("cites {:?}", citation.url),
                Delta::Logprobs(tokens) => format!("{} logprobs", tokens.len()),
            };
            format!("{}.{} {delta}", part.choice, part.index)
        }
        Event::PartEnded(part) => match &part.provider_data {
            Some(data) => format!("{}.{} . {data}", part.choice, part.index),
            None => format!("{}.{} .", part.choice, part.index),
        },
        Event::Part(part) => format!("{}.{} whole", part.choice, part.index),
        Event::Warning(warning) => format!("warning {}", warning.field),
        Event::Usage(usage) => format!("usage {:?} {:?}", usage.input_tokens, usage.output_tokens),
        Event::Finished(finished) => format!("finished {} {:?}", finished.choice, finished.reason),
    }
}

fn machine() -> Machine {
    Machine::new(Names::new(64), vec![], 1)
}

fn event(data: impl Into<String>) -> SseEvent {
    SseEvent {
        data: data.into(),
        ..SseEvent::default()
    }
}

fn run(machine: &mut Machine, chunks: &[Value]) -> Result<Vec<String>, Error> {
    let mut events = Vec::new();
    let texts = chunks.iter().map(Value::to_string);
    for data in texts.chain(["[DONE]".into()]) {
        machine.read(&event(data), &mut events)?;
    }
    machine.end()?;
    Ok(lines(&events))
}

fn chunk(delta: Value) -> Value {
    json!({"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn end(reason: &str) -> Value {
    json!({"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

#[test]
fn reasoning_then_text_then_usage() {
    let warned = vec![Event::warning("sampling.top_k", "left out")];
    let mut machine = Machine::new(Names::new(64), warned, 1);
    let seen = run(
        &mut machine,
        &[
            json!({"id": "", "model": "", "choices": [], "prompt_filter_results": []}),
            chunk(json!({"role": "assistant", "content": ""})),
            chunk(json!({"reasoning_content": "Hm"})),
            chunk(json!({"content": "Hel"})),
            chunk(json!({"content": "lo"})),
            end("stop"),
            json!({"id": "c1", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 4}}}),
        ],
    );
    assert_eq!(
        seen.unwrap(),
        [
            "started c1 m",
            "warning sampling.top_k",
            "0.0 + reasoning",
            "0.0 Hm",
            r#"0.0 . {"field":"reasoning_content"}"#,
            "0.1 + text",
            "0.1 Hel",
            "0.1 lo",
            "0.1 .",
            "finished 0 FinishReason::Stop",
            "usage Some(9) Some(3)",
        ]
    );
}

#[test]
fn interleaved_calls_keep_their_arguments_apart_and_names_come_back() {
    let mut names = Names::new(64);
    let sent = names.send("files.read");
    let mut machine = Machine::new(names, vec![], 1);
    let call = |index: u64, id: Option<&str>, name: Option<&str>, arguments: &str| {
        chunk(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}]}),
        )
    };
    let seen = run(
        &mut machine,
        &[
            call(0, Some("a"), Some(&sent), ""),
            call(1, Some("b"), Some("now"), ""),
            call(0, None, None, "{\"p\":"),
            call(0, None, None, "1}"),
            end("stop"),
        ],
    );
    assert_eq!(
        seen.unwrap(),
        [
            "started c1 m",
            "0.0 + call a files.read",
            "0.1 + call b now",
            "0.0 {\"p\":",
            "0.0 1}",
            "0.0 .",
            "0.1 .",
            "finished 0 FinishReason::ToolCalls",
        ]
    );
}

#[test]
fn calls_that_are_all_numbered_0_are_told_apart_by_id() {
    let call = |id: &str| {
        chunk(
            json!({"tool_calls": [{"index": 0, "id": id, "function": {"name": "f", "arguments": "{}"}}]}),
        )
    };
    let seen = run(&mut machine(), &[call("a"), call("b"), end("tool_calls")]).unwrap();
    assert!(seen.contains(&"0.0 + call a f".into()) && seen.contains(&"0.1 + call b f".into()));
}

#[test]
fn calls_without_numbers_and_ids_are_told_apart_by_their_names() {
    let call = |call: Value| chunk(json!({"tool_calls": [call]}));
    let seen = run(
        &mut machine(),
        &[
            // An object instead of its text, as whole answers of some servers have it.
            call(json!({"function": {"name": "f", "arguments": {"a": 1}}})),
            call(json!({"id": "", "index": 0, "function": {"name": "f", "arguments": "{\"a\""}})),
            call(json!({"index": 0, "function": {"arguments": ":2}"}})),
            // The name again is no new call while the arguments are not complete, and none is where nothing names one.
            call(json!({"id": null, "function": {"name": "g", "arguments": "{}"}})),
            end("stop"),
        ],
    );
    assert_eq!(
        seen.unwrap(),
        [
            "started c1 m",
            "0.0 + call call_c1_0_0 f",
            "0.0 {\"a\":1}",
            "0.1 + call call_c1_0_1 f",
            "0.1 {\"a\"",
            "0.1 :2}",
            "0.2 + call call_c1_0_2 g",
            "0.2 {}",
            "0.0 .",
            "0.1 .",
            "0.2 .",
            "finished 0 FinishReason::ToolCalls",
        ]
    );
}

#[test]
fn tokens_of_every_chunk_and_no_done_are_fine() {
    let with = |mut chunk: Value, tokens: u64| {
        chunk["usage"] = json!({"prompt_tokens": 5, "completion_tokens": tokens});
        event(chunk.to_string())
    };
    let (mut machine, mut events) = (machine(), Vec::new());
    for event in [
        with(chunk(json!({"content": "a"})), 1),
        with(end("stop"), 2),
    ] {
        machine.read(&event, &mut events).unwrap();
    }
    machine.end().unwrap();
    assert_eq!(
        lines(&events)[3..],
        [
            "usage Some(5) Some(1)",
            "0.0 .",
            "finished 0 FinishReason::Stop",
            "usage Some(5) Some(2)"
        ]
    );
}

#[test]
fn a_whole_answer_gives_the_same_events() {
    let answer = json!({"id": "c1", "model": "m", "service_tier": "default", "choices": [{
        "index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": "Let me see", "refusal": null,
            "annotations": [{"type": "url_citation", "url_citation": {"url": "https://x", "start_index": 0, "end_index": 3}}],
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        "logprobs": {"content": [{"token": "Let", "logprob": -0.5, "bytes": [76, 101, 116], "top_logprobs": []}]},
    }], "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    let mut events = Vec::new();
    machine().whole(&answer, &mut events).unwrap();
    assert_eq!(
        lines(&events),
        [
            "started c1 m",
            "0.0 + text",
            "0.0 Let me see",
            "0.0 cites Some(\"https://x\")",
            "0.0 1 logprobs",
            "0.0 .",
            "0.1 + call a f",
            "0.1 {}",
            "0.2 + call b g",
            "0.1 .",
            "0.2 .",
            "finished 0 FinishReason::ToolCalls",
            "usage Some(1) Some(2)",
        ]
    );
}

#[test]
fn several_answers_count_their_own_parts() {
    let mut machine = Machine::new(Names::new(64), vec![], 2);
    let both = |delta: &str, reason: Option<&str>| {
        json!({"id": "c1", "choices": [
            {"index": 0, "delta": {"content": delta}, "finish_reason": reason},
            {"index": 1, "delta": {"refusal": delta}, "finish_reason": reason}]})
    };
    let seen = run(&mut machine, &[both("x", None), both("y", Some("stop"))]).unwrap();
    assert_eq!(
        seen[1..],
        [
            "0.0 + text",
            "0.0 x",
            "1.0 + refusal",
            "1.0 x",
            "0.0 y",
            "0.0 .",
            "finished 0 FinishReason::Stop",
            "1.0 y",
            "1.0 .",
            "finished 1 FinishReason::Refusal",
        ]
    );
}

#[test]
fn what_breaks_off_is_never_clean() {
    let cut = [
        vec![],
        vec![chunk(json!({"content": "Hel"}))],
        vec![json!({"id": "c1", "choices": [], "usage": {"prompt_tokens": 1}})],
    ];
    for chunks in cut {
        let error = run(&mut machine(), &chunks).unwrap_err();
        assert_eq!(error.code, ErrorCode::Upstream);
        assert!(error.message.contains("ended mid-stream"));
    }
    let one_of_two = Machine::new(Names::new(64), vec![], 2);
    let mut one_of_two = one_of_two;
    assert!(
        run(
            &mut one_of_two,
            &[chunk(json!({"content": "a"})), end("stop")]
        )
        .is_err()
    );
    let error = run(
        &mut machine(),
        &[
            chunk(json!({"content": "Hel"})),
            json!({"error": {"message": "The server had an error", "type": "server_error"}}),
        ],
    );
    assert_eq!(error.unwrap_err().message, "The server had an error");
    assert!(machine().read(&event("{"), &mut vec![]).is_err());
}

#[test]
fn sound_keeps_its_id_and_transcript() {
    let seen = run(
        &mut machine(),
        &[
            chunk(json!({"audio": {"id": "au1", "transcript": "He"}})),
            chunk(json!({"audio": {"data": "AAAA"}})),
            chunk(json!({"audio": {"transcript": "llo", "data": ""}})),
            end("stop"),
        ],
    );
    assert_eq!(
        seen.unwrap()[1..4],
        [
            "0.0 + audio",
            "0.0 AAAA",
            r#"0.0 . {"id":"au1","transcript":"Hello"}"#,
        ]
    );
}

use dialects::openai::responses::{self, Frame, Past, Stored, Stream, Turn, parse};
use dialects::{Encoder, Whole};
use serde_json::{Value, json};
use types::{Error, ErrorCode, UpstreamError, neutral::*};

use crate::{events::*, responses_stream::check};

pub(crate) fn turn(fields: Value) -> Turn {
    let mut body = json!({ "model": "a/m", "input": "hi" });
    for (key, value) in fields.as_object().expect("an object") {
        body[key] = value.clone();
    }
    let mut turn = parse(body.to_string().as_bytes(), &Past::default()).expect("parses");
    turn.settings.id = "resp_0".into();
    turn.settings.created_at = 1_700_000_000;
    turn
}

/// All that a stream of these events and a clean end is made of, and what is stored.
pub(crate) fn frames(turn: &Turn, events: &[Event]) -> (Vec<Frame>, Stored) {
    let mut stream = Stream::new(&turn.settings, "a/m");
    let mut out = Vec::new();
    for event in events {
        stream.push(event.clone(), &mut out);
    }
    stream.finish(&mut out);
    (out, stream.stored(&turn.input))
}

/// The events of a stream, read as strictly as can be, and its last response object.
pub(crate) fn stream(turn: &Turn, events: &[Event]) -> (Vec<Value>, Value) {
    let mut text = String::new();
    let (frames, stored) = frames(turn, events);
    frames.iter().for_each(|frame| frame.write(&mut text));
    let read = read_json(&text);
    let ended = check(&read);
    assert_eq!(stored.response, ended);
    (read, ended)
}

pub(crate) fn whole(turn: &Turn, events: &[Event]) -> (Whole, Stored) {
    let answer = events.iter().cloned().collect();
    responses::whole(&turn.settings, &turn.input, answer, "a/m").expect("finished")
}

/// The same answer streamed and whole; returns names of events, and the output.
fn said(turn: &Turn, events: &[Event]) -> (Vec<String>, Value) {
    let (read, mut ended) = stream(turn, events);
    let (whole, _) = whole(turn, events);
    let mut body = whole.body;
    body["completed_at"] = ended["completed_at"].clone();
    assert_eq!(body, ended, "streamed and whole are the same");
    let names = read.iter().map(|event| {
        let name = event["type"].as_str().expect("typed");
        name.strip_prefix("response.").unwrap_or(name).to_owned()
    });
    (names.collect(), ended["output"].take())
}

fn usage() -> Event {
    Event::Usage(Usage {
        input_tokens: Some(10),
        cache_read_tokens: Some(4),
        cache_write_tokens: Some(2),
        cache_write_1h_tokens: Some(1),
        output_tokens: Some(5),
        reasoning_tokens: Some(3),
        ..Usage::default()
    })
}

fn whole_part(index: u32, content: Content, data: Option<Value>) -> Event {
    Event::Part(WholePart {
        choice: 0,
        index,
        part: Part {
            content,
            cache: None,
            provider_data: data.map(|data| data.to_string()),
        },
    })
}

#[test]
fn a_text_streams() {
    let mut events = text("Hé\n");
    events.push(usage());
    let turn = turn(json!({ "instructions": "i", "metadata": { "k": "v" }, "temperature": 0.5 }));
    let (read, ended) = stream(&turn, &events);
    let place = json!({ "item_id": "msg_0o0", "output_index": 0, "content_index": 0 });
    let at = |number: u64, name: &str, fields: Value| {
        let mut event = place.clone();
        event["type"] = format!("response.{name}").into();
        event["sequence_number"] = number.into();
        for (key, value) in fields.as_object().expect("fields") {
            event[key] = value.clone();
        }
        event
    };
    let part = |text: &str| json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] });
    let item = |status: &str, content: Value| json!({ "id": "msg_0o0", "type": "message", "status": status, "role": "assistant", "content": content });
    assert_eq!(
        read[2..8],
        [
            json!({ "type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item("in_progress", json!([])) }),
            at(3, "content_part.added", json!({ "part": part("") })),
            at(
                4,
                "output_text.delta",
                json!({ "delta": "Hé\n", "logprobs": [] })
            ),
            at(
                5,
                "output_text.done",
                json!({ "text": "Hé\n", "logprobs": [] })
            ),
            at(6, "content_part.done", json!({ "part": part("Hé\n") })),
            json!({ "type": "response.output_item.done", "sequence_number": 7, "output_index": 0, "item": item("completed", json!([part("Hé\n")])) }),
        ]
    );
    assert_eq!(read.len(), 9);
    let mut ended = ended;
    assert!(ended["completed_at"].as_u64() > Some(1_700_000_000));
    ended["completed_at"] = 1.into();
    assert_eq!(
        ended,
        json!({
            "id": "resp_0", "object": "response", "created_at": 1_700_000_000, "status": "completed", "background": false,
            "completed_at": 1, "error": null, "incomplete_details": null, "model": "a/m",
            "output": [item("completed", json!([part("Hé\n")]))],
            "previous_response_id": null, "store": true,
            "usage": {
                "input_tokens": 10, "input_tokens_details": { "cached_tokens": 4, "cache_write_tokens": 3 },
                "output_tokens": 5, "output_tokens_details": { "reasoning_tokens": 3 }, "total_tokens": 15,
            },
            "instructions": "i", "max_output_tokens": null, "max_tool_calls": null, "metadata": { "k": "v" },
            "parallel_tool_calls": true, "prompt_cache_key": null, "prompt_cache_retention": null,
            "reasoning": { "effort": null, "summary": null }, "safety_identifier": null, "service_tier": "default",
            "temperature": 0.5, "text": { "format": { "type": "text" } }, "tool_choice": "auto", "tools": [],
            "top_logprobs": 0, "top_p": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0,
            "truncation": "disabled", "user": null,
        })
    );
    let created = &read[0]["response"];
    assert_eq!(
        (&created["status"], &created["usage"]),
        (&json!("in_progress"), &Value::Null)
    );
}

#[test]
fn citations_and_logprobs() {
    let citation = |url: Option<&str>, data: Option<Value>| {
        grow(
            0,
            Delta::Citation(Citation {
                url: url.map(Into::into),
                title: None,
                cited_text: Some("c".into()),
                start: Some(1),
                end: Some(3),
                location_unit: None,
                document: None,
                provider_data: data.map(|data| data.to_string()),
            }),
        )
    };
    let file = json!({ "type": "file_citation", "file_id": "f", "filename": "n", "index": 3 });
    let token = TokenLogprob {
        token: "a".into(),
        logprob: -0.5,
        bytes: None,
        top: vec![("b".into(), -1.0)],
    };
    let events = [
        started(),
        begin(0, PartKind::Text),
        say(0, "abc"),
        grow(0, Delta::Logprobs(vec![token])),
        citation(Some("https://u"), None),
        citation(None, Some(file.clone())),
        citation(None, None),
        end(0),
        finished(FinishReason::Stop),
    ];
    let turn = turn(json!({}));
    let (names, output) = said(&turn, &events);
    let added = names
        .iter()
        .filter(|name| *name == "output_text.annotation.added");
    assert_eq!(added.count(), 2);
    let part = &output[0]["content"][0];
    assert_eq!(
        part["annotations"],
        json!([{ "type": "url_citation", "start_index": 1, "end_index": 3, "title": "https://u", "url": "https://u" }, file])
    );
    assert_eq!(
        part["logprobs"],
        json!([{ "token": "a", "logprob": -0.5, "bytes": [97],
            "top_logprobs": [{ "token": "b", "logprob": -1.0, "bytes": [98] }] }])
    );
    let (whole, _) = whole(&turn, &events);
    assert_eq!(whole.warnings.len(), 1, "{:?}", whole.warnings);
    let (frames, _) = frames(&turn, &events);
    let comments: Vec<_> = frames
        .iter()
        .filter(|frame| frame.number.is_none())
        .collect();
    assert_eq!(comments.len(), 1);
    assert!(
        comments[0]
            .data
            .starts_with(": evenhand-warning {\"field\":")
    );
}

#[test]
fn texts_and_refusals_share_a_message_unless_phases_part_them() {
    let (names, output) = said(
        &turn(json!({})),
        &[
            started(),
            begin(0, PartKind::Text),
            say(0, "a"),
            end(0),
            begin(1, PartKind::Text),
            end(1),
            begin(2, PartKind::Refusal),
            say(2, "no"),
            end(2),
            finished(FinishReason::Refusal),
        ],
    );
    assert_eq!(output.as_array().map(Vec::len), Some(1));
    assert_eq!(
        output[0]["content"][1],
        json!({ "type": "refusal", "refusal": "no" })
    );
    assert!(
        names.contains(&"refusal.done".to_owned()) && names.last() == Some(&"completed".to_owned())
    );
    let (_, output) = said(
        &turn(json!({})),
        &[
            started(),
            begin(0, PartKind::Text),
            say(0, "a"),
            end_with(0, Some(r#"{"phase":"commentary"}"#)),
            begin(1, PartKind::Text),
            say(1, "b"),
            end_with(1, Some(r#"{"phase":"final_answer"}"#)),
            finished(FinishReason::Stop),
        ],
    );
    let phases: Vec<&Value> = output
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item["phase"])
        .collect();
    assert_eq!(phases, ["commentary", "final_answer"]);
}

fn tools() -> Value {
    json!([
        { "type": "custom", "name": "apply_patch" },
        { "type": "namespace", "name": "mcp__files", "description": "d", "tools": [
            { "type": "function", "name": "read" }, { "type": "custom", "name": "note" } ] },
    ])
}

#[test]
fn calls_have_the_names_and_forms_that_their_client_knows() {
    let patch = "*** Begin\n+\"é\\🦀\"\n";
    let arguments = format!(
        "{{ \"input\" : {}}}",
        serde_json::to_string(patch).expect("JSON")
    );
    let mut events = vec![started()];
    events.push(begin(0, call("a", "f")));
    events.push(end(0));
    events.push(begin(1, call("b", "mcp__files__read")));
    events.push(say(1, "{\"x\""));
    events.push(say(1, ":1}"));
    events.push(end(1));
    events.push(begin(2, call("c", "apply_patch")));
    events.extend(
        arguments
            .chars()
            .map(|c| say(2, c.encode_utf8(&mut [0; 4]))),
    );
    events.push(end(2));
    events.push(begin(3, call("d", "mcp__files__note")));
    events.push(say(3, "just text"));
    events.push(end(3));
    events.push(finished(FinishReason::Stop));
    let (names, output) = said(&turn(json!({ "tools": tools() })), &events);
    assert_eq!(
        output,
        json!([
            { "id": "fc_0o0", "type": "function_call", "status": "completed", "call_id": "a", "name": "f", "arguments": "{}" },
            { "id": "fc_0o1", "type": "function_call", "status": "completed", "call_id": "b", "name": "read",
              "arguments": "{\"x\":1}", "namespace": "mcp__files" },
            { "id": "ctc_0o2", "type": "custom_tool_call", "status": "completed", "call_id": "c", "name": "apply_patch", "input": patch },
            { "id": "ctc_0o3", "type": "custom_tool_call", "status": "completed", "call_id": "d", "name": "note",
              "input": "just text", "namespace": "mcp__files" },
        ])
    );
    let deltas = |of: &str| names.iter().filter(|name| *name == of).count();
    assert_eq!(deltas("function_call_arguments.delta"), 3);
    assert_eq!(
        deltas("custom_tool_call_input.delta"),
        patch.chars().count() + 1
    );
}

#[test]
fn a_search_that_the_client_does_is_an_item_of_its_own() {
    let search =
        json!({ "type": "tool_search", "execution": "client", "parameters": { "type": "object" } });
    let turn = turn(json!({ "tools": [search] }));
    let events = [
        started(),
        begin(0, call("a", "tool_search")),
        say(0, "{\"query\""),
        say(0, ":\"sums\"}"),
        end(0),
        begin(1, call("b", "tool_search")),
        end(1),
        finished(FinishReason::ToolCalls),
    ];
    let (names, output) = said(&turn, &events);
    let item = |at: usize, id: &str, arguments: Value| {
        json!({ "id": format!("tsc_0o{at}"), "type": "tool_search_call", "status": "completed", "call_id": id,
            "arguments": arguments, "execution": "client" })
    };
    assert_eq!(
        output,
        json!([
            item(0, "a", json!({ "query": "sums" })),
            item(1, "b", json!({}))
        ])
    );
    assert!(names.iter().all(|name| !name.contains("arguments")));
    let Content::ToolCall(first) = &echoed(&output)[0].content else {
        panic!("a call");
    };
    assert_eq!(
        (first.name.as_str(), first.arguments.as_str()),
        ("tool_search", r#"{"query":"sums"}"#)
    );
}

#[test]
fn input_comes_out_of_arguments_wherever_they_are_cut() {
    let turn = turn(json!({ "tools": tools() }));
    for (arguments, input) in [
        (
            r#"{"input":"a\u00e9\ud83e\udd80\n\t\"\\\/\b\f\r"}"#,
            "aé🦀\n\t\"\\/\u{8}\u{c}\r",
        ),
        (r#"{"input":"\ud83ex\udd80"}"#, "\u{fffd}x\u{fffd}"),
        (r#"{"input":"cut off\u00"#, "cut off"),
        (r#" { "other": 1, "input": "later" }"#, "later"),
        (r#"{"patch":"x"}"#, r#"{"patch":"x"}"#),
        ("*** no JSON", "*** no JSON"),
        ("{}", ""),
        ("", ""),
    ] {
        for cut in (0..=arguments.len()).filter(|cut| arguments.is_char_boundary(*cut)) {
            let (first, second) = arguments.split_at(cut);
            let events = [
                started(),
                begin(0, call("c", "apply_patch")),
                say(0, first),
                say(0, second),
                end(0),
                finished(FinishReason::Stop),
            ];
            let (_, ended) = stream(&turn, &events);
            assert_eq!(ended["output"][0]["input"], input, "{arguments} at {cut}");
        }
    }
}

/// The neutral parts of what a client echoes.
fn echoed(output: &Value) -> Vec<Part> {
    let body = json!({ "model": "m", "input": output }).to_string();
    let mut read = parse(body.as_bytes(), &Past::default())
        .expect("parses")
        .request;
    read.messages
        .pop()
        .map_or(Vec::new(), |message| message.parts)
}

#[test]
fn thoughts_come_back_as_they_were() {
    let thought = |kind, text: &str, data: Option<&str>| Part {
        content: Content::Reasoning(Reasoning {
            kind,
            text: text.into(),
        }),
        cache: None,
        provider_data: data.map(Into::into),
    };
    use ReasoningKind::{Full, Redacted, Summary};
    for thoughts in [
        vec![thought(Full, "a", None)],
        vec![thought(Summary, "a", None), thought(Summary, "b", None)],
        vec![thought(
            Full,
            "",
            Some(r#"{"type":"thinking","signature":"s=="}"#),
        )],
        vec![thought(
            Redacted,
            "",
            Some(r#"{"type":"redacted_thinking","data":"d"}"#),
        )],
        vec![
            thought(Full, "a", Some("1.50")),
            thought(Redacted, "", Some("[ ]")),
            thought(Summary, "s", None),
            thought(Full, "b", Some(r#""é""#)),
        ],
        vec![
            thought(Summary, "a", Some(r#"{"type":"reasoning","id":"rs_1"}"#)),
            thought(
                Summary,
                "b",
                Some(r#"{"id":"rs_1","type":"reasoning","encrypted_content":"gAAA","summary":[]}"#),
            ),
        ],
    ] {
        let mut events = vec![started()];
        for (index, part) in (0..).zip(&thoughts) {
            let Content::Reasoning(said) = &part.content else {
                unreachable!()
            };
            events.push(begin(index, PartKind::Reasoning(said.kind)));
            events.push(say(index, &said.text));
            events.push(end_with(index, part.provider_data.as_deref()));
        }
        events.push(finished(FinishReason::Stop));
        let (_, output) = said(&turn(json!({ "store": false })), &events);
        assert_eq!(output.as_array().map(Vec::len), Some(1), "{output}");
        assert_eq!(output[0]["type"], "reasoning");
        assert_eq!(echoed(&output), thoughts);
        let mut bare = output.clone();
        bare[0]["summary"] = json!([]);
        bare[0]["content"] = Value::Null;
        let signed = thoughts.iter().filter(|part| part.provider_data.is_some());
        assert!(echoed(&bare).iter().eq(signed), "clients may show nothing");
        let plain = thoughts.iter().all(|part| part.provider_data.is_none());
        assert_eq!(output[0]["encrypted_content"].is_null(), plain);
    }
}

#[test]
fn order_is_kept() {
    let kinds = [
        PartKind::Reasoning(ReasoningKind::Full),
        call("a", "f"),
        PartKind::Reasoning(ReasoningKind::Summary),
        PartKind::Text,
        call("b", "g"),
    ];
    let mut events = vec![started()];
    events.extend((0..).zip(kinds).map(|(index, kind)| begin(index, kind)));
    events.extend((0..5).rev().map(|index| say(index, "{}")));
    events.extend((0..5).rev().map(end));
    events.push(finished(FinishReason::Stop));
    let (_, output) = said(&turn(json!({})), &events);
    let kinds: Vec<&Value> = output
        .as_array()
        .expect("items")
        .iter()
        .map(|item| &item["type"])
        .collect();
    assert_eq!(
        kinds,
        [
            "reasoning",
            "function_call",
            "reasoning",
            "message",
            "function_call"
        ]
    );
}

#[test]
fn tools_that_the_vendor_ran() {
    let by_provider = |id: &str, name: &str, arguments: &str| {
        Content::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            by_provider: true,
        })
    };
    let result = |id: &str, text: &str, is_error| {
        Content::ToolResult(ToolResult {
            call_id: id.into(),
            name: None,
            content: vec![ResultContent::Text(text.into())],
            is_error,
            by_provider: true,
        })
    };
    let own = json!({ "id": "fs_9", "type": "file_search_call", "status": "completed", "queries": ["q"], "results": null });
    let list =
        json!({ "id": "mcpl_1", "type": "mcp_list_tools", "server_label": "l", "tools": [] });
    let image = Media {
        source: MediaSource::Bytes(vec![0, 1, 2]),
        media_type: Some("image/png".into()),
        name: None,
        context: None,
        detail: None,
        cite: false,
    };
    let foreign = PartKind::ToolCall(ToolCallStart {
        id: "srvtoolu_1".into(),
        name: "web_search".into(),
        by_provider: true,
    });
    let events = [
        started(),
        begin(0, foreign),
        say(0, "{\"query\":"),
        say(0, "\"q\"}"),
        end_with(0, Some(r#"{"type":"server_tool_use"}"#)),
        whole_part(
            1,
            result("srvtoolu_1", "r", false),
            Some(json!({ "type": "web_search_tool_result" })),
        ),
        whole_part(
            2,
            by_provider("fs_9", "file_search", "{}"),
            Some(own.clone()),
        ),
        whole_part(3, result("fs_9", "x", false), None),
        whole_part(
            4,
            by_provider("c", "code_execution", r#"{"code":"1+1"}"#),
            None,
        ),
        whole_part(5, result("c", "2", false), None),
        whole_part(6, by_provider("m", "strange", ""), None),
        whole_part(7, result("m", "oh", true), None),
        whole_part(
            8,
            Content::Other("mcp_list_tools".into()),
            Some(list.clone()),
        ),
        whole_part(9, Content::Image(image), None),
        whole_part(
            10,
            Content::Other("container_upload".into()),
            Some(json!({ "type": "container_upload" })),
        ),
        finished(FinishReason::Stop),
    ];
    let turn = turn(json!({}));
    let (names, output) = said(&turn, &events);
    assert_eq!(
        output,
        json!([
            { "id": "srvtoolu_1", "type": "web_search_call", "status": "completed", "action": { "type": "search", "query": "q", "queries": ["q"] } },
            own,
            { "id": "c", "type": "code_interpreter_call", "status": "completed", "code": "1+1", "container_id": "",
              "outputs": [{ "type": "logs", "logs": "2" }] },
            { "id": "m", "type": "mcp_call", "status": "failed", "server_label": "provider", "name": "strange", "arguments": "{}", "output": null,
              "error": { "type": "mcp_tool_execution_error", "content": [{ "type": "text", "text": "oh" }] } },
            list,
            { "id": "img_0o5", "type": "image_generation_call", "status": "completed", "result": "AAEC", "output_format": "png" },
        ])
    );
    for name in [
        "web_search_call.searching",
        "file_search_call.completed",
        "code_interpreter_call_code.delta",
        "code_interpreter_call_code.done",
        "mcp_call_arguments.done",
        "mcp_call.failed",
        "mcp_list_tools.completed",
        "image_generation_call.generating",
    ] {
        assert!(names.iter().any(|it| it == name), "{name} of {names:?}");
    }
    let (whole, stored) = whole(&turn, &events);
    assert_eq!(whole.warnings[0].field, "content.container_upload");
    // The vendor sees all of it again where its answer was kept.
    let mut body = json!({ "model": "m", "input": "go on", "previous_response_id": "resp_0" });
    let past = Past {
        chain: vec![stored],
        others: vec![],
    };
    let read = parse(body.to_string().as_bytes(), &past)
        .expect("parses")
        .request;
    let answered: Vec<Part> = events
        .iter()
        .filter_map(|event| match event {
            Event::Part(whole) => Some(whole.part.clone()),
            _ => None,
        })
        .collect();
    let again = &read.messages[1].parts;
    assert_eq!(again[1..4], answered[..3]);
    assert_eq!(again.last(), answered.last());
    assert_eq!(
        again[0].provider_data.as_deref(),
        Some(r#"{"type":"server_tool_use"}"#)
    );
    body["input"] = output;
    body["previous_response_id"] = Value::Null;
    let read = parse(body.to_string().as_bytes(), &Past::default()).expect("parses");
    assert!(matches!(
        &read.request.messages[0].parts.last().expect("said").content,
        Content::Image(_)
    ));
}

#[test]
fn why_an_answer_ended() {
    let ended = |reason, with_call: bool| {
        let kind = if with_call {
            call("a", "f")
        } else {
            PartKind::Text
        };
        let events = [
            started(),
            begin(0, kind),
            say(0, "{\"x"),
            end(0),
            finished(reason),
        ];
        let (_, ended) = stream(&turn(json!({})), &events);
        (
            ended["status"].clone(),
            ended["incomplete_details"]["reason"].clone(),
            ended["output"][0]["status"].clone(),
        )
    };
    let of = |a: &str, b: Option<&str>, c: &str| (json!(a), json!(b), json!(c));
    let complete = of("completed", None, "completed");
    let limit = of("incomplete", Some("max_output_tokens"), "incomplete");
    let filter = of("incomplete", Some("content_filter"), "incomplete");
    assert_eq!(ended(FinishReason::Stop, false), complete);
    assert_eq!(
        ended(FinishReason::StopSequence("x".into()), false),
        complete
    );
    assert_eq!(ended(FinishReason::ToolCalls, true), complete);
    assert_eq!(ended(FinishReason::Other("w".into()), true), complete);
    assert_eq!(ended(FinishReason::Length, true), limit);
    assert_eq!(ended(FinishReason::ContextFull, false), limit);
    assert_eq!(ended(FinishReason::Paused, false), limit);
    assert_eq!(ended(FinishReason::ContentFilter, false), filter);
    assert_eq!(ended(FinishReason::Refusal, false), filter);
}

/// A client must not take half a call for a whole one.
#[test]
fn a_failed_answer_never_ends_cleanly() {
    let turn = turn(json!({}));
    let mut error = Error::new(ErrorCode::Upstream, "broke");
    for (upstream, code) in [
        (None, "server_error"),
        (
            Some(json!({ "error": { "message": "m", "code": "insufficient_quota" } })),
            "insufficient_quota",
        ),
    ] {
        error.upstream = upstream.map(|body| UpstreamError {
            status: 429,
            body: body.to_string(),
        });
        let mut stream = Stream::new(&turn.settings, "a/m");
        let mut out = Vec::new();
        for event in [
            started(),
            begin(0, PartKind::Text),
            say(0, "a"),
            end(0),
            begin(1, call("c", "f")),
            say(1, "{}"),
            end(1),
            usage(),
        ] {
            stream.push(event, &mut out);
        }
        stream.fail(&error, &mut out);
        stream.finish(&mut out);
        stream.push(finished(FinishReason::Stop), &mut out);
        let mut text = String::new();
        out.iter().for_each(|frame| frame.write(&mut text));
        let ended = check(&read_json(&text));
        assert_eq!(ended["error"]["code"], code);
        assert_eq!(ended["usage"]["total_tokens"], 15);
        assert_eq!(
            ended["output"].as_array().map(Vec::len),
            Some(1),
            "the call is not done"
        );
    }
    let mut cut = Stream::new(&turn.settings, "a/m");
    let mut out = Vec::new();
    cut.finish(&mut out);
    assert_eq!(
        out.last().map(|frame| frame.name.as_ref()),
        Some("response.failed")
    );
    let cut = responses::whole(
        &turn.settings,
        &[],
        [started()].into_iter().collect(),
        "a/m",
    );
    assert_eq!(cut.expect_err("was cut off").code, ErrorCode::Upstream);
}

#[test]
fn sounds_have_no_item() {
    let events = [
        started(),
        begin(0, PartKind::Audio(None)),
        say(0, "AAEC"),
        end(0),
        finished(FinishReason::Stop),
    ];
    let turn = turn(json!({}));
    let (read, ended) = stream(&turn, &events);
    assert_eq!(read[2]["type"], "response.audio.delta");
    assert_eq!(read[3]["type"], "response.audio.done");
    assert_eq!(ended["output"], json!([]));
    assert_eq!(whole(&turn, &events).0.warnings[0].field, "content.audio");
}

#[test]
fn deltas_do_not_tell_their_length() {
    let turn = turn(json!({ "stream_options": { "include_obfuscation": true } }));
    for said in ["a", "four", "0123456789abcdef"] {
        let (read, _) = stream(&turn, &text(said));
        let delta = &read[4];
        let length = |key: &str| delta[key].as_str().expect("text").len();
        assert_eq!((length("delta") + length("obfuscation")) % 16, 0);
        assert!(length("obfuscation") > 0);
    }
    let (read, _) = stream(&self::turn(json!({})), &text("a"));
    assert!(read.iter().all(|event| event["obfuscation"].is_null()));
}

#[test]
fn secrets_of_tools_are_not_shown() {
    let turn = turn(json!({ "tools": [
        { "type": "mcp", "server_label": "l", "server_url": "https://x", "authorization": "t", "headers": { "a": "b" } },
        { "type": "function", "name": "f" },
    ] }));
    let (_, ended) = stream(&turn, &text("a"));
    assert_eq!(
        ended["tools"],
        json!([
            { "type": "mcp", "server_label": "l", "server_url": "https://x" },
            { "type": "function", "name": "f", "description": null, "parameters": null, "strict": true },
        ])
    );
}

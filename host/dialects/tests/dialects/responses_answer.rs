use dialects::openai::responses::{self, Frame, Past, Stored, Stream, Turn, parse};
use dialects::{Encoder, Whole};
use serde_json::{Value, json};
use types::neutral::*;

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
pub(crate) fn said(turn: &Turn, events: &[Event]) -> (Vec<String>, Value) {
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

pub(crate) fn usage() -> Event {
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

pub(crate) fn whole_part(index: u32, content: Content, data: Option<Value>) -> Event {
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

pub(crate) fn tools() -> Value {
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
pub(crate) fn echoed(output: &Value) -> Vec<Part> {
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

use dialects::Encoder;
use dialects::openai::responses::{self, Past, Stream, parse};
use serde_json::{Value, json};
use types::{Error, ErrorCode, UpstreamError, neutral::*};

use crate::{
    events::*,
    responses_answer::{said, stream, turn, usage, whole, whole_part},
    responses_stream::check,
};

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

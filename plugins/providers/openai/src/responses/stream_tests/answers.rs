use super::*;

#[test]
fn thoughts_text_calls_and_tokens_in_their_order() {
    let mut names = Names::new(64);
    let sent = names.send("files.read");
    let thought = |encrypted: &str| {
        json!({"id": "item_0", "type": "reasoning", "encrypted_content": encrypted,
            "summary": [{"type": "summary_text", "text": "Hm"}, {"type": "summary_text", "text": "So"}]})
    };
    let summary = |at: u64, text: &str| {
        of(
            "reasoning_summary_text.delta",
            0,
            json!({"summary_index": at, "delta": text}),
        )
    };
    let mut events = vec![
        json!({"type": "response.queued", "response": {"id": "resp_1", "model": "m", "service_tier": "default"}}),
        created(),
        json!({"type": "response.in_progress", "response": {"id": "resp_1"}}),
        added(
            0,
            json!({"id": "item_0", "type": "reasoning", "summary": [], "encrypted_content": "half"}),
        ),
        of(
            "reasoning_summary_part.added",
            0,
            json!({"summary_index": 0}),
        ),
        summary(0, "H"),
        summary(0, "m"),
        of(
            "reasoning_summary_text.done",
            0,
            json!({"summary_index": 0, "text": "Hm"}),
        ),
        of(
            "reasoning_summary_part.done",
            0,
            json!({"summary_index": 0}),
        ),
        summary(1, "So"),
        done(0, thought("gAAA/+==")),
    ];
    events.extend(text(1, &["Hel", "lo"]));
    events.extend(call(2, &sent, &["{\"p\":", "1}"]));
    events.extend(call(3, "now", &[]));
    events.push(json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed",
        "output": [], "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 16}}}));
    let warned = vec![Event::warning("sampling.seed", "left out")];
    let whole = bytes(&events);
    let read = |pieces: &[&[u8]]| run(Machine::new(names.clone(), warned.clone()), pieces).unwrap();
    let once = read(&[&whole]);
    assert_eq!(
        lines(&once),
        [
            "started resp_1 m default",
            "warning sampling.seed",
            "0 + ReasoningKind::Summary",
            "0 H",
            "0 m",
            "0 \n\n",
            "0 So",
            r#"0 . {"id":"item_0","type":"reasoning","encrypted_content":"gAAA/+==","summary":[{"type":"summary_text","text":"Hm"},{"type":"summary_text","text":"So"}]}"#,
            "1 + text",
            "1 Hel",
            "1 lo",
            "1 .",
            "2 + call call_2 files.read",
            "2 {\"p\":",
            "2 1}",
            "2 .",
            "3 + call call_3 now",
            "3 .",
            "usage Some(9) Some(4) Some(2) Some(7) Some(3)",
            "finished FinishReason::ToolCalls",
        ]
    );
    for at in 0..whole.len() {
        assert_eq!(read(&[&whole[..at], &whole[at..]]), once, "cut at {at}");
    }
}

#[test]
fn a_whole_answer_says_the_same() {
    let item = json!({"id": "item_0", "type": "reasoning", "summary": [], "encrypted_content": "x", "status": "completed"});
    let mut events = vec![added(0, item.clone()), done(0, item)];
    events.extend(text(1, &["Hello"]));
    events.extend(call(2, "f", &["{}"]));
    let response = json!({"id": "resp_1", "model": "m", "service_tier": "default", "status": "completed",
        "error": null, "output": items(&events)});
    let mut whole = Vec::new();
    machine().whole(&response, &mut whole).unwrap();
    let mut whole = lines(&whole);
    assert_eq!(whole.remove(0), "started resp_1 m default");
    assert_eq!(whole, told(&events));
    assert_eq!(
        whole[..2],
        [
            "0 + ReasoningKind::Redacted",
            r#"0 . {"id":"item_0","type":"reasoning","summary":[],"encrypted_content":"x"}"#,
        ]
    );
}

#[test]
fn thoughts_that_are_shown_and_summarised_are_one_item() {
    let item = json!({"id": "item_0", "type": "reasoning", "content": [{"type": "reasoning_text", "text": "long"}],
        "summary": [{"type": "summary_text", "text": "short"}]});
    let lines = told(&[
        added(
            0,
            json!({"id": "item_0", "type": "reasoning", "summary": []}),
        ),
        of(
            "reasoning_text.delta",
            0,
            json!({"content_index": 0, "delta": "long"}),
        ),
        of(
            "reasoning_text.done",
            0,
            json!({"content_index": 0, "text": "long"}),
        ),
        of(
            "reasoning_summary_text.delta",
            0,
            json!({"summary_index": 0, "delta": "short"}),
        ),
        done(0, item.clone()),
    ]);
    assert_eq!(
        lines,
        [
            "0 + ReasoningKind::Full".to_owned(),
            "0 long".into(),
            r#"0 . {"type":"reasoning","id":"item_0","continued":true}"#.into(),
            "1 + ReasoningKind::Summary".into(),
            "1 short".into(),
            format!("1 . {item}"),
            "finished FinishReason::Stop".into(),
        ]
    );
}

#[test]
fn sources_odds_refusals_and_phases() {
    let url = json!({"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 2});
    let file = json!({"type": "file_citation", "file_id": "f", "filename": "a.txt", "index": 1});
    let odds = json!([{"token": "Hi", "bytes": [72, 105], "logprob": -0.5, "top_logprobs": []}]);
    let said =
        json!({"type": "output_text", "text": "Hi", "annotations": [url, file], "logprobs": odds});
    let item = json!({"id": "item_0", "type": "message", "role": "assistant", "phase": "commentary",
        "content": [said, {"type": "refusal", "refusal": "No."}]});
    let lines = told(&[
        added(
            0,
            json!({"id": "item_0", "type": "message", "role": "assistant", "phase": "commentary", "content": []}),
        ),
        of(
            "output_text.delta",
            0,
            json!({"content_index": 0, "delta": "Hi", "logprobs": odds}),
        ),
        of(
            "output_text.annotation.added",
            0,
            json!({"content_index": 0, "annotation_index": 0, "annotation": url}),
        ),
        of(
            "content_part.done",
            0,
            json!({"content_index": 0, "part": said}),
        ),
        of(
            "refusal.delta",
            0,
            json!({"content_index": 1, "delta": "No"}),
        ),
        of(
            "refusal.done",
            0,
            json!({"content_index": 1, "refusal": "No."}),
        ),
        done(0, item.clone()),
    ]);
    let expected = [
        "0 + text".to_owned(),
        "0 Hi".into(),
        "0 1 logprobs".into(),
        "0 cites https://x".into(),
        format!("0 cites a.txt {file}"),
        r#"0 . {"phase":"commentary"}"#.into(),
        "1 + refusal".into(),
        "1 No".into(),
        "1 .".into(),
        r#"1 . {"phase":"commentary"}"#.into(),
        "finished FinishReason::Refusal".into(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn free_form_calls_and_names_of_spaces_say_what_they_are() {
    let custom = |input: &str| json!({"id": "item_0", "type": "custom_tool_call", "call_id": "c", "name": "patch", "input": input});
    let spaced = json!({"id": "item_1", "type": "function_call", "call_id": "d", "name": "read", "namespace": "files",
        "arguments": "{}", "status": "completed"});
    let lines = told(&[
        added(0, custom("")),
        of("custom_tool_call_input.delta", 0, json!({"delta": "*** "})),
        of(
            "custom_tool_call_input.done",
            0,
            json!({"input": "*** Begin"}),
        ),
        done(0, custom("*** Begin")),
        // A server that says a call at once.
        done(1, spaced),
    ]);
    assert_eq!(
        lines,
        [
            "0 + call c patch",
            "0 *** ",
            "0 Begin",
            r#"0 . {"type":"custom_tool_call"}"#,
            "1 + call d read",
            "1 {}",
            r#"1 . {"namespace":"files"}"#,
            "finished FinishReason::ToolCalls",
        ]
    );
}

#[test]
fn tools_that_the_vendor_runs_are_a_call_and_its_result() {
    let search = json!({"id": "ws_1", "type": "web_search_call", "status": "completed",
        "action": {"type": "search", "query": "q", "sources": [{"type": "url", "url": "https://x"}]}});
    let code = json!({"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "code": "1+1",
        "container_id": "cntr_1", "outputs": [{"type": "logs", "logs": "2"}]});
    let picture = json!({"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "AQID",
        "output_format": "webp"});
    let remote = json!({"id": "mcp_1", "type": "mcp_call", "name": "roll", "server_label": "dice",
        "arguments": "{\"n\":1}", "output": null, "error": "unreachable"});
    let listed =
        json!({"id": "mcpl_1", "type": "mcp_list_tools", "server_label": "dice", "tools": []});
    let shell = json!({"id": "sh_1", "type": "shell_call", "call_id": "c", "status": "completed",
        "action": {"commands": ["ls"]}, "environment": {"type": "local"}});
    let events = [
        added(
            0,
            json!({"id": "ws_1", "type": "web_search_call", "status": "in_progress"}),
        ),
        of("web_search_call.in_progress", 0, json!({})),
        of("web_search_call.searching", 0, json!({})),
        of("web_search_call.completed", 0, json!({})),
        done(0, search.clone()),
        of(
            "code_interpreter_call_code.delta",
            1,
            json!({"delta": "1+1"}),
        ),
        done(1, code.clone()),
        of(
            "image_generation_call.partial_image",
            2,
            json!({"partial_image_b64": "AQ=="}),
        ),
        done(2, picture.clone()),
        of("mcp_call_arguments.delta", 3, json!({"delta": "{}"})),
        done(3, remote.clone()),
        done(4, listed.clone()),
        done(5, shell.clone()),
    ];
    let lines = told(&events);
    assert_eq!(
        lines[0],
        format!(r#"0 = call ws_1 web_search {{"type":"search","query":"q"}} true {search}"#)
    );
    assert!(lines[1].starts_with("1 = result ws_1") && lines[1].contains("https://x"));
    assert_eq!(
        lines[2],
        format!(
            r#"2 = call ci_1 code_interpreter {{"code":"1+1","container_id":"cntr_1"}} true {code}"#
        )
    );
    assert_eq!(
        lines[3],
        r#"3 = result ci_1 [ResultContent::Text("2")] false"#
    );
    assert_eq!(
        lines[4],
        format!("4 = call ig_1 image_generation {{}} true {picture}")
    );
    assert!(lines[5].contains("[1, 2, 3]") && lines[5].contains("image/webp"));
    assert_eq!(
        lines[6],
        format!(r#"6 = call mcp_1 roll {{"n":1}} true {remote}"#)
    );
    assert_eq!(
        lines[7],
        r#"7 = result mcp_1 [ResultContent::Text("unreachable")] true"#
    );
    assert_eq!(lines[8], format!("8 = other mcp_list_tools {listed}"));
    assert_eq!(
        lines[9..],
        [
            format!("9 = other shell_call {shell}"),
            "finished FinishReason::ToolCalls".into()
        ]
    );
}

#[test]
fn sound_and_its_words() {
    let sound =
        |kind: &str, delta: &str| json!({"type": format!("response.audio.{kind}"), "delta": delta});
    let lines = told(&[
        sound("delta", "AAAA"),
        sound("transcript.delta", "Hel"),
        sound("transcript.delta", "lo"),
    ]);
    assert_eq!(
        lines,
        [
            "0 + audio",
            "0 AAAA",
            r#"0 . {"transcript":"Hello"}"#,
            "finished FinishReason::Stop"
        ]
    );
}

#[test]
fn servers_that_say_less_are_understood() {
    // No numbers, no `type` inside, no item before its text, the last event without items, an end that other APIs have.
    let stream = b"event: response.output_text.delta\ndata: {\"item_id\": \"a\", \"delta\": \"Hi\"}\n\n\
        event: response.output_item.done\ndata: {\"item\": {\"id\": \"b\", \"type\": \"function_call\", \"call_id\": \"c\", \
        \"name\": \"f\", \"arguments\": \"{}\"}}\n\n\
        event: response.completed\ndata: {\"response\": {\"id\": \"r\", \"status\": \"completed\"}}\n\ndata: [DONE]\n\n";
    let events = run(machine(), &[stream]).unwrap();
    assert_eq!(
        lines(&events),
        [
            "started - - -",
            "0 + text",
            "0 Hi",
            "1 + call c f",
            "1 {}",
            "1 .",
            "0 .",
            "finished FinishReason::ToolCalls",
        ]
    );
    // Or everything in the last event only.
    let last = completed(&[
        json!({"id": "a", "type": "message", "content": [{"type": "output_text", "text": "Hi"}]}),
    ]);
    assert_eq!(
        lines(&run(machine(), &[&bytes(&[last])]).unwrap())[1..],
        ["0 + text", "0 Hi", "0 .", "finished FinishReason::Stop"]
    );
}

#[test]
fn what_the_vendor_runs_elsewhere_is_not_waited_for() {
    let ended = |item: Value| told(&[done(0, item)]).pop().unwrap();
    let contained = json!({"type": "container_reference", "container_id": "cntr_1"});
    let shell = |environment: &Value| {
        ended(
            json!({"id": "sh_1", "type": "shell_call", "call_id": "c", "environment": environment}),
        )
    };
    assert_eq!(shell(&contained), "finished FinishReason::Stop");
    assert_eq!(shell(&Value::Null), "finished FinishReason::ToolCalls");
    let search =
        |by: &str| ended(json!({"id": "ts_1", "type": "tool_search_call", "execution": by}));
    assert_eq!(search("server"), "finished FinishReason::Stop");
    assert_eq!(search("client"), "finished FinishReason::ToolCalls");
}

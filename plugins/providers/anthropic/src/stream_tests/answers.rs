use super::*;

#[test]
fn a_long_answer_is_the_same_wherever_its_bytes_are_split() {
    let mut names = Names::new(64);
    let sent = names.send("files.read");
    let machine = || {
        Machine::new(
            names.clone(),
            ReasoningKind::Full,
            vec![Event::warning("x", "y")],
        )
    };
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "srv", "content": [
        {"type": "web_search_result", "url": "https://x", "title": "X", "encrypted_content": "e"}]});
    let middle = [
        json!({"type": "ping"}),
        block(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm…"})),
        delta(0, json!({"type": "signature_delta", "signature": "s1"})),
        stop(0),
        block(1, json!({"type": "redacted_thinking", "data": "d"})),
        stop(1),
        block(
            2,
            json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}),
        ),
        delta(
            2,
            json!({"type": "input_json_delta", "partial_json": "{\"query\":\"x\"}"}),
        ),
        stop(2),
        block(3, found.clone()),
        stop(3),
        block(4, json!({"type": "text", "text": "", "citations": []})),
        delta(4, json!({"type": "text_delta", "text": "größer"})),
        delta(
            4,
            json!({"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "c"}}),
        ),
        stop(4),
        block(
            5,
            json!({"type": "tool_use", "id": "a", "name": sent, "input": {}, "caller": {"type": "direct"}}),
        ),
        delta(5, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(
            5,
            json!({"type": "input_json_delta", "partial_json": "{\"p\": \"é"}),
        ),
        delta(
            5,
            json!({"type": "input_json_delta", "partial_json": "\"}"}),
        ),
        stop(5),
        block(
            6,
            json!({"type": "tool_use", "id": "b", "name": "now", "input": {}}),
        ),
        stop(6),
    ];
    let bytes = answer(&middle, "tool_use");
    let whole = lines(&run(machine(), &[&bytes]).unwrap());
    assert_eq!(
        whole,
        [
            "started Some(\"msg_1\") Some(\"m\") Some(\"default\")",
            "warning x",
            "usage Some(12) Some(1)",
            "0 + PartKind::Reasoning(ReasoningKind::Full)",
            "0 Hm…",
            r#"0 . {"type":"thinking","signature":"s1"}"#,
            r#"1 whole {"type":"redacted_thinking","data":"d"}"#,
            "2 + call srv web_search true",
            r#"2 {"query":"x"}"#,
            r#"2 . {"type":"server_tool_use"}"#,
            &format!("3 whole {found}"),
            "4 + PartKind::Text",
            "4 größer",
            "4 cites Some(\"c\")",
            "4 . ",
            "5 + call a files.read false",
            "5 {\"p\": \"é",
            "5 \"}",
            "5 . ",
            "6 + call b now false",
            "6 . ",
            "usage Some(12) Some(9)",
            "finished FinishReason::ToolCalls",
        ]
    );
    for at in 0..bytes.len() {
        let split = run(machine(), &[&bytes[..at], &bytes[at..]]).unwrap();
        assert_eq!(lines(&split), whole, "split at {at}");
    }
}

#[test]
fn what_comes_with_the_beginning_of_a_block_counts() {
    let middle = [
        block(
            0,
            json!({"type": "thinking", "thinking": "T", "signature": "s"}),
        ),
        stop(0),
        block(
            1,
            json!({"type": "text", "text": "A", "citations": [{"type": "page_location", "cited_text": "c"}]}),
        ),
        stop(1),
        block(
            2,
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {"p": 1}, "toolset_name": "browser"}),
        ),
        stop(2),
    ];
    let events = run(machine(), &[&answer(&middle, "end_turn")]).unwrap();
    assert_eq!(
        lines(&events)[2..10],
        [
            "0 + PartKind::Reasoning(ReasoningKind::Full)",
            "0 T",
            r#"0 . {"type":"thinking","signature":"s"}"#,
            "1 + PartKind::Text",
            "1 A",
            "1 cites Some(\"c\")",
            "1 . ",
            "2 + call a f false",
        ]
    );
    assert_eq!(
        lines(&events)[10..12],
        [
            r#"2 {"p":1}"#,
            r#"2 . {"type":"tool_use","toolset_name":"browser"}"#
        ]
    );
}

#[test]
fn results_of_the_vendors_tools_are_read() {
    let failed = json!({"type": "web_search_tool_result", "tool_use_id": "s",
        "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}});
    let mcp = json!({"type": "mcp_tool_result", "tool_use_id": "t", "is_error": false,
        "content": [{"type": "text", "text": "hi"}]});
    let middle = [block(0, failed), stop(0), block(1, mcp), stop(1)];
    let events = run(machine(), &[&answer(&middle, "end_turn")]).unwrap();
    let results = events.iter().filter_map(|event| match event {
        Event::Part(WholePart {
            part:
                Part {
                    content: Content::ToolResult(result),
                    ..
                },
            ..
        }) => Some(result),
        _ => None,
    });
    let results: Vec<_> = results.collect();
    assert!(results[0].is_error && results[0].by_provider && results[0].call_id == "s");
    assert!(!results[1].is_error);
    assert!(matches!(&results[1].content[..], [ResultContent::Text(text)] if text == "hi"));
}

#[test]
fn unknown_blocks_are_kept_whole_and_unknown_deltas_are_named_once() {
    let middle = [
        block(0, json!({"type": "compaction", "content": null})),
        delta(0, json!({"type": "compaction_delta", "content": "sum"})),
        delta(0, json!({"type": "compaction_delta", "content": "mary"})),
        stop(0),
        block(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "glow_delta", "glow": 1})),
        delta(1, json!({"type": "glow_delta", "glow": 2})),
        stop(1),
        json!({"type": "a_new_event"}),
    ];
    let events = lines(&run(machine(), &[&answer(&middle, "end_turn")]).unwrap());
    assert_eq!(
        events[2..6],
        [
            r#"0 whole {"type":"compaction","content":"summary"}"#,
            "1 + PartKind::Text",
            "warning answer",
            "1 . ",
        ]
    );
}

#[test]
fn a_whole_answer_gives_the_same_events() {
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []});
    let mut message = begin()["message"].take();
    message["content"] = json!([
        {"type": "thinking", "thinking": "Hm", "signature": "s1"},
        {"type": "redacted_thinking", "data": "d"},
        found,
        {"type": "text", "text": "Hi", "citations": [{"type": "char_location", "cited_text": "c"}]},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"p": 1}, "caller": {"type": "direct"}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {}},
    ]);
    message["stop_reason"] = json!("stop_sequence");
    message["stop_sequence"] = json!("END");
    let mut events = Vec::new();
    let mut machine = machine();
    machine.whole(&message, &mut events).unwrap();
    machine.end().unwrap();
    assert_eq!(
        lines(&events),
        [
            "started Some(\"msg_1\") Some(\"m\") Some(\"default\")",
            "usage Some(12) Some(1)",
            "0 + PartKind::Reasoning(ReasoningKind::Full)",
            "0 Hm",
            r#"0 . {"type":"thinking","signature":"s1"}"#,
            r#"1 whole {"type":"redacted_thinking","data":"d"}"#,
            &format!("2 whole {found}"),
            "3 + PartKind::Text",
            "3 Hi",
            "3 cites Some(\"c\")",
            "3 . ",
            "4 + call a f false",
            r#"4 {"p":1}"#,
            "4 . ",
            "5 + call b g false",
            "5 . ",
            "finished FinishReason::StopSequence(\"END\")",
        ]
    );
    message["stop_reason"] = json!(null);
    assert!(self::machine().whole(&message, &mut vec![]).is_err());
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}});
    let error = self::machine().whole(&error, &mut vec![]).unwrap_err();
    assert_eq!(error.code, ErrorCode::Overloaded);
}

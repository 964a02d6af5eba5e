use super::*;

#[test]
fn every_reason_has_its_word() {
    let reasons = [
        ("end_turn", "FinishReason::Stop"),
        ("max_tokens", "FinishReason::Length"),
        ("tool_use", "FinishReason::ToolCalls"),
        ("guardrail_intervened", "FinishReason::ContentFilter"),
        ("content_filtered", "FinishReason::ContentFilter"),
        ("model_context_window_exceeded", "FinishReason::ContextFull"),
        ("stop_sequence", "FinishReason::StopSequence(\"\")"),
        ("a_new_word", "FinishReason::Other(\"a_new_word\")"),
    ];
    for (word, reason) in reasons {
        let events = read(&[delta(0, json!({"text": "x"})), stop(0)], word);
        assert_eq!(*events.last().unwrap(), format!("finished {reason}"));
    }
    for word in ["malformed_model_output", "malformed_tool_use"] {
        let (_, error) = run(machine(), &[&answer(&[], word).concat()]);
        let error = error.unwrap();
        assert_eq!(error.code, ErrorCode::Upstream);
        assert!(error.message.contains(word));
    }
}

#[test]
fn the_stop_text_is_told_where_it_can_be_known() {
    let stopped = |stop: &[&str], told: Value| {
        let mut expected = expected(Family::Anthropic);
        expected.stop = stop.iter().map(ToString::to_string).collect();
        let machine = Machine::new("m".into(), None, expected);
        let end = json!({"stopReason": "stop_sequence", "additionalModelResponseFields": told});
        let bytes = [begin(), frame("messageStop", end), metadata()].concat();
        lines(&run(machine, &[&bytes]).0).pop().unwrap()
    };
    let text = |text: &str| format!("finished FinishReason::StopSequence({text:?})");
    assert_eq!(stopped(&["END"], Value::Null), text("END"));
    assert_eq!(
        stopped(&["END", "HALT"], json!({"stop_sequence": "HALT"})),
        text("HALT")
    );
    assert_eq!(stopped(&["END", "HALT"], Value::Null), text(""));
}

#[test]
fn what_breaks_off_is_never_clean() {
    let whole = answer(&[delta(0, json!({"text": "x"})), stop(0)], "end_turn");
    for count in 0..whole.len() {
        let (_, error) = run(machine(), &[&whole[..count].concat()]);
        assert_eq!(error.unwrap().code, ErrorCode::Upstream, "{count} frames");
    }
    let throttled = exception("throttlingException", r#"{"message":"Slow down"}"#);
    for count in 0..whole.len() {
        let cut = [&whole[..count], std::slice::from_ref(&throttled)].concat();
        let (events, error) = run(machine(), &[&cut.concat()]);
        let error = error.unwrap();
        assert_eq!(
            (error.code, error.message.as_str()),
            (ErrorCode::RateLimited, "Slow down")
        );
        // What came before it is not lost.
        assert_eq!(
            lines(&events).contains(&"0 x".to_owned()),
            count >= 2,
            "{count} frames"
        );
    }
    let trailing = [&whole.concat()[..], &[0, 0, 0]].concat();
    assert!(run(machine(), &[&trailing]).1.is_some());
    let mut damaged = whole.concat();
    let at = damaged.len() - 1;
    damaged[at] ^= 1;
    let (events, error) = run(machine(), &[&damaged]);
    assert!(error.unwrap().message.contains("damaged"));
    assert!(lines(&events).contains(&"0 x".to_owned()));
}

#[test]
fn what_is_out_of_turn_is_an_error() {
    let text = json!({"text": "x"});
    let call = json!({"toolUse": {"toolUseId": "a", "name": "f"}});
    let wrong = [
        vec![stop(0)],
        vec![begin(), begin()],
        vec![begin(), metadata()],
        vec![begin(), start(0, call.clone()), start(0, call.clone())],
        vec![begin(), start(0, json!({"toolUse": {"name": "f"}}))],
        vec![begin(), start(0, call), delta(0, text.clone())],
        vec![
            begin(),
            delta(0, text),
            delta(0, json!({"reasoningContent": {"text": "x"}})),
        ],
        vec![
            begin(),
            delta(0, json!({"reasoningContent": {"redactedContent": "%"}})),
        ],
        vec![begin(), frame("contentBlockDelta", json!({"delta": {}}))],
        vec![begin(), frame("messageStop", json!({}))],
        vec![begin(), end("end_turn"), end("end_turn")],
        vec![event("messageStart", "{")],
    ];
    for frames in wrong {
        let (_, error) = run(machine(), &[&frames.concat()]);
        let error = error.unwrap();
        assert_eq!(error.code, ErrorCode::Upstream);
        assert_ne!(error.message, "the vendor's answer ended mid-stream");
    }
}

#[test]
fn a_block_left_open_is_closed_before_the_end() {
    let events = read(&[delta(0, json!({"text": "x"}))], "max_tokens");
    assert_eq!(
        events[3..],
        [
            "0 . ",
            "usage Some(5) Some(9)",
            "finished FinishReason::Length"
        ]
    );
}

use super::*;

#[test]
fn every_reason_has_its_word() {
    let reasons = [
        ("end_turn", "FinishReason::Stop"),
        ("max_tokens", "FinishReason::Length"),
        ("tool_use", "FinishReason::ToolCalls"),
        ("pause_turn", "FinishReason::Paused"),
        ("refusal", "FinishReason::Refusal"),
        ("model_context_window_exceeded", "FinishReason::ContextFull"),
    ];
    for (word, reason) in reasons {
        let events = lines(&run(machine(), &[&answer(&text(0, "x"), word)]).unwrap());
        assert_eq!(*events.last().unwrap(), format!("finished {reason}"));
    }
    let mut stopped = [&[begin()][..], &text(0, "x"), &end("stop_sequence")].concat();
    stopped[4]["delta"]["stop_sequence"] = json!("END");
    let events = run(machine(), &[&bytes(&stopped)]).unwrap();
    assert!(matches!(
        events.last(),
        Some(Event::Finished(Finished { reason: FinishReason::StopSequence(text), .. })) if text == "END"
    ));
    let mut new = [&[begin()][..], &end("a_new_word")].concat();
    new[1]["delta"]["stop_details"] = json!({"type": "refusal", "explanation": "Because."});
    let events = run(machine(), &[&bytes(&new)]).unwrap();
    assert!(matches!(
        events.last(),
        Some(Event::Finished(Finished { reason: FinishReason::Other(word), .. })) if word == "a_new_word"
    ));
    new[1]["delta"]["stop_reason"] = json!("refusal");
    let events = lines(&run(machine(), &[&bytes(&new)]).unwrap());
    assert_eq!(
        events[3..6],
        ["0 + PartKind::Refusal", "0 Because.", "0 . "]
    );
}

#[test]
fn what_breaks_off_is_never_clean() {
    let whole = [&[begin()][..], &text(0, "x"), &end("end_turn")].concat();
    for count in 0..whole.len() {
        let error = run(machine(), &[&bytes(&whole[..count])]).unwrap_err();
        assert_eq!(error.code, ErrorCode::Upstream, "{count} events");
    }
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    for count in 0..whole.len() - 1 {
        let cut = [&whole[..count], std::slice::from_ref(&overloaded)].concat();
        let error = run(machine(), &[&bytes(&cut)]).unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (ErrorCode::Overloaded, "Overloaded")
        );
    }
    let wrong = [
        vec![stop(0)],
        vec![begin(), begin()],
        vec![begin(), stop(0)],
        vec![
            begin(),
            delta(0, json!({"type": "text_delta", "text": "x"})),
        ],
        vec![
            begin(),
            block(0, json!({"type": "text"})),
            block(0, json!({"type": "text"})),
        ],
        vec![begin(), block(0, json!({"type": "tool_use", "name": "f"}))],
        vec![begin(), json!({"type": "message_stop"})],
    ];
    for events in wrong {
        let mut read = Vec::new();
        let mut machine = machine();
        let done: Result<(), Error> = events
            .iter()
            .try_for_each(|it| machine.event(it, &mut read));
        assert_eq!(done.unwrap_err().code, ErrorCode::Upstream, "{events:?}");
    }
    assert!(run(machine(), &[b"data: {\n\n"]).is_err());
}

#[test]
fn a_block_left_open_is_closed_before_the_end() {
    let middle = [block(0, json!({"type": "text", "text": "x"}))];
    let events = lines(&run(machine(), &[&answer(&middle, "max_tokens")]).unwrap());
    assert_eq!(
        events[4..],
        [
            "usage Some(12) Some(9)",
            "0 . ",
            "finished FinishReason::Length"
        ]
    );
}

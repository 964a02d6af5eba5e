use super::*;

#[test]
fn what_breaks_off_is_never_clean() {
    let whole = [
        parts(json!([{"text": "a"}])),
        parts(json!([{"text": "b"}])),
        end("STOP"),
    ];
    for count in 0..whole.len() {
        let error = run(machine(), &[&bytes(&whole[..count])]).unwrap_err();
        assert_eq!(error.code, ErrorCode::Upstream, "{count} chunks");
    }
    let busy = json!({"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}});
    for count in 0..whole.len() {
        let cut = [&whole[..count], std::slice::from_ref(&busy)].concat();
        let error = run(machine(), &[&bytes(&cut)]).unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (ErrorCode::Overloaded, "Busy")
        );
    }
    assert!(run(machine(), &[b"data: {\n\n"]).is_err());
}

#[test]
fn a_failed_call_is_an_error_and_what_came_before_is_kept() {
    let mut failed = spent(end("MALFORMED_FUNCTION_CALL"));
    failed["candidates"][0]["finishMessage"] = json!("Malformed function call: f(");
    let mut machine = machine();
    let mut events = Vec::new();
    machine
        .chunk(&parts(json!([{"text": "a"}])), &mut events)
        .unwrap();
    let error = machine.chunk(&failed, &mut events).unwrap_err();
    assert_eq!(error.code, ErrorCode::Upstream);
    assert!(error.message.contains("f("));
    assert_eq!(
        lines(&events)[1..],
        ["0 + text", "0 a", "usage Some(5) Some(9)", "0 . "]
    );
    assert!(machine.end().is_err());
    for wrong in [
        json!({"functionCall": {"args": {}}}),
        json!({"functionCall": {"name": "f", "willContinue": true}}),
        json!({"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.a"}]}}),
    ] {
        let chunks = [parts(json!([wrong])), end("STOP")];
        assert!(run(self::machine(), &[&bytes(&chunks)]).is_err());
    }
}

#[test]
fn a_filter_ends_an_answer_and_says_its_word() {
    let cut = [parts(json!([{"text": "a"}])), end("SAFETY")];
    let events = lines(&run(machine(), &[&bytes(&cut)]).unwrap());
    assert_eq!(
        events[4],
        "warning answer the vendor's filter cut it with SAFETY"
    );
    assert_eq!(events[5], "finished 0 FinishReason::ContentFilter");
    let refused = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3},
        "modelVersion": "m", "responseId": "r"});
    let mut events = Vec::new();
    Machine::new(Names::default(), vec![], 2)
        .whole(&refused, &mut events)
        .unwrap();
    assert_eq!(
        lines(&events)[1..],
        [
            "usage Some(3) None",
            "warning answer the vendor's filter refused the request with PROHIBITED_CONTENT",
            "finished 0 FinishReason::ContentFilter",
            "finished 1 FinishReason::ContentFilter",
        ]
    );
}

#[test]
fn after_the_end_only_the_account_comes() {
    let account = json!({"usageMetadata": {"promptTokenCount": 6}});
    let silent = [
        spent(end("STOP")),
        parts(json!([])),
        account.clone(),
        account.clone(),
    ];
    let events = lines(&run(machine(), &[&bytes(&silent)]).unwrap());
    assert_eq!(
        events[1..],
        [
            "usage Some(5) Some(9)",
            "finished 0 FinishReason::Stop",
            "usage Some(6) None"
        ]
    );
    let more = [end("STOP"), parts(json!([{"text": "more"}]))];
    assert!(run(machine(), &[&bytes(&more)]).is_err());
    let first = bytes(&[account, end("CONTINUATION")]);
    for (word, tier) in [("standard", "default"), ("flex", "flex")] {
        let machine = machine().served_by(Some(word.into()));
        let events = lines(&run(machine, &[&first]).unwrap());
        assert_eq!(events[0], format!("started None None Some({tier:?})"));
        assert_eq!(events[2], "finished 0 FinishReason::Paused");
    }
}

#[test]
fn an_answer_without_an_id_gets_the_same_ids_every_time() {
    let call = json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}]});
    let read =
        || lines(&run(machine(), &[&bytes(std::slice::from_ref(&call))]).unwrap())[1].clone();
    assert!(
        read().starts_with("0 + call evenhand-")
            && read().len() > "0 + call evenhand--1 f false".len()
    );
    assert_eq!(read(), read());
    let mut other = call.clone();
    other["modelVersion"] = json!("m");
    assert_ne!(
        lines(&run(machine(), &[&bytes(&[other])]).unwrap())[1],
        read()
    );
}

use super::*;

fn end(kind: &str, more: Value) -> Value {
    let mut response = json!({"id": "resp_1", "status": kind, "output": [], "usage": {"input_tokens": 1, "output_tokens": 2}});
    for (name, value) in more.as_object().unwrap() {
        response[name] = value.clone();
    }
    json!({"type": format!("response.{kind}"), "response": response})
}

#[test]
fn what_is_incomplete_says_why_and_what_was_cut_stays() {
    let reason = |reason: &str| {
        let cut = [
            created(),
            added(
                0,
                json!({"id": "item_0", "type": "function_call", "call_id": "c", "name": "f", "arguments": ""}),
            ),
            of(
                "function_call_arguments.delta",
                0,
                json!({"delta": "{\"a\":"}),
            ),
            end(
                "incomplete",
                json!({"incomplete_details": {"reason": reason}}),
            ),
        ];
        let lines = lines(&run(machine(), &[&bytes(&cut)]).unwrap());
        assert_eq!(
            lines[1..5],
            [
                "0 + call c f",
                "0 {\"a\":",
                "usage Some(1) None None Some(2) None",
                "0 ."
            ]
        );
        lines[5].clone()
    };
    assert_eq!(reason("max_output_tokens"), "finished FinishReason::Length");
    assert_eq!(
        reason("content_filter"),
        "finished FinishReason::ContentFilter"
    );
    assert_eq!(
        reason("steered"),
        "finished FinishReason::Other(\"steered\")"
    );
}

#[test]
fn what_failed_is_an_error_after_its_tokens() {
    let mut machine = machine();
    let mut events = Vec::new();
    let failed = end(
        "failed",
        json!({"error": {"code": "rate_limit_exceeded", "message": "Slow down"}}),
    );
    let error = machine.event(&failed, "", &mut events).unwrap_err();
    assert_eq!(
        (error.code, error.message.as_str()),
        (ErrorCode::RateLimited, "Slow down")
    );
    assert_eq!(
        lines(&events)[1..],
        ["usage Some(1) None None Some(2) None"]
    );
    let code = |event: Value| {
        run(super::machine(), &[&bytes(&[created(), event])])
            .unwrap_err()
            .code
    };
    let word =
        |word: &str| code(json!({"type": "error", "code": word, "message": "x", "param": null}));
    assert_eq!(word("server_error"), ErrorCode::Upstream);
    assert_eq!(word("invalid_prompt"), ErrorCode::BadRequest);
    assert_eq!(word("vector_store_timeout"), ErrorCode::TimedOut);
    assert_eq!(
        code(json!({"type": "error", "error": {"code": "image_too_large", "message": "x"}})),
        ErrorCode::TooLarge
    );
    assert_eq!(code(end("cancelled", json!({}))), ErrorCode::Cancelled);
}

#[test]
fn what_breaks_off_is_never_clean() {
    let mut all = vec![created()];
    all.extend(text(0, &["Hel", "lo"]));
    for events in (0..all.len()).map(|at| &all[..at]) {
        let error = run(machine(), &[&bytes(events)]).unwrap_err();
        assert_eq!(error.code, ErrorCode::Upstream);
        assert!(error.message.contains("ended mid-stream"));
    }
    assert!(
        machine()
            .read(
                &SseEvent {
                    data: "{".into(),
                    ..SseEvent::default()
                },
                &mut vec![]
            )
            .is_err()
    );
}

#[test]
fn a_whole_answer_that_is_none_is_an_error() {
    let whole = |answer: Value| machine().whole(&answer, &mut vec![]).unwrap_err();
    assert_eq!(whole(json!({"error": {"message": "no"}})).message, "no");
    assert!(
        whole(json!({"id": "r", "status": "in_progress", "output": []}))
            .message
            .contains("in_progress")
    );
    assert!(
        whole(
            json!({"status": "completed", "output": [{"type": "function_call", "arguments": "{}"}]})
        )
        .message
        .contains("without an id or a name")
    );
}

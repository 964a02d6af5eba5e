use super::*;
use evenhand_sdk::tools::CallResult;

/// The id of the call that a script begins with. Before it are those of `initialize` and the call's progress token.
const CALL: u32 = 3;

fn done() -> Value {
    answer_to(CALL, json!({"content": [{"type": "text", "text": "done"}]}))
}

fn stream(messages: &[Value]) -> Step {
    Step::Events(messages.iter().map(event).collect(), Ending::Ends)
}

fn asks(id: &str, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn tells(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn call(script: &Script) -> Result<CallResult, Error> {
    script.client().call("3", "work", "{}")
}

#[test]
fn what_the_server_tells_reaches_the_client() {
    let progress = |token: &str, done: f64| {
        let params = json!({"progressToken": token, "progress": done, "total": 4, "message": "m"});
        tells("notifications/progress", params)
    };
    let log = json!({"level": "warning", "logger": "l", "data": {"x": 1}});
    let script = Script::opened([stream(&[
        progress("1", 1.0),
        progress("9", 3.0),
        progress("1", 2.5),
        progress("1", 2.0),
        tells("notifications/message", log),
        tells("notifications/tools/list_changed", json!({})),
        done(),
    ])]);
    assert_eq!(call(&script), Ok(CallResult::text("done")));
    assert_eq!(
        script.told(),
        [
            r#"1 of Some(4.0): Some("m")"#,
            r#"2.5 of Some(4.0): Some("m")"#,
            r#"NoticeLevel::Warning Some("l") {"x":1}"#
        ]
    );
}

#[test]
fn questions_are_answered_while_the_stream_is_open() {
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    let sample = json!({"messages": [{"role": "user", "content": {"type": "text", "text": "2+2?"}}], "maxTokens": 5});
    let script = Script::opened([
        stream(&[
            asks("q1", "ping", json!({})),
            asks(
                "q2",
                "elicitation/create",
                json!({"message": "Who?", "requestedSchema": schema}),
            ),
            asks("q3", "sampling/createMessage", sample),
            asks("q4", "roots/list", json!({})),
            asks(
                "q5",
                "elicitation/create",
                json!({"mode": "url", "message": "Go", "url": "https://x.example"}),
            ),
            done(),
        ]),
        Step::Accepted,
        Step::Accepted,
        Step::Accepted,
        Step::Accepted,
        Step::Accepted,
    ]);
    assert_eq!(call(&script), Ok(CallResult::text("done")));
    let answers = &script.messages()[3..];
    assert_eq!(
        answers[0],
        json!({"jsonrpc": "2.0", "id": "q1", "result": {}})
    );
    assert_eq!(
        answers[1]["result"],
        json!({"action": "accept", "content": {"name": "Ada"}})
    );
    assert_eq!(
        answers[2]["result"],
        json!({"role": "assistant", "content": {"type": "text", "text": "four"}, "model": "m"})
    );
    assert_eq!(answers[3]["error"]["code"], -32601);
    assert_eq!(answers[4]["error"]["code"], -32602);
    assert_eq!(script.header(4, "mcp-session-id").as_deref(), Some("s"));
    assert_eq!(
        script.told(),
        [format!("asked Who? {schema}"), "sampled 2+2?".into()]
    );
}

#[test]
fn what_is_not_granted_is_refused_to_the_server() {
    let sample = json!({"messages": [{"role": "user", "content": {"type": "text", "text": "x"}}], "maxTokens": 5});
    let mut script = Script::opened([
        stream(&[
            asks(
                "q1",
                "elicitation/create",
                json!({"message": "Who?", "requestedSchema": {}}),
            ),
            asks("q2", "sampling/createMessage", sample),
            done(),
        ]),
        Step::Accepted,
        Step::Accepted,
    ]);
    script.answers = false;
    assert_eq!(call(&script), Ok(CallResult::text("done")));
    let answers = &script.messages()[3..];
    assert_eq!(
        answers[0]["error"],
        json!({"code": -32601, "message": "nobody can be asked"})
    );
    assert_eq!(
        answers[1]["error"],
        json!({"code": -1, "message": "no grant"})
    );
}

#[test]
fn a_stream_that_ends_early_is_taken_up_again() {
    let first = vec![
        "retry: 250\nid: e1\ndata:\n\n".into(),
        "id: e2\ndata: {\"je".into(),
    ];
    let second = vec![format!(
        "id: e3\n{}",
        event(&tells(
            "notifications/message",
            json!({"level": "info", "data": 1})
        ))
    )];
    let script = Script::opened([
        Step::Events(first, Ending::Ends),
        Step::Events(second, Ending::Breaks),
        Step::Unreachable(ErrorCode::Upstream),
        stream(&[done()]),
    ]);
    assert_eq!(call(&script), Ok(CallResult::text("done")));
    assert_eq!(
        script.told(),
        [
            "waited 250ms",
            "NoticeLevel::Info None 1",
            "waited 250ms",
            "waited 250ms"
        ]
    );
    for (request, last) in [(3, "e1"), (4, "e3"), (5, "e3")] {
        assert_eq!(script.sent.borrow()[request].message, None);
        assert_eq!(
            script.header(request, "last-event-id").as_deref(),
            Some(last)
        );
        assert_eq!(
            script.header(request, "accept").as_deref(),
            Some("text/event-stream")
        );
        assert_eq!(
            script.header(request, "mcp-session-id").as_deref(),
            Some("s")
        );
    }
}

#[test]
fn what_can_not_be_taken_up_again_is_an_error() {
    let no_id = vec![event(&tells(
        "notifications/message",
        json!({"level": "info", "data": 1}),
    ))];
    let script = Script::opened([Step::Events(no_id, Ending::Ends)]);
    let error = call(&script).unwrap_err();
    assert_eq!(
        error,
        Error::upstream("the MCP server's stream ended before its answer")
    );

    let with_id = || Step::Events(vec!["id: e1\ndata:\n\n".into()], Ending::Ends);
    let script = Script::opened([with_id(), Step::Refused(405, "")]);
    assert_eq!(call(&script).unwrap_err().code, ErrorCode::Upstream);

    let script = Script::opened((0..6).map(|_| with_id()));
    assert_eq!(call(&script).unwrap_err().code, ErrorCode::Upstream);
    assert!(script.is_done());
    assert_eq!(script.told().len(), 5);
}

#[test]
fn a_limit_of_the_hosts_is_not_tried_again() {
    let with_id = Step::Events(vec!["id: e1\ndata:\n\n".into()], Ending::Ends);
    let script = Script::opened([with_id, Step::Unreachable(ErrorCode::RefusedByPolicy)]);
    assert_eq!(call(&script).unwrap_err().code, ErrorCode::RefusedByPolicy);
}

#[test]
fn a_question_that_can_not_be_answered_ends_the_call() {
    let script = Script::opened([
        stream(&[asks("q1", "ping", json!({})), done()]),
        Step::Refused(500, ""),
    ]);
    assert_eq!(call(&script).unwrap_err().code, ErrorCode::Upstream);
}

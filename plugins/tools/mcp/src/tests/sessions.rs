use super::*;

fn no_tools(id: u32) -> Step {
    Step::Json(answer_to(id, json!({"tools": []})), None)
}

#[test]
fn a_session_is_opened_once_and_kept_for_the_next_instance() {
    let script = Script::opened([no_tools(2), no_tools(3)]);
    assert_eq!(script.client().tools(), Ok(vec![]));
    assert_eq!(script.client().tools(), Ok(vec![]));
    let methods = [
        "initialize",
        "notifications/initialized",
        "tools/list",
        "tools/list",
    ];
    assert_eq!(script.methods(), methods);
    assert_eq!(script.header(0, "mcp-session-id"), None);
    assert_eq!(script.header(0, "mcp-protocol-version"), None);
    for request in 1..4 {
        assert_eq!(
            script.header(request, "mcp-session-id").as_deref(),
            Some("s")
        );
        assert_eq!(
            script.header(request, "mcp-protocol-version").as_deref(),
            Some("2025-11-25")
        );
        assert_eq!(
            script.header(request, "accept").as_deref(),
            Some("application/json, text/event-stream")
        );
    }
    let asked = &script.messages()[0]["params"];
    assert_eq!(asked["protocolVersion"], "2025-11-25");
    assert_eq!(
        asked["capabilities"],
        json!({"sampling": {}, "elicitation": {}})
    );
}

#[test]
fn without_the_grant_each_instance_opens_one() {
    let again = [
        Step::Initialized("2025-11-25", "t"),
        Step::Accepted,
        no_tools(4),
    ];
    let mut script = Script::opened([no_tools(2)].into_iter().chain(again));
    script.keeps = false;
    assert_eq!(script.client().tools(), Ok(vec![]));
    assert_eq!(script.client().tools(), Ok(vec![]));
    assert_eq!(script.header(5, "mcp-session-id").as_deref(), Some("t"));
    assert!(script.is_done());
}

#[test]
fn a_note_about_another_server_is_none() {
    let script = Script::opened([no_tools(2)]);
    script.client().tools().unwrap();
    script
        .steps
        .borrow_mut()
        .push_back(Step::Initialized("2025-11-25", "t"));
    script.steps.borrow_mut().push_back(Step::Accepted);
    Client::new(&script, "https://other.example/mcp")
        .offers()
        .unwrap();
    assert!(script.is_done());
}

#[test]
fn a_session_that_the_server_forgot_is_opened_anew_once() {
    for refusal in [
        Step::Refused(404, ""),
        Step::Refused(
            400,
            r#"{"error":{"code":-32000,"message":"Bad Request: No valid session ID provided"}}"#,
        ),
    ] {
        let script = Script::opened([
            no_tools(2),
            refusal,
            Step::Initialized("2025-11-25", "t"),
            Step::Accepted,
            no_tools(5),
        ]);
        script.client().tools().unwrap();
        assert_eq!(script.client().tools(), Ok(vec![]));
        assert_eq!(script.header(6, "mcp-session-id").as_deref(), Some("t"));
        assert!(script.is_done());
        // The new one was kept.
        script.steps.borrow_mut().push_back(no_tools(6));
        script.client().tools().unwrap();
        assert_eq!(script.header(7, "mcp-session-id").as_deref(), Some("t"));
    }
}

#[test]
fn a_new_session_that_is_refused_is_an_error() {
    let script = Script::opened([Step::Refused(404, "no such thing")]);
    let error = script.client().tools().unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(script.is_done());
}

#[test]
fn earlier_versions_are_spoken_and_unknown_ones_refused() {
    for version in ["2025-06-18", "2025-03-26"] {
        let script = Script::new([Step::Initialized(version, "s"), Step::Accepted, no_tools(2)]);
        assert_eq!(script.client().tools(), Ok(vec![]));
        assert_eq!(
            script.header(2, "mcp-protocol-version").as_deref(),
            Some(version)
        );
    }
    for version in ["2024-11-05", "2026-07-28"] {
        let script = Script::new([Step::Initialized(version, "s")]);
        let error = script.client().tools().unwrap_err();
        assert_eq!(error.code, ErrorCode::Upstream);
        assert!(error.message.contains(version), "{}", error.message);
    }
}

#[test]
fn what_a_server_does_not_have_is_not_asked_for() {
    let result = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "bare", "version": "1"}});
    let script = Script::new([Step::Json(answer_to(1, result), None), Step::Accepted]);
    let mut client = script.client();
    assert_eq!(client.tools(), Ok(vec![]));
    assert_eq!(client.resources(), Ok(vec![]));
    assert_eq!(client.templates(), Ok(vec![]));
    assert_eq!(client.prompts(), Ok(vec![]));
    let of = evenhand_sdk::tools::Reference::Prompt("p".into());
    assert_eq!(client.complete(of, "a", "v", vec![]), Ok(vec![]));
    // A server without sessions gets no id.
    assert_eq!(script.header(1, "mcp-session-id"), None);
}

#[test]
fn a_refusal_keeps_its_kind() {
    for (status, code) in [
        (401, ErrorCode::Unauthorised),
        (403, ErrorCode::Forbidden),
        (429, ErrorCode::RateLimited),
        (500, ErrorCode::Upstream),
    ] {
        let error = Script::new([Step::Refused(status, "no")])
            .client()
            .tools()
            .unwrap_err();
        assert_eq!(error.code, code);
        assert_eq!(error.message, format!("the MCP server answered {status}"));
        assert_eq!(error.upstream.unwrap().body, "no");
    }
    let script = Script::new([Step::Unreachable(ErrorCode::RefusedByPolicy)]);
    assert_eq!(
        script.client().tools().unwrap_err().code,
        ErrorCode::RefusedByPolicy
    );
}

#[test]
fn a_request_is_taken_back_in_its_session() {
    let script = Script::opened([no_tools(2), Step::Accepted]);
    script.client().tools().unwrap();
    script.client().take_back("call-7").unwrap();
    let told = script.messages().pop().unwrap();
    assert_eq!(told["method"], "notifications/cancelled");
    assert_eq!(told["params"]["requestId"], "call-7");
    let header = script.header(script.messages().len() - 1, "mcp-session-id");
    assert_eq!(header.as_deref(), Some("s"));
}

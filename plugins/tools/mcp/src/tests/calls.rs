use super::*;
use evenhand_sdk::tools::{CallResult, Reference, ResourceData};

fn page(id: u32, name: &str, next: Option<&str>) -> Step {
    let mut result = json!({"tools": [{"name": name, "inputSchema": {"type": "object"}}]});
    if let Some(next) = next {
        result["nextCursor"] = next.into();
    }
    Step::Json(answer_to(id, result), None)
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

#[test]
fn every_page_of_a_list_is_read() {
    let script = Script::opened([
        page(2, "a", Some("x")),
        page(3, "b", Some("y")),
        page(4, "c", None),
    ]);
    let tools = script.client().tools().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    let cursors: Vec<_> = script.messages()[2..]
        .iter()
        .map(|asked| asked["params"].clone())
        .collect();
    assert_eq!(
        cursors,
        [json!({}), json!({"cursor": "x"}), json!({"cursor": "y"})]
    );
}

#[test]
fn a_list_without_end_is_an_error_and_one_that_repeats_itself_ends() {
    let pages = (0..200).map(|n| page(n + 2, "a", Some(if n % 2 == 0 { "x" } else { "y" })));
    let error = Script::opened(pages).client().tools().unwrap_err();
    assert!(error.message.contains("100 pages"), "{}", error.message);
    let script = Script::opened([page(2, "a", Some("x")), page(3, "b", Some("x"))]);
    assert_eq!(script.client().tools().unwrap().len(), 2);
}

#[test]
fn a_call_that_is_answered_whole() {
    let script = Script::opened([Step::Json(answer_to(3, text("4")), None)]);
    let result = script.client().call("3", "sum", r#"{"b":2,"a":2}"#);
    assert_eq!(result, Ok(CallResult::text("4")));
    let asked = &script.messages()[2];
    assert_eq!(
        asked.to_string(),
        r#"{"jsonrpc":"2.0","id":"3","method":"tools/call","params":{"name":"sum","arguments":{"b":2,"a":2},"_meta":{"progressToken":"1"}}}"#
    );
}

#[test]
fn an_answer_may_come_among_others_in_an_array() {
    let batch = json!([
        {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}},
        answer_to(3, text("4"))]);
    let script = Script::opened([Step::Json(batch, None)]);
    assert_eq!(
        script.client().call("3", "sum", "{}"),
        Ok(CallResult::text("4"))
    );
    assert_eq!(script.told(), [r#"NoticeLevel::Info None "x""#]);
}

#[test]
fn errors_of_the_protocol_are_told_apart() {
    for (code, kind) in [
        (-32602, ErrorCode::BadRequest),
        (-32601, ErrorCode::BadRequest),
        (-32600, ErrorCode::BadRequest),
        (-32002, ErrorCode::NotFound),
        (-32603, ErrorCode::Upstream),
        (-32000, ErrorCode::Upstream),
    ] {
        let script = Script::opened([Step::Json(error_to(3, code, "why"), None)]);
        let error = script.client().call("3", "sum", "{}").unwrap_err();
        assert_eq!(
            error,
            Error::new(kind, format!("the MCP server says: why ({code})"))
        );
    }
    let refused = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"why"}}"#;
    let script = Script::opened([Step::Refused(400, refused)]);
    assert_eq!(
        script.client().call("3", "sum", "{}").unwrap_err().code,
        ErrorCode::BadRequest
    );
}

#[test]
fn what_is_not_the_protocol_is_an_error() {
    for odd in [
        json!({"jsonrpc": "2.0", "id": "9", "result": {}}),
        json!({"jsonrpc": "2.0", "id": "3"}),
        answer_to(3, json!({"content": [{"type": "hologram"}]})),
        answer_to(3, json!({})),
        json!("text"),
        json!([1]),
    ] {
        let script = Script::opened([Step::Json(odd.clone(), None)]);
        let error = script.client().call("3", "sum", "{}").unwrap_err();
        assert_eq!(error.code, ErrorCode::Upstream, "{odd}");
    }
    let script = Script::opened([Step::Accepted]);
    assert_eq!(
        script.client().call("3", "sum", "{}").unwrap_err().code,
        ErrorCode::Upstream
    );
}

#[test]
fn resources_are_listed_and_read() {
    let resource = json!({"uri": "x://a", "name": "a", "mimeType": "text/plain"});
    let template = json!({"uriTemplate": "x://{id}", "name": "t", "title": "T"});
    let contents = json!([{"uri": "x://a", "text": "hi"}, {"uri": "x://a/b", "blob": "Ynl0", "mimeType": "image/png"}]);
    let script = Script::opened([
        Step::Json(answer_to(2, json!({"resources": [resource]})), None),
        Step::Json(answer_to(3, json!({"resourceTemplates": [template]})), None),
        Step::Json(answer_to(4, json!({"contents": contents})), None),
        Step::Json(error_to(5, -32601, "unknown"), None),
        Step::Json(error_to(6, -32602, "no x://b"), None),
        Step::Json(error_to(7, -32002, "no x://c"), None),
    ]);
    let mut client = script.client();
    let resources = client.resources().unwrap();
    assert_eq!(
        (
            resources[0].uri.as_str(),
            resources[0].media_type.as_deref()
        ),
        ("x://a", Some("text/plain"))
    );
    let templates = client.templates().unwrap();
    assert_eq!(
        (templates[0].uri.as_str(), templates[0].title.as_deref()),
        ("x://{id}", Some("T"))
    );
    let read = client.read("x://a").unwrap();
    assert_eq!(read[0].data, ResourceData::Text("hi".into()));
    assert_eq!(
        (read[1].uri.as_str(), &read[1].data),
        ("x://a/b", &ResourceData::Bytes(b"byt".into()))
    );
    assert_eq!(client.templates(), Ok(vec![]));
    for uri in ["x://b", "x://c"] {
        assert_eq!(client.read(uri).unwrap_err().code, ErrorCode::NotFound);
    }
}

#[test]
fn tools_that_only_run_as_tasks_are_left_out() {
    let tool = |name: &str, support: &str| json!({"name": name, "inputSchema": {"type": "object"}, "execution": {"taskSupport": support}});
    let tools = json!({"tools": [tool("a", "required"), tool("b", "optional")]});
    let script = Script::opened([Step::Json(answer_to(2, tools), None)]);
    let tools = script.client().tools().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["b"]);
}

#[test]
fn prompts_and_their_arguments() {
    let prompt = json!({"name": "p", "arguments": [{"name": "city", "required": true}]});
    let filled =
        json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Paris?"}}]});
    let values = json!({"completion": {"values": ["Paris", "Parma"], "hasMore": false}});
    let script = Script::opened([
        Step::Json(answer_to(2, json!({"prompts": [prompt]})), None),
        Step::Json(answer_to(3, filled), None),
        Step::Json(answer_to(4, values), None),
        Step::Json(answer_to(5, json!({"completion": {"values": []}})), None),
    ]);
    let mut client = script.client();
    assert!(client.prompts().unwrap()[0].arguments[0].required);
    let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    assert_eq!(
        client
            .prompt("p", pair("city", "Paris"))
            .unwrap()
            .messages
            .len(),
        1
    );
    let of = Reference::Prompt("p".into());
    let values = client.complete(of, "city", "Pa", pair("country", "France"));
    assert_eq!(values, Ok(vec!["Paris".into(), "Parma".into()]));
    let of = Reference::Resource("x://{id}".into());
    client.complete(of, "id", "", vec![]).unwrap();
    let params: Vec<_> = script.messages()[3..]
        .iter()
        .map(|asked| asked["params"].clone())
        .collect();
    assert_eq!(
        params[0],
        json!({"name": "p", "arguments": {"city": "Paris"}})
    );
    assert_eq!(
        params[1],
        json!({"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "city", "value": "Pa"},
            "context": {"arguments": {"country": "France"}}})
    );
    assert_eq!(
        params[2]["ref"],
        json!({"type": "ref/resource", "uri": "x://{id}"})
    );
}

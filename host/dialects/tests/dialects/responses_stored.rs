use dialects::openai::responses::{
    Page, Past, Status, Stored, Stream, Turn, deleted, input_items, not_found, parse, shown,
};
use dialects::{Dialect, Encoder};
use serde_json::{Value, json};
use types::neutral::*;

use crate::{
    events::*,
    responses_answer::{frames, turn, whole},
    responses_stream::check,
};

fn go_on(past: &Past, fields: Value) -> Vec<Message> {
    let mut body = json!({ "model": "m", "input": "and now" });
    for (key, value) in fields.as_object().expect("an object") {
        body[key] = value.clone();
    }
    let read = parse(body.to_string().as_bytes(), past).expect("parses");
    read.request.messages
}

fn answered(events: &[Event]) -> Stored {
    whole(&turn(json!({ "instructions": "old" })), events).1
}

/// What a client's dialect has no field for, its vendor sees again.
#[test]
fn a_kept_answer_goes_on_as_its_vendor_gave_it() {
    let signature = r#"{"thoughtSignature":"abc"}"#;
    let stored = answered(&[
        started(),
        begin(0, PartKind::Text),
        say(0, "let me see"),
        end(0),
        begin(1, call("a", "f")),
        say(1, "{ }"),
        end_with(1, Some(signature)),
        finished(FinishReason::ToolCalls),
    ]);
    assert!(!stored.response.to_string().contains("thoughtSignature"));
    let text = serde_json::to_string(&stored).expect("JSON");
    let stored: Stored = serde_json::from_str(&text).expect("reads back");
    assert!(stored.is_over());
    let past = Past {
        chain: vec![stored],
        others: vec![],
    };
    let said = go_on(
        &past,
        json!({ "previous_response_id": "resp_0", "instructions": "new",
            "input": [{ "type": "function_call_output", "call_id": "a", "output": "r" }] }),
    );
    let roles: Vec<Role> = said.iter().map(|message| message.role).collect();
    assert_eq!(
        roles,
        [Role::System, Role::User, Role::Assistant, Role::Tool]
    );
    assert!(matches!(&said[0].parts[0].content, Content::Text(t) if t.text == "new"));
    let calls = &said[2].parts[1];
    assert_eq!(calls.provider_data.as_deref(), Some(signature));
    assert!(matches!(&calls.content, Content::ToolCall(call) if call.arguments == "{ }"));

    let other = json!({ "model": "m", "input": "x", "previous_response_id": "resp_9" }).to_string();
    let error = parse(other.as_bytes(), &past).expect_err("is another answer");
    assert_eq!(error.param.as_deref(), Some("previous_response_id"));

    // By reference, without the rest; and not twice.
    let others = Past {
        chain: vec![],
        others: past.chain.clone(),
    };
    let item = json!([{ "type": "item_reference", "id": "fc_0o1" }]);
    let said = go_on(&others, json!({ "input": item }));
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].parts[0].provider_data.as_deref(), Some(signature));
    let twice = go_on(
        &past,
        json!({ "previous_response_id": "resp_0", "input": item }),
    );
    assert_eq!(twice[1].parts.len(), 2);
    let items: Vec<&str> = others.others[0].item_ids().collect();
    assert_eq!(
        items,
        [
            others.others[0].input[0]["id"].as_str().expect("an id"),
            "msg_0o0",
            "fc_0o1"
        ]
    );
}

#[test]
fn plain_answers_keep_nothing_beside_their_items() {
    let stored = answered(&text("hello"));
    let json = serde_json::to_value(&stored).expect("JSON");
    assert_eq!(json["kept"], json!({}));
    let unstored = turn(json!({ "store": false }));
    let hidden = [
        started(),
        begin(0, call("a", "f")),
        end_with(0, Some("1")),
        finished(FinishReason::Stop),
    ];
    let (_, stored) = frames(&unstored, &hidden);
    assert_eq!(
        serde_json::to_value(&stored).expect("JSON")["kept"],
        json!({})
    );
}

#[test]
fn answers_in_the_background() {
    let turn = turn(json!({ "background": true, "stream": true }));
    let queued = queued(&turn);
    assert_eq!(queued.response["status"], "queued");
    assert!(!queued.is_over() && queued.id() == "resp_0");
    let past = Past {
        chain: vec![queued.clone()],
        others: vec![],
    };
    let body = json!({ "model": "m", "input": "x", "previous_response_id": "resp_0" }).to_string();
    let error = parse(body.as_bytes(), &past).expect_err("is not over");
    assert!(error.message.contains("wait for it"), "{error}");
    assert_eq!(queued.cancelled().response["status"], "cancelled");
    assert_eq!(
        turn.settings.response(Status::Cancelled, "a/m")["status"],
        "cancelled"
    );

    let mut stream = Stream::new(&turn.settings, "a/m");
    let mut out = Vec::new();
    stream.queue(&mut out);
    assert_eq!(stream.response()["status"], "queued");
    for event in text("hi") {
        stream.push(event, &mut out);
    }
    assert_eq!(stream.response()["status"], "in_progress");
    stream.finish(&mut out);
    let names: Vec<&str> = out.iter().map(|frame| frame.name.as_ref()).collect();
    assert_eq!(
        names[..4],
        [
            "response.created",
            "response.queued",
            "response.in_progress",
            "response.output_item.added"
        ]
    );

    // What was missed is sent again.
    let numbers: Vec<u64> = out.iter().filter_map(|frame| frame.number).collect();
    assert_eq!(numbers, (0..out.len() as u64).collect::<Vec<_>>());
    let mut missed = String::new();
    for frame in out.iter().filter(|frame| frame.number > Some(4)) {
        frame.write(&mut missed);
    }
    let missed = read_json(&missed);
    assert_eq!(missed[0]["sequence_number"], 5);
    assert_eq!(missed.last().expect("an end")["type"], "response.completed");
    let mut text = String::new();
    out.iter().for_each(|frame| frame.write(&mut text));
    assert_eq!(check(&read_json(&text))["background"], true);
}

#[test]
fn pages_of_input() {
    let mut stored = answered(&text("x"));
    stored.input = (0..30)
        .map(|n| {
            json!({ "id": format!("i{n}"), "type": "message", "role": "user", "content": [
            { "type": "input_image", "image_url": "https://u", "detail": "auto" } ] })
        })
        .collect();
    let page = |page: Page| {
        let list = input_items(&stored, &page).expect("a page");
        let ids: Vec<String> = list["data"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["id"].as_str().expect("an id").to_owned())
            .collect();
        assert_eq!(list["object"], "list");
        assert_eq!(list["first_id"].as_str(), ids.first().map(String::as_str));
        assert_eq!(list["last_id"].as_str(), ids.last().map(String::as_str));
        (ids, list["has_more"] == true, list["data"][0].clone())
    };
    let (ids, more, first) = page(Page::default());
    assert_eq!((ids.len(), ids[0].as_str(), more), (20, "i29", true));
    assert_eq!(
        first["content"],
        json!([{ "type": "input_image", "detail": "auto" }])
    );
    let next = Page {
        after: Some("i10".into()),
        ..Page::default()
    };
    let (ids, more, _) = page(next);
    assert_eq!((ids.len(), ids[0].as_str(), more), (10, "i9", false));
    let up = Page {
        ascending: true,
        limit: Some(3),
        include: vec!["message.input_image.image_url".into()],
        ..Page::default()
    };
    let (ids, more, first) = page(up);
    assert_eq!((ids.join(" "), more), ("i0 i1 i2".into(), true));
    assert_eq!(first["content"][0]["image_url"], "https://u");
    for wrong in [
        Page {
            limit: Some(0),
            ..Page::default()
        },
        Page {
            limit: Some(101),
            ..Page::default()
        },
        Page {
            after: Some("x".into()),
            ..Page::default()
        },
    ] {
        input_items(&stored, &wrong).expect_err("is refused");
    }
    stored.input.clear();
    let none = input_items(&stored, &Page::default()).expect("a page");
    assert_eq!(
        (&none["data"], &none["first_id"]),
        (&json!([]), &Value::Null)
    );
}

#[test]
fn what_is_shown_and_what_is_gone() {
    let sealed = [
        started(),
        begin(0, PartKind::Reasoning(ReasoningKind::Full)),
        say(0, "t"),
        end_with(0, Some("1")),
        finished(FinishReason::Stop),
    ];
    let stored = answered(&sealed);
    assert!(stored.response["output"][0]["encrypted_content"].is_string());
    assert!(shown(&stored, &[])["output"][0]["encrypted_content"].is_null());
    let asked = shown(&stored, &["reasoning.encrypted_content".into()]);
    assert_eq!(asked, stored.response);
    assert_eq!(
        deleted("resp_1"),
        json!({ "id": "resp_1", "object": "response", "deleted": true })
    );
    let error = not_found("Response", "resp_1");
    assert_eq!(error.status(), 404);
    assert_eq!(
        Dialect::OpenAi.error_body(&error),
        json!({ "error": { "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error", "param": null, "code": null } })
    );
}

fn queued(turn: &Turn) -> Stored {
    let (settings, input) = (turn.settings.clone(), turn.input.clone());
    dialects::Response { settings, input }.queued("a/m")
}

use super::*;

#[test]
fn a_conversation_of_another_vendor() {
    let long = "toolu_".repeat(12);
    let image = media(MediaSource::Bytes(vec![1, 2, 3]), "image/png");
    let pdf = media(
        MediaSource::Url("https://x/a.pdf".into()),
        "application/pdf",
    );
    let mut failed = result("b", vec![ResultContent::Text("no".into())]);
    if let Content::ToolResult(failed) = &mut failed {
        failed.is_error = true;
    }
    let request = ask(vec![
        Message::new(Role::System, vec![Part::text("Be brief.")]),
        Message::new(
            Role::User,
            vec![
                Part::text("See"),
                Part::new(Content::Image(image.clone())),
                Part::new(Content::File(media(
                    MediaSource::Bytes(b"body".to_vec()),
                    "text/plain",
                ))),
                Part::new(Content::File(media(
                    MediaSource::Bytes(b"%PDF".to_vec()),
                    "application/pdf",
                ))),
                Part::new(Content::File(pdf)),
            ],
        ),
        model(vec![
            ours(
                thought(ReasoningKind::Full, "Hm"),
                &json!({"type": "thinking", "signature": "s"}),
            ),
            Part::text("Let me see."),
            Part::new(call(&long, "files.read", "")),
            Part::new(call("b", "now", "[1")),
        ]),
        Message::new(
            Role::Tool,
            vec![
                Part::new(result(&long, vec![ResultContent::Image(image)])),
                Part::new(failed),
                Part::new(result("c", vec![])),
            ],
        ),
        Message::new(Role::Developer, vec![Part::text("Go on.")]),
        model(vec![]),
    ]);
    let translated = translate(&request, &Config::default()).unwrap();
    let input = &translated.body["input"];
    let (id, name) = (&input[3]["call_id"], &input[3]["name"]);
    assert!(id.as_str().unwrap().len() <= 64);
    assert_eq!(
        translated.names.restore(name.as_str().unwrap()),
        "files.read"
    );
    let picture =
        json!({"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AQID"});
    assert_eq!(
        *input,
        json!([
            {"type": "message", "role": "system", "content": "Be brief."},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "See"},
                picture,
                {"type": "input_text", "text": "T\n\nbody"},
                {"type": "input_file", "filename": "T", "file_data": "data:application/pdf;base64,JVBERg=="},
                {"type": "input_file", "file_url": "https://x/a.pdf"}]},
            {"type": "message", "role": "assistant", "content": "Let me see."},
            {"type": "function_call", "call_id": id, "name": name, "arguments": "{}"},
            {"type": "function_call", "call_id": "b", "name": "now", "arguments": "[1"},
            {"type": "function_call_output", "call_id": id, "output": [picture]},
            {"type": "function_call_output", "call_id": "b", "output": "no"},
            {"type": "function_call_output", "call_id": "c", "output": ""},
            {"type": "message", "role": "developer", "content": "Go on."},
        ])
    );
    let warned: Vec<_> = translated.warnings.fields().collect();
    assert_eq!(
        warned,
        ["messages.reasoning", "messages.tool_result.is_error"]
    );
}

#[test]
fn thoughts_go_back_as_they_came_and_where_they_stood() {
    let item = json!({"id": "rs_1", "type": "reasoning", "encrypted_content": "gAAA/+==",
        "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]});
    let hidden =
        json!({"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "x"});
    let shown = json!({"id": "rs_3", "type": "reasoning", "summary": [],
        "content": [{"type": "reasoning_text", "text": "c"}]});
    let (input, warned) = items(vec![model(vec![
        ours(thought(ReasoningKind::Summary, "a\n\nb"), &item),
        Part::new(call("1", "f", "{}")),
        ours(thought(ReasoningKind::Redacted, ""), &hidden),
        Part::new(call("2", "f", "{}")),
        ours(thought(ReasoningKind::Full, "c"), &shown),
    ])]);
    let called =
        |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    assert_eq!(
        input,
        json!([item, called("1"), hidden, called("2"), shown])
    );
    assert!(warned.is_empty());
}

#[test]
fn an_item_in_several_parts_goes_back_once() {
    let whole = json!({"id": "rs_1", "type": "reasoning", "encrypted_content": "x",
        "summary": [{"type": "summary_text", "text": "s"}], "content": [{"type": "reasoning_text", "text": "c"}]});
    let (input, warned) = items(vec![model(vec![
        ours(
            thought(ReasoningKind::Full, "c"),
            &json!({"type": "reasoning", "id": "rs_1", "continued": true}),
        ),
        ours(thought(ReasoningKind::Summary, "s"), &whole),
    ])]);
    assert_eq!((input, warned), (json!([whole]), vec![]));
}

#[test]
fn a_thought_without_its_encrypted_form_is_nothing_to_a_vendor_who_does_not_keep_it() {
    let bare = json!({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}]});
    for data in [
        bare,
        json!({"id": "rs_1"}),
        json!({"field": "reasoning_content"}),
    ] {
        let (input, warned) = items(vec![model(vec![ours(
            thought(ReasoningKind::Summary, "s"),
            &data,
        )])]);
        assert_eq!(
            (input, warned),
            (json!([]), vec!["messages.reasoning".to_owned()]),
            "{data}"
        );
    }
    // As a client of this API writes it, whose texts are in the part.
    let written = json!({"id": "rs_1", "encrypted_content": "x"});
    let (input, _) = items(vec![model(vec![ours(
        thought(ReasoningKind::Summary, "s"),
        &written,
    )])]);
    assert_eq!(
        input,
        json!([{"id": "rs_1", "encrypted_content": "x", "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "s"}]}])
    );
}

#[test]
fn tools_that_the_vendor_ran_go_back_as_one_item() {
    let item = json!({"id": "ws_1", "type": "web_search_call", "status": "completed",
        "action": {"type": "search", "query": "q"}});
    let ran = |id: &str| {
        Content::ToolCall(ToolCall {
            id: id.into(),
            name: "web_search".into(),
            arguments: "{}".into(),
            by_provider: true,
        })
    };
    let told = |id: &str| {
        Content::ToolResult(ToolResult {
            call_id: id.into(),
            name: None,
            content: vec![],
            is_error: false,
            by_provider: true,
        })
    };
    let (input, warned) = items(vec![model(vec![
        ours(ran("ws_1"), &item),
        Part::new(told("ws_1")),
        Part::new(ran("srvtoolu_1")),
        Part::new(told("srvtoolu_1")),
    ])]);
    assert_eq!(input, json!([item]));
    assert_eq!(warned, ["messages.tool_call", "messages.tool_result"]);
}

#[test]
fn free_form_calls_have_free_form_results_and_names_of_spaces_stay() {
    let (input, warned) = items(vec![
        model(vec![
            ours(
                call("1", "apply_patch", "*** Begin"),
                &json!({"type": "custom_tool_call"}),
            ),
            ours(
                call("2", "read", "{}"),
                &json!({"namespace": "files", "status": "completed", "id": "fc_1"}),
            ),
        ]),
        Message::new(
            Role::Tool,
            ["1", "2"]
                .map(|id| Part::new(result(id, vec![ResultContent::Text("ok".into())])))
                .to_vec(),
        ),
    ]);
    assert_eq!(
        input,
        json!([
            {"type": "custom_tool_call", "call_id": "1", "name": "apply_patch", "input": "*** Begin"},
            {"type": "function_call", "call_id": "2", "name": "read", "arguments": "{}", "namespace": "files"},
            {"type": "custom_tool_call_output", "call_id": "1", "output": "ok"},
            {"type": "function_call_output", "call_id": "2", "output": "ok"},
        ])
    );
    assert!(warned.is_empty());
}

#[test]
fn sources_phases_and_refusals_of_the_model() {
    let cited = |citation: Citation| {
        Part::new(Content::Text(Text {
            text: "See X".into(),
            citations: vec![citation],
        }))
    };
    let url = Citation {
        url: Some("https://x".into()),
        title: Some("X".into()),
        cited_text: None,
        start: Some(4),
        end: Some(5),
        location_unit: None,
        document: None,
        provider_data: None,
    };
    let file = json!({"type": "file_citation", "file_id": "f", "filename": "a", "index": 1});
    let own = Citation {
        provider_data: Some(file.to_string()),
        start: None,
        ..url.clone()
    };
    let foreign = Citation {
        location_unit: Some("page".into()),
        ..url.clone()
    };
    let (input, warned) = items(vec![model(vec![
        cited(url),
        cited(own),
        cited(foreign),
        ours(
            Content::Text(Text {
                text: "So".into(),
                citations: vec![],
            }),
            &json!({"phase": "commentary"}),
        ),
        Part::new(Content::Refusal("No.".into())),
    ])]);
    let said = |annotation: Value| {
        json!({"type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": "See X", "annotations": [annotation]}]})
    };
    assert_eq!(
        input,
        json!([
            said(json!({"type": "url_citation", "url": "https://x", "title": "X", "start_index": 4, "end_index": 5})),
            said(file),
            {"type": "message", "role": "assistant", "content": "See X"},
            {"type": "message", "role": "assistant", "content": "So", "phase": "commentary"},
            {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        ])
    );
    assert_eq!(warned, ["messages.text.citations"]);
}

#[test]
fn what_has_no_place_is_an_error_or_a_warning() {
    let refused = |part: Part| {
        translate(
            &ask(vec![Message::new(Role::User, vec![part])]),
            &Config::default(),
        )
        .unwrap_err()
    };
    let sound = media(MediaSource::Bytes(vec![0]), "audio/wav");
    assert!(
        refused(Part::new(Content::Audio(sound)))
            .message
            .contains("audio")
    );
    let foreign = ours(
        Content::Other("container_upload".into()),
        &json!({"type": "container_upload"}),
    );
    assert!(refused(foreign).message.contains("`container_upload`"));
    let own = json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "x"});
    let mut named = Message::new(
        Role::User,
        vec![
            ours(Content::Other("compaction".into()), &own),
            Part::text("Hi"),
        ],
    );
    named.name = Some("Ann".into());
    let (input, warned) = items(vec![named]);
    assert_eq!(
        input,
        json!([own, {"type": "message", "role": "user", "content": "Hi"}])
    );
    assert_eq!(warned, ["messages.name"]);
}

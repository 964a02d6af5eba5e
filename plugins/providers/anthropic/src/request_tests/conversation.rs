use super::*;
use proptest::prelude::*;

#[test]
fn the_least_request() {
    assert_eq!(
        sent(&ask(vec![user("Hello")])),
        (
            json!({"model": "m", "max_tokens": 8192,
                "messages": [{"role": "user", "content": "Hello"}]}),
            vec![]
        )
    );
}

#[test]
fn instructions_lead_and_later_ones_join_them_or_stay() {
    let request = ask(vec![
        Message::new(
            Role::System,
            vec![marked(Part::text("Be brief."), Some(3600))],
        ),
        says(Role::Developer, "Be kind."),
        user("Hi"),
        says(Role::Assistant, "Hello"),
        user("Go on"),
        says(Role::System, "Be loud."),
    ]);
    let (body, warned) = sent(&request);
    let lead = json!({"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}});
    let kind = json!({"type": "text", "text": "Be kind."});
    assert_eq!(
        body["system"],
        json!([lead, kind, {"type": "text", "text": "Be loud."}])
    );
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
    assert_eq!(warned, ["messages.system"]);
    let (body, translated) = with(&request, r#"{"system_in_messages":true}"#);
    assert_eq!(body["system"], json!([lead, kind]));
    assert_eq!(
        body["messages"][3],
        json!({"role": "system", "content": "Be loud."})
    );
    assert!(translated.warnings.into_vec().is_empty());
}

#[test]
fn a_tool_conversation_alternates_and_results_come_first() {
    let mut image = result("b", vec![]);
    image.content = vec![
        ResultContent::Text("see".into()),
        ResultContent::Image(Media {
            source: MediaSource::Bytes(vec![1, 2, 3]),
            media_type: Some("image/png".into()),
            name: None,
            context: None,
            detail: None,
            cite: false,
        }),
    ];
    image.is_error = true;
    let request = ask(vec![
        user("Weather"),
        user("in Paris?"),
        Message::new(
            Role::Assistant,
            vec![
                Part::text(""),
                call("a", "files.read", "{\"p\":1}"),
                call("b|1", "now", ""),
                call("c", "now", "[1"),
            ],
        ),
        says(Role::User, "Quick!"),
        result_text("a", "sunny"),
        Message::new(
            Role::Tool,
            vec![
                marked(
                    Part::new(Content::ToolResult(ToolResult {
                        call_id: "b|1".into(),
                        ..image
                    })),
                    Some(300),
                ),
                Part::new(Content::ToolResult(result("c", vec![]))),
            ],
        ),
    ]);
    let (body, translated) = with(&request, "{}");
    let turns = &body["messages"];
    let renamed = turns[1]["content"][0]["name"].as_str().unwrap();
    let id = turns[1]["content"][1]["id"].as_str().unwrap();
    assert_eq!(translated.names.restore(renamed), "files.read");
    assert!(!renamed.contains('.') && !id.contains('|'));
    assert_eq!(
        *turns,
        json!([
            {"role": "user", "content": [{"type": "text", "text": "Weather"}, {"type": "text", "text": "in Paris?"}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "a", "name": renamed, "input": {"p": 1}},
                {"type": "tool_use", "id": id, "name": "now", "input": {}},
                {"type": "tool_use", "id": "c", "name": "now", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "sunny"},
                {"type": "tool_result", "tool_use_id": id, "is_error": true, "content": [
                    {"type": "text", "text": "see"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AQID"}}],
                    "cache_control": {"type": "ephemeral", "ttl": "5m"}},
                {"type": "tool_result", "tool_use_id": "c"},
                {"type": "text", "text": "Quick!"}]},
        ])
    );
    assert_eq!(fields(&translated), ["messages.tool_call.arguments"]);
}

#[test]
fn signed_thoughts_and_the_vendors_own_items_go_back_as_they_came() {
    let server = ToolCall {
        id: "srv".into(),
        name: "web_search".into(),
        arguments: "{\"query\":\"x\"}".into(),
        by_provider: true,
    };
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "srv",
        "content": [{"type": "web_search_result", "url": "https://x", "title": "X", "encrypted_content": "e"}]});
    let mut searched = result("srv", vec![]);
    searched.by_provider = true;
    let request = ask(vec![
        user("Hi"),
        Message::new(
            Role::Assistant,
            vec![
                ours(
                    reasoning("", ReasoningKind::Full),
                    json!({"type": "thinking", "signature": "s1"}),
                ),
                ours(
                    reasoning("", ReasoningKind::Redacted),
                    json!({"type": "redacted_thinking", "data": "d"}),
                ),
                ours(
                    Content::ToolCall(server.clone()),
                    json!({"type": "server_tool_use"}),
                ),
                ours(Content::ToolResult(searched.clone()), found.clone()),
                ours(
                    reasoning("Hm", ReasoningKind::Summary),
                    json!({"type": "thinking", "signature": "s2"}),
                ),
                ours(
                    Content::Other("container_upload".into()),
                    json!({"type": "container_upload", "file_id": "f"}),
                ),
                call("a", "f", "{}"),
            ],
        ),
        result_text("a", "1"),
    ]);
    let (body, warned) = sent(&request);
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "", "signature": "s1"},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "x"}},
            found,
            {"type": "thinking", "thinking": "Hm", "signature": "s2"},
            {"type": "container_upload", "file_id": "f"},
            {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        ])
    );
    assert!(warned.is_empty());
    let request = ask(vec![
        user("Hi"),
        Message::new(
            Role::Assistant,
            vec![
                Part::new(reasoning("unsigned", ReasoningKind::Full)),
                Part::new(Content::ToolCall(server)),
                Part::new(Content::ToolResult(searched)),
            ],
        ),
        user("Go on"),
    ]);
    let (body, warned) = sent(&request);
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
    assert_eq!(
        warned,
        [
            "messages.reasoning",
            "messages.tool_call",
            "messages.tool_result"
        ]
    );
    let foreign = Message::new(Role::User, vec![Part::new(Content::Other("x_item".into()))]);
    assert!(refused(&ask(vec![foreign])).message.contains("x_item"));
}

#[test]
fn media_sources_citations_and_begun_answers() {
    let cited = json!({"type": "char_location", "cited_text": "c", "document_index": 0, "document_title": null,
        "start_char_index": 0, "end_char_index": 1});
    let mut text = Text {
        text: "So: ".into(),
        citations: vec![crate::citations::read(&cited)],
    };
    text.citations.push(Citation {
        provider_data: None,
        ..text.citations[0].clone()
    });
    let document = Media {
        source: MediaSource::Bytes(b"body".to_vec()),
        media_type: Some("text/plain".into()),
        name: Some("T".into()),
        context: Some("about".into()),
        detail: None,
        cite: true,
    };
    let source = Source {
        location: "https://x".into(),
        title: Some("X".into()),
        passages: vec!["p".into(), "q".into()],
        cite: false,
    };
    let mut message = Message::new(
        Role::User,
        vec![
            Part::new(Content::File(document)),
            marked(Part::new(Content::Source(source)), Some(1800)),
            Part::text(" "),
        ],
    );
    message.name = Some("ann".into());
    let begun = Message::new(Role::Assistant, vec![Part::new(Content::Text(text))]);
    let (body, warned) = sent(&ask(vec![message, begun]));
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "body"},
                    "title": "T", "context": "about", "citations": {"enabled": true}},
                {"type": "search_result", "source": "https://x", "title": "X",
                    "content": [{"type": "text", "text": "p"}, {"type": "text", "text": "q"}],
                    "cache_control": {"type": "ephemeral", "ttl": "5m"}}]},
            {"role": "assistant", "content": [{"type": "text", "text": "So:", "citations": [cited]}]},
        ])
    );
    assert_eq!(
        warned,
        [
            "messages.name",
            "cache.ttl_seconds",
            "messages.text",
            "messages.text.citations",
            "messages.text"
        ]
    );
    let sound = Media {
        source: MediaSource::Bytes(vec![]),
        media_type: None,
        name: None,
        context: None,
        detail: None,
        cite: false,
    };
    let sound = Part::new(Content::Audio(sound));
    assert!(
        refused(&ask(vec![Message::new(Role::User, vec![sound.clone()])]))
            .message
            .contains("sound")
    );
    assert!(
        refused(&ask(vec![Message::new(Role::System, vec![sound])]))
            .message
            .contains("instructions")
    );
}

proptest! {
    #[test]
    fn turns_alternate_and_no_word_is_lost(said in proptest::collection::vec((0u8..3, "[a-z ]{0,4}"), 0..12)) {
        let roles = [Role::User, Role::Assistant, Role::Tool];
        let messages = said.iter().enumerate().map(|(at, (role, text))| match roles[*role as usize] {
            Role::Tool => result_text(&format!("c{at}"), text),
            role => says(role, text),
        });
        let (body, _) = sent(&ask(messages.collect()));
        let turns = body["messages"].as_array().unwrap();
        for pair in turns.windows(2) {
            prop_assert_ne!(&pair[0]["role"], &pair[1]["role"]);
        }
        let all = body["messages"].to_string();
        for (role, text) in &said {
            prop_assert!(all.contains(text.trim()) , "{role} {text}");
        }
        let results = said.iter().filter(|(role, _)| *role == 2).count();
        prop_assert_eq!(all.matches("tool_use_id").count(), results);
    }
}

#[test]
fn fields_that_the_vendor_lacks_are_named_and_never_sent() {
    let mut message = user("Hi");
    message.provider_data = Some(r#"{"thread_id":"t","annotations":[]}"#.into());
    let mut tool = call("a", "f", "{}");
    tool.provider_data = Some(r#"{"caller":{"type":"x"},"type":"custom","phase":"p"}"#.into());
    let foreign = ours(
        reasoning("Hm", ReasoningKind::Full),
        json!({"field": "reasoning_content"}),
    );
    let (body, warned) = sent(&ask(vec![
        message,
        Message::new(Role::Assistant, vec![foreign, tool]),
        result_text("a", "1"),
    ]));
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "tool_use", "id": "a", "name": "f", "input": {}, "caller": {"type": "x"}}])
    );
    assert_eq!(
        warned,
        ["messages.thread_id", "messages.reasoning", "messages.phase"]
    );
}

#[test]
fn instructions_alone_become_a_turn() {
    let (body, warned) = sent(&ask(vec![
        says(Role::System, "Be brief."),
        says(Role::System, "Say hi."),
    ]));
    assert_eq!(body["system"], "Be brief.");
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": "Say hi."}])
    );
    assert_eq!(warned, ["messages.system"]);
}

/// What a client of Responses sends back of a search: no block of this format, whatever its type.
#[test]
fn a_tool_that_another_vendor_ran_is_left_out() {
    let item = json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}});
    let searched = Content::ToolCall(ToolCall {
        id: "ws_1".into(),
        name: "web_search".into(),
        arguments: "{}".into(),
        by_provider: true,
    });
    let mut found = result("ws_1", vec![]);
    found.by_provider = true;
    let said = vec![
        ours(searched, item.clone()),
        ours(Content::ToolResult(found), item),
        Part::text("Found."),
    ];
    let request = ask(vec![
        user("Hi"),
        Message::new(Role::Assistant, said),
        user("And?"),
    ]);
    let (body, warned) = sent(&request);
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": "Found."})
    );
    assert_eq!(warned, ["messages.tool_call", "messages.tool_result"]);
}

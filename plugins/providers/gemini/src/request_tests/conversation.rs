use super::*;
use proptest::prelude::*;

#[test]
fn the_least_request() {
    assert_eq!(
        sent(&ask(vec![user("Hello")])),
        (
            json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}),
            vec![]
        )
    );
}

#[test]
fn instructions_lead_and_later_ones_join_them() {
    let (body, warned) = sent(&ask(vec![
        says(Role::System, "Be brief."),
        says(Role::Developer, "Be kind."),
        user("Hi"),
        says(Role::Assistant, "Hello"),
        says(Role::System, "Be loud."),
        user("Go on"),
    ]));
    assert_eq!(
        body["systemInstruction"],
        json!({"parts": [{"text": "Be brief."}, {"text": "Be kind."}, {"text": "Be loud."}]})
    );
    let roles: Vec<_> = body["contents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| turn["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "model", "user"]);
    assert_eq!(warned, ["messages.system"]);
    let (body, warned) = sent(&ask(vec![
        says(Role::System, "Be brief."),
        says(Role::System, "Say hi."),
    ]));
    assert_eq!(
        body["contents"],
        json!([{"role": "user", "parts": [{"text": "Say hi."}]}])
    );
    assert_eq!(warned, ["messages.system"]);
    let picture = Message::new(Role::System, vec![Part::new(Content::Image(image()))]);
    assert!(
        refused(&ask(vec![picture]))
            .message
            .contains("instructions")
    );
}

#[test]
fn results_come_first_in_the_order_of_their_calls() {
    let made_up = format!("{MADE_UP}r-1");
    let (body, warned) = sent(&ask(vec![
        user("Weather"),
        user("in Paris?"),
        Message::new(
            Role::Assistant,
            vec![
                Part::text(""),
                signed(call(&made_up, "files.read", "{\"p\":1}"), "c2ln"),
                call("toolu_2", "2nd", ""),
                call("c3", "now", "[1"),
            ],
        ),
        says(Role::User, "Quick!"),
        told("c3", ""),
        Message::new(
            Role::Tool,
            vec![
                Part::new(Content::ToolResult(ToolResult {
                    is_error: true,
                    ..result("toolu_2", vec![ResultContent::Text("broken".into())])
                })),
                Part::new(Content::ToolResult(result(&made_up, vec![]))),
            ],
        ),
    ]));
    let renamed = body["contents"][1]["parts"][1]["functionCall"]["name"]
        .as_str()
        .unwrap();
    assert!(renamed.starts_with("_2nd"));
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "Weather"}, {"text": "in Paris?"}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "files.read", "args": {"p": 1}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"name": renamed, "args": {}, "id": "toolu_2"}},
                {"functionCall": {"name": "now", "args": {}, "id": "c3"}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "files.read", "response": {"output": ""}}},
                {"functionResponse": {"name": renamed, "response": {"error": "broken"}, "id": "toolu_2"}},
                {"functionResponse": {"name": "now", "response": {"output": ""}, "id": "c3"}},
                {"text": "Quick!"}]},
        ])
    );
    assert_eq!(warned, ["messages.tool_call.arguments"]);
}

#[test]
fn a_result_needs_its_functions_name() {
    let mut named = result("gone", vec![]);
    named.name = Some("f".into());
    let message = Message::new(Role::Tool, vec![Part::new(Content::ToolResult(named))]);
    let (body, _) = sent(&ask(vec![message]));
    assert_eq!(
        body["contents"][0]["parts"][0]["functionResponse"]["name"],
        "f"
    );
    assert!(
        refused(&ask(vec![told("gone", "x")]))
            .message
            .contains("gone")
    );
}

#[test]
fn media_in_results_are_inside_or_beside() {
    let source = Source {
        location: "https://x".into(),
        title: Some("X".into()),
        passages: vec!["p".into()],
        cite: false,
    };
    let content = vec![
        ResultContent::Text("see".into()),
        ResultContent::Image(Media {
            context: Some("about".into()),
            detail: Some("low".into()),
            ..image()
        }),
        ResultContent::Source(source),
    ];
    let mut request = ask(vec![
        user("Hi"),
        Message::new(Role::Assistant, vec![signed(call("a", "f", "{}"), "c2ln")]),
        Message::new(
            Role::Tool,
            vec![Part::new(Content::ToolResult(result("a", content)))],
        ),
    ]);
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": "AQID"}});
    let (body, warned) = sent(&request);
    assert_eq!(
        body["contents"][2]["parts"],
        json!([{"functionResponse": {"name": "f", "id": "a", "response": {"output": ["see", "X (https://x)\n\np", "about"]}, "parts": [picture]}}])
    );
    assert_eq!(warned, ["messages.tool_result.detail"]);
    request.model = EARLIER.into();
    let (body, warned) = sent(&request);
    assert_eq!(
        body["contents"][2]["parts"],
        json!([
            {"functionResponse": {"name": "f", "id": "a", "response": {"output": ["see", "X (https://x)\n\np"]}}},
            {"text": "about"}, picture])
    );
    assert_eq!(
        warned,
        ["messages.tool_result.detail", "messages.tool_result"]
    );
}

#[test]
fn a_signature_returns_with_its_part_and_a_lost_one_has_a_placeholder() {
    let turns = |parts: Vec<Part>| {
        let calls = parts
            .iter()
            .filter(|part| matches!(part.content, Content::ToolCall(_)))
            .count();
        let mut messages = vec![user("Hi"), Message::new(Role::Assistant, parts)];
        messages.extend((1..=calls).map(|n| told(&n.to_string(), "x")));
        ask(messages)
    };
    let signatures = |request: &GenerateRequest| {
        let (body, warned) = sent(request);
        let parts = body["contents"][1]["parts"].as_array().unwrap();
        let all = parts
            .iter()
            .map(|part| part["thoughtSignature"].as_str().map(str::to_owned));
        (all.collect::<Vec<_>>(), warned)
    };
    let some = |text: &str| Some(text.to_owned());
    let whole = turns(vec![
        signed(Part::text(""), "t"),
        signed(call("1", "f", "{}"), "a"),
        call("2", "g", "{}"),
    ]);
    assert_eq!(
        signatures(&whole),
        (vec![some("t"), some("a"), None], vec![])
    );
    let mut lost = turns(vec![call("1", "f", "{}"), call("2", "g", "{}")]);
    let placeholder = some("skip_thought_signature_validator");
    assert_eq!(
        signatures(&lost),
        (
            vec![placeholder, None],
            vec!["messages.tool_call".to_owned()]
        )
    );
    lost.model = EARLIER.into();
    assert_eq!(signatures(&lost), (vec![None, None], vec![]));
}

#[test]
fn the_vendors_own_items_go_back_as_they_came() {
    let code =
        json!({"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"});
    let ran = json!({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}});
    let new = json!({"hologram": {"x": 1}});
    let its_call = ToolCall {
        id: "e".into(),
        name: "code_execution".into(),
        arguments: "{}".into(),
        by_provider: true,
    };
    let its_result = ToolResult {
        by_provider: true,
        ..result("e", vec![])
    };
    let thought = |text: &str| {
        Content::Reasoning(Reasoning {
            kind: ReasoningKind::Summary,
            text: text.into(),
        })
    };
    let (body, warned) = sent(&ask(vec![
        user("Hi"),
        Message::new(
            Role::Assistant,
            vec![
                ours(
                    thought("Hm"),
                    json!({"thought": true, "thoughtSignature": "r"}),
                ),
                ours(Content::ToolCall(its_call.clone()), code.clone()),
                ours(Content::ToolResult(its_result.clone()), ran.clone()),
                ours(Content::Other("hologram".into()), new.clone()),
                ours(
                    Content::Image(Media {
                        context: Some("about".into()),
                        ..image()
                    }),
                    json!({"thoughtSignature": "i"}),
                ),
            ],
        ),
        user("Go on"),
    ]));
    assert_eq!(
        body["contents"][1]["parts"],
        json!([
            {"text": "Hm", "thought": true, "thoughtSignature": "r"}, code, ran, new, {"text": "about"},
            {"inlineData": {"mimeType": "image/png", "data": "AQID"}, "thoughtSignature": "i"}])
    );
    assert!(warned.is_empty());
    let sound = Media {
        source: MediaSource::FileId("audio_1".into()),
        ..image()
    };
    let (body, warned) = sent(&ask(vec![
        user("Hi"),
        Message::new(
            Role::Assistant,
            vec![
                Part::new(Content::Audio(sound)),
                ours(thought(""), json!({"thought": true})),
                ours(
                    thought("theirs"),
                    json!({"type": "thinking", "signature": "s"}),
                ),
                Part::new(Content::ToolCall(its_call)),
                Part::new(Content::ToolResult(its_result)),
                Part::new(Content::Source(Source {
                    location: "x".into(),
                    title: None,
                    passages: vec![],
                    cite: false,
                })),
            ],
        ),
        user("Go on"),
    ]));
    assert_eq!(
        body["contents"],
        json!([{"role": "user", "parts": [{"text": "Hi"}, {"text": "Go on"}]}])
    );
    assert_eq!(
        warned,
        [
            "messages.audio",
            "messages.reasoning",
            "messages.signature",
            "messages.tool_call",
            "messages.tool_result",
            "messages.assistant"
        ]
    );
    let foreign = Message::new(
        Role::User,
        vec![ours(
            Content::Other("x_item".into()),
            json!({"type": "x_item"}),
        )],
    );
    assert!(refused(&ask(vec![foreign])).message.contains("x_item"));
}

#[test]
fn what_has_no_place_is_named() {
    let cited = Citation {
        url: None,
        title: None,
        cited_text: None,
        start: None,
        end: None,
        location_unit: None,
        document: None,
        provider_data: None,
    };
    let text = Content::Text(Text {
        text: "So".into(),
        citations: vec![cited],
    });
    let source = Source {
        location: "https://x".into(),
        title: None,
        passages: vec!["p".into(), "q".into()],
        cite: true,
    };
    let mut message = Message::new(
        Role::User,
        vec![
            ours(text, json!({"phase": "p", "annotations": []})),
            Part::new(Content::Source(source)),
        ],
    );
    message.name = Some("ann".into());
    message.provider_data = Some(r#"{"thread_id":"t"}"#.into());
    let (body, warned) = sent(&ask(vec![message]));
    assert_eq!(
        body["contents"][0]["parts"],
        json!([{"text": "So"}, {"text": "https://x\n\np\n\nq"}])
    );
    assert_eq!(
        warned,
        [
            "messages.name",
            "messages.thread_id",
            "messages.text.citations",
            "messages.phase",
            "messages.source.cite"
        ]
    );
}

proptest! {
    #[test]
    fn turns_alternate_and_no_word_is_lost(said in proptest::collection::vec((0u8..2, "[a-z]{1,4}"), 1..12)) {
        let roles = [Role::User, Role::Assistant];
        let messages = said.iter().map(|(role, text)| says(roles[*role as usize], text));
        let (body, _) = sent(&ask(messages.collect()));
        let turns = body["contents"].as_array().unwrap();
        for pair in turns.windows(2) {
            prop_assert_ne!(&pair[0]["role"], &pair[1]["role"]);
        }
        let texts: Vec<_> = turns.iter().flat_map(|turn| turn["parts"].as_array().unwrap()).collect();
        let wanted: Vec<_> = said.iter().map(|(_, text)| json!({"text": text})).collect();
        prop_assert_eq!(texts, wanted.iter().collect::<Vec<_>>());
    }

    #[test]
    fn results_are_put_in_the_order_of_their_calls(order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle()) {
        let calls = (0..6).map(|n| call(&format!("{MADE_UP}x-{n}"), &format!("f{n}"), "{}"));
        let mut messages = vec![user("Hi"), Message::new(Role::Assistant, calls.collect())];
        messages.extend(order.iter().map(|n| told(&format!("{MADE_UP}x-{n}"), "r")));
        let (body, _) = sent(&ask(messages));
        let names = body["contents"][2]["parts"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|part| part["functionResponse"]["name"].as_str().unwrap()).collect();
        prop_assert_eq!(names, ["f0", "f1", "f2", "f3", "f4", "f5"]);
    }
}

use super::*;
use proptest::prelude::*;

#[test]
fn the_least_request() {
    let hello = json!({"messages": [{"role": "user", "content": [{"text": "Hello"}]}]});
    assert_eq!(sent(&ask(vec![user("Hello")])), (hello, vec![]));
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
    let lead = [
        json!({"text": "Be brief."}),
        json!({"cachePoint": {"type": "default", "ttl": "1h"}}),
        json!({"text": "Be kind."}),
    ];
    let all = [&lead[..], &[json!({"text": "Be loud."})]].concat();
    assert_eq!(body["system"], json!(all));
    assert_eq!(body["messages"].as_array().unwrap().len(), 3);
    assert_eq!(warned, ["messages.system"]);
    let (body, expected) = with(&request, r#"{"system_in_messages":true}"#);
    assert_eq!(body["system"], json!(lead));
    let last = json!({"role": "system", "content": [{"text": "Be loud."}]});
    assert_eq!(body["messages"][3], last);
    assert!(fields(&expected).is_empty());
}

#[test]
fn instructions_alone_end_as_the_users_turn() {
    let alone = ask(vec![says(Role::System, "One"), says(Role::System, "Two")]);
    let (body, warned) = sent(&alone);
    assert_eq!(body["system"], json!([{"text": "One"}]));
    let turn = json!([{"role": "user", "content": [{"text": "Two"}]}]);
    assert_eq!(body["messages"], turn);
    assert_eq!(warned, ["messages.system"]);
}

#[test]
fn a_tool_conversation_alternates_and_results_come_first_with_their_cache_points() {
    let pieces = vec![
        ResultContent::Text("see".into()),
        ResultContent::Image(media(&[1, 2, 3], "image/png")),
    ];
    let failed = ToolResult {
        is_error: true,
        ..result("b|1", pieces)
    };
    let mut request = ask(vec![
        user("Weather"),
        Message::new(Role::User, vec![marked(Part::text("in Paris?"), None)]),
        Message::new(
            Role::Assistant,
            vec![
                Part::text(""),
                call("a", "files.read", "{\"p\":1}"),
                call("b|1", "now", ""),
                call("c", "now", "[1"),
            ],
        ),
        says(Role::Assistant, ""),
        says(Role::User, "Quick!"),
        result_text("a", "sunny"),
        Message::new(
            Role::Tool,
            vec![
                marked(Part::new(Content::ToolResult(failed)), Some(300)),
                Part::new(Content::ToolResult(result("c", vec![]))),
            ],
        ),
    ]);
    request.tools = vec![function("now")];
    let (body, expected) = with(&request, "{}");
    let turns = &body["messages"];
    let renamed = turns[1]["content"][0]["toolUse"]["name"].as_str().unwrap();
    let id = turns[1]["content"][1]["toolUse"]["toolUseId"]
        .as_str()
        .unwrap();
    assert_eq!(expected.names.restore(renamed), "files.read");
    assert!(!renamed.contains('.') && !id.contains('|'));
    let tool_use = |id: &str, name: &str, input: Value| json!({"toolUse": {"toolUseId": id, "name": name, "input": input}});
    assert_eq!(
        *turns,
        json!([
            {"role": "user", "content": [
                {"text": "Weather"}, {"text": "in Paris?"}, {"cachePoint": {"type": "default"}}]},
            {"role": "assistant", "content": [
                tool_use("a", renamed, json!({"p": 1})),
                tool_use(id, "now", json!({})),
                tool_use("c", "now", json!({}))]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "a", "content": [{"text": "sunny"}]}},
                {"toolResult": {"toolUseId": id, "status": "error", "content": [
                    {"text": "see"}, {"image": {"format": "png", "source": {"bytes": "AQID"}}}]}},
                {"cachePoint": {"type": "default", "ttl": "5m"}},
                {"toolResult": {"toolUseId": "c", "content": []}},
                {"text": "Quick!"}]},
        ])
    );
    assert_eq!(fields(&expected), ["messages.tool_call.arguments"]);
}

#[test]
fn thoughts_go_back_to_whom_they_came_from() {
    let thoughts = |model: &str| {
        let assistant = Message::new(
            Role::Assistant,
            vec![
                ours(
                    reasoning("", ReasoningKind::Full),
                    json!({"type": "thinking", "signature": "s=="}),
                ),
                call("a", "f", "{}"),
                ours(
                    reasoning("Hm", ReasoningKind::Summary),
                    json!({"type": "reasoningText"}),
                ),
                ours(
                    reasoning("", ReasoningKind::Redacted),
                    json!({"type": "redactedContent", "redactedContent": "AAEC"}),
                ),
                ours(
                    reasoning("", ReasoningKind::Redacted),
                    json!({"type": "redacted_thinking", "data": "x"}),
                ),
                Part::new(reasoning("mine", ReasoningKind::Full)),
            ],
        );
        let mut request =
            GenerateRequest::new(model, vec![user("Hi"), assistant, result_text("a", "1")]);
        request.tools = vec![function("f")];
        let (body, warned) = sent(&request);
        (body["messages"][1]["content"].clone(), warned)
    };
    let call = json!({"toolUse": {"toolUseId": "a", "name": "f", "input": {}}});
    let hidden = json!({"reasoningContent": {"redactedContent": "AAEC"}});
    let (content, warned) = thoughts(CLAUDE);
    let signed = json!({"reasoningContent": {"reasoningText": {"text": "", "signature": "s=="}}});
    assert_eq!(content, json!([signed, call, hidden]));
    assert_eq!(warned, ["messages.reasoning"]);
    let plain = json!({"reasoningContent": {"reasoningText": {"text": "Hm"}}});
    assert_eq!(
        thoughts("openai.gpt-oss-20b-1:0").0,
        json!([call, plain, hidden])
    );
    assert_eq!(thoughts("us.deepseek.r1-v1:0").0, json!([call, hidden]));
}

#[test]
fn the_vendors_own_items_go_back_as_they_came() {
    let searched = ToolCall {
        id: "srv".into(),
        name: "nova_grounding".into(),
        arguments: "{}".into(),
        by_provider: true,
    };
    let found = ToolResult {
        by_provider: true,
        ..result("srv", vec![ResultContent::Text("x".into())])
    };
    let cited = json!({"title": "T", "location": {"documentChar": {"documentIndex": 0, "start": 1, "end": 2}}});
    let text = Text {
        text: "So".into(),
        citations: vec![crate::citations::read(&cited)],
    };
    let assistant = Message::new(
        Role::Assistant,
        vec![
            ours(
                Content::ToolCall(searched.clone()),
                json!({"toolUse": {"type": "server_tool_use"}}),
            ),
            ours(
                Content::ToolResult(found.clone()),
                json!({"toolResult": {"type": "nova_grounding_result", "content": [{"json": {"a": 1}}]}}),
            ),
            Part::new(Content::Text(text)),
            ours(
                Content::Other("guardContent".into()),
                json!({"guardContent": {"text": {"text": "g"}}}),
            ),
            Part::new(Content::ToolCall(searched)),
            ours(
                Content::ToolResult(found),
                json!({"type": "web_search_tool_result"}),
            ),
        ],
    );
    let (body, warned) = sent(&ask(vec![user("Hi"), assistant]));
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"toolUse": {"toolUseId": "srv", "name": "nova_grounding", "input": {}, "type": "server_tool_use"}},
            {"toolResult": {"toolUseId": "srv", "type": "nova_grounding_result", "content": [{"json": {"a": 1}}]}},
            {"citationsContent": {"content": [{"text": "So"}], "citations": [cited]}},
            {"guardContent": {"text": {"text": "g"}}},
        ])
    );
    assert_eq!(warned[..2], ["messages.tool_call", "messages.tool_result"]);
    let foreign = ours(
        Content::Other("compaction".into()),
        json!({"type": "compaction"}),
    );
    let refused = refused(&ask(vec![Message::new(Role::User, vec![foreign])]));
    assert!(refused.message.contains("`compaction`"));
}

#[test]
fn what_the_vendor_refuses_is_left_out_or_mended_with_a_word() {
    let file = Part::new(Content::File(media(b"%PDF-1", "application/pdf")));
    let image = Part::new(Content::Image(media(b"x", "image/png")));
    let mut named = user("Hi");
    named.name = Some("Ann".into());
    named.provider_data = Some(json!({"phase": "x", "none": null}).to_string());
    let mut odd = Part::text("odd");
    odd.provider_data = Some(json!({"caller": {"type": "direct"}}).to_string());
    odd.cache = None;
    let request = ask(vec![
        named,
        Message::new(
            Role::Assistant,
            vec![image, odd, marked(Part::text(" "), None)],
        ),
        Message::new(Role::User, vec![file]),
        says(Role::Assistant, "So: \n"),
    ]);
    let (body, warned) = sent(&request);
    assert_eq!(body["messages"][1]["content"], json!([{"text": "odd"}]));
    assert_eq!(
        body["messages"][2]["content"][1],
        json!({"text": "See the document."})
    );
    assert_eq!(body["messages"][3]["content"], json!([{"text": "So:"}]));
    assert_eq!(
        warned,
        [
            "messages.name",
            "messages.phase",
            "messages.assistant",
            "messages.caller",
            "messages.text",
            "cache",
            "messages.file",
            "messages.text",
        ]
    );
    let by_url = Media {
        source: MediaSource::Url("https://x/y.png".into()),
        ..media(b"", "image/png")
    };
    let image = Message::new(Role::User, vec![Part::new(Content::Image(by_url))]);
    assert_eq!(
        refused(&ask(vec![image])).param.as_deref(),
        Some("messages.image")
    );
}

fn any_part() -> impl Strategy<Value = (Role, Part)> {
    let signature = "[A-Za-z0-9+/=]{1,20}";
    prop_oneof![
        "[a-z]{1,6}".prop_map(|text| (Role::User, Part::text(text))),
        "[a-z]{1,6}".prop_map(|text| (Role::Assistant, Part::text(text))),
        ("[a-z ]{0,6}", signature).prop_map(|(text, signature)| {
            let data = json!({"type": "thinking", "signature": signature});
            (
                Role::Assistant,
                ours(reasoning(&text, ReasoningKind::Full), data),
            )
        }),
        proptest::collection::vec(any::<u8>(), 1..9).prop_map(|hidden| {
            use base64::Engine as _;
            let hidden = base64::engine::general_purpose::STANDARD.encode(hidden);
            let data = json!({"type": "redactedContent", "redactedContent": hidden});
            (
                Role::Assistant,
                ours(reasoning("", ReasoningKind::Redacted), data),
            )
        }),
    ]
}

proptest! {
    /// Turns alternate whatever the client sends, and every sealed thought is there, in order, unchanged.
    #[test]
    fn turns_alternate_and_provider_data_survives(parts in proptest::collection::vec(any_part(), 1..12)) {
        let messages = parts.iter().map(|(role, part)| Message::new(*role, vec![part.clone()]));
        let (body, _) = sent(&ask(messages.collect()));
        let turns = body["messages"].as_array().unwrap();
        let roles: Vec<_> = turns.iter().map(|turn| turn["role"].as_str().unwrap()).collect();
        prop_assert!(roles.windows(2).all(|pair| pair[0] != pair[1]));
        let sealed = |block: &Value| {
            let thought = block.get("reasoningContent")?;
            let seal = thought["reasoningText"]["signature"].as_str();
            Some(seal.or(thought["redactedContent"].as_str())?.to_owned())
        };
        let blocks = turns.iter().flat_map(|turn| turn["content"].as_array().unwrap());
        let got: Vec<_> = blocks.filter_map(sealed).collect();
        let wanted: Vec<_> = parts.iter().filter_map(|(_, part)| {
            let data: Value = serde_json::from_str(part.provider_data.as_ref()?).unwrap();
            let seal = data["signature"].as_str().or(data["redactedContent"].as_str());
            Some(seal.unwrap().to_owned())
        }).collect();
        prop_assert_eq!(got, wanted);
    }
}

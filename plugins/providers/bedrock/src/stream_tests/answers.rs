use super::*;
use proptest::prelude::*;

/// An answer with a part of every kind, and its events.
fn everything() -> (Machine, Vec<u8>, Vec<String>) {
    let mut expected = expected(Family::Anthropic);
    let sent = expected.names.send("files.read");
    expected.warnings.add("x", "y");
    let machine = Machine::new("m".into(), Some("r1".into()), expected);
    let cited = json!({"sourceContent": [{"text": "c"}], "location": {"documentChar": {"documentIndex": 0}}});
    let middle = [
        delta(0, json!({"reasoningContent": {"text": "Hm…"}})),
        delta(0, json!({"reasoningContent": {"signature": "s1"}})),
        delta(0, json!({"reasoningContent": {"signature": "=="}})),
        stop(0),
        delta(1, json!({"reasoningContent": {"redactedContent": "AA=="}})),
        delta(1, json!({"reasoningContent": {"redactedContent": "AQI="}})),
        stop(1),
        start(
            2,
            json!({"toolUse": {"toolUseId": "srv", "name": "nova_grounding", "type": "server_tool_use"}}),
        ),
        delta(2, json!({"toolUse": {"input": "{\"query\":\"x\"}"}})),
        stop(2),
        start(
            3,
            json!({"toolResult": {"toolUseId": "srv", "type": "nova_grounding_result", "status": "success"}}),
        ),
        delta(3, json!({"toolResult": [{"text": "found"}]})),
        delta(3, json!({"toolResult": [{"json": {"a": 1}}]})),
        stop(3),
        delta(4, json!({"text": "größer"})),
        delta(4, json!({"citation": cited})),
        stop(4),
        start(5, json!({"toolUse": {"toolUseId": "a", "name": sent}})),
        delta(5, json!({"toolUse": {"input": ""}})),
        delta(5, json!({"toolUse": {"input": "{\"p\": \"é"}})),
        delta(5, json!({"toolUse": {"input": "\"}"}})),
        stop(5),
        start(6, json!({"toolUse": {"toolUseId": "b", "name": "now"}})),
        stop(6),
        stop(7),
    ];
    let lines = [
        "started Some(\"r1\") Some(\"m\") None",
        "warning x",
        "0 + PartKind::Reasoning(ReasoningKind::Full)",
        "0 Hm…",
        r#"0 . {"type":"thinking","signature":"s1=="}"#,
        r#"1 whole {"type":"redactedContent","redactedContent":"AAEC"}"#,
        "2 + call srv nova_grounding true",
        r#"2 {"query":"x"}"#,
        r#"2 . {"toolUse":{"type":"server_tool_use"}}"#,
        r#"3 whole {"toolResult":{"type":"nova_grounding_result","status":"success","content":[{"text":"found"},{"json":{"a":1}}]}}"#,
        "4 + PartKind::Text",
        "4 größer",
        "4 cites Some(\"c\")",
        "4 . ",
        "5 + call a files.read false",
        "5 {\"p\": \"é",
        "5 \"}",
        "5 . ",
        "6 + call b now false",
        "6 . ",
        "usage Some(5) Some(9)",
        "finished FinishReason::ToolCalls",
    ];
    let bytes = answer(&middle, "tool_use").concat();
    (machine, bytes, lines.map(str::to_owned).to_vec())
}

#[test]
fn an_answer_with_everything_in_it() {
    let (machine, bytes, wanted) = everything();
    let (events, error) = run(machine, &[&bytes]);
    assert_eq!((lines(&events), error), (wanted, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_split_changes_the_answer(cuts in proptest::collection::vec(0usize..100_000, 0..20)) {
        let (machine, bytes, wanted) = everything();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % bytes.len()).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let (events, error) = run(machine, &pieces);
        prop_assert_eq!((lines(&events), error), (wanted, None));
    }
}

#[test]
fn a_short_answer_split_at_every_byte() {
    let bytes = answer(&[delta(0, json!({"text": "Hé"})), stop(0)], "end_turn").concat();
    let (whole, _) = run(machine(), &[&bytes]);
    assert_eq!(lines(&whole)[1..4], ["0 + PartKind::Text", "0 Hé", "0 . "]);
    for at in 0..bytes.len() {
        let (split, error) = run(machine(), &[&bytes[..at], &bytes[at..]]);
        assert_eq!((&split, error), (&whole, None), "split at {at}");
    }
}

#[test]
fn a_signature_alone_and_thoughts_without_one() {
    let signed = [
        delta(0, json!({"reasoningContent": {"signature": "s"}})),
        stop(0),
    ];
    assert_eq!(
        read(&signed, "end_turn")[1..3],
        [
            "0 + PartKind::Reasoning(ReasoningKind::Full)",
            r#"0 . {"type":"thinking","signature":"s"}"#
        ]
    );
    let plain = [
        delta(0, json!({"reasoningContent": {"text": "Hm"}})),
        stop(0),
    ];
    assert_eq!(read(&plain, "end_turn")[3], "0 . ");
    let other = Machine::new("m".into(), None, expected(Family::Nova));
    let (events, _) = run(other, &[&answer(&plain, "end_turn").concat()]);
    assert_eq!(lines(&events)[3], r#"0 . {"type":"reasoningText"}"#);
}

#[test]
fn images_are_put_together_and_what_is_unknown_is_named_once() {
    let middle = [
        start(0, json!({"image": {"format": "png"}})),
        delta(0, json!({"image": {"source": {"bytes": "AQI="}}})),
        delta(0, json!({"image": {"source": {"bytes": "Aw=="}}})),
        stop(0),
        start(1, json!({"glow": {}})),
        delta(1, json!({"glow": 1})),
        stop(1),
        delta(2, json!({"text": "x", "glow": 2})),
        stop(2),
        frame("aNewEvent", json!({})),
    ];
    let (events, error) = run(machine(), &[&answer(&middle, "end_turn").concat()]);
    assert_eq!(error, None);
    let Event::Part(WholePart { part, .. }) = &events[1] else {
        panic!("{:?}", events[1]);
    };
    let Content::Image(image) = &part.content else {
        panic!("{part:?}");
    };
    assert_eq!(image.source, MediaSource::Bytes(vec![1, 2, 3]));
    assert_eq!(image.media_type.as_deref(), Some("image/png"));
    assert_eq!(
        lines(&events)[2..],
        [
            "warning answer",
            "1 + PartKind::Text",
            "1 x",
            "1 . ",
            "usage Some(5) Some(9)",
            "finished FinishReason::Stop",
        ]
    );
}

#[test]
fn a_whole_answer_gives_the_same_events() {
    let cited =
        json!({"sourceContent": [{"text": "c"}], "location": {"documentPage": {"start": 1}}});
    let mut answer = json!({"output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": "Hm", "signature": "s1"}}},
        {"reasoningContent": {"redactedContent": "AAEC"}},
        {"toolResult": {"toolUseId": "srv", "type": "t", "content": [{"text": "found"}]}},
        {"citationsContent": {"content": [{"text": "Hi"}], "citations": [cited]}},
        {"text": "there"},
        {"image": {"format": "png", "source": {"bytes": "AQID"}}},
        {"toolUse": {"toolUseId": "a", "name": "f", "input": {"p": 1}}},
        {"toolUse": {"toolUseId": "b", "name": "g", "input": {}}},
        {"aNewBlock": {"x": 1}},
    ]}}, "stopReason": "stop_sequence", "usage": usage_of(3, 4), "metrics": {"latencyMs": 1},
        "serviceTier": {"type": "flex"}, "additionalModelResponseFields": {"stop_sequence": "END"}});
    let mut events = Vec::new();
    let mut machine = machine();
    machine.whole(&answer, &mut events).unwrap();
    machine.end().unwrap();
    assert_eq!(
        lines(&events),
        [
            "started Some(\"r1\") Some(\"m\") Some(\"flex\")",
            "0 + PartKind::Reasoning(ReasoningKind::Full)",
            "0 Hm",
            r#"0 . {"type":"thinking","signature":"s1"}"#,
            r#"1 whole {"type":"redactedContent","redactedContent":"AAEC"}"#,
            r#"2 whole {"toolResult":{"type":"t","content":[{"text":"found"}]}}"#,
            "3 + PartKind::Text",
            "3 Hi",
            "3 cites Some(\"c\")",
            "3 . ",
            "4 + PartKind::Text",
            "4 there",
            "4 . ",
            "5 whole ",
            "6 + call a f false",
            r#"6 {"p":1}"#,
            "6 . ",
            "7 + call b g false",
            "7 . ",
            r#"8 whole {"aNewBlock":{"x":1}}"#,
            "usage Some(3) Some(4)",
            "finished FinishReason::StopSequence(\"END\")",
        ]
    );
    answer["stopReason"] = json!(null);
    assert!(self::machine().whole(&answer, &mut vec![]).is_err());
}

proptest! {
    /// What the vendor must see again comes back to it byte for byte, in whatever pieces it came.
    #[test]
    fn what_is_read_goes_back_byte_for_byte(
        text in "[a-zé]{0,5}",
        signature in proptest::collection::vec("[A-Za-z0-9+/=]{1,6}", 1..4),
        hidden in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..6), 1..4),
    ) {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let thought = |thought: Value| json!({"reasoningContent": thought});
        let mut middle = vec![delta(0, thought(json!({"text": text})))];
        middle.extend(signature.iter().map(|piece| delta(0, thought(json!({"signature": piece})))));
        middle.push(stop(0));
        let pieces = hidden.iter().map(|piece| thought(json!({"redactedContent": encode(piece)})));
        middle.extend(pieces.map(|piece| delta(1, piece)));
        middle.push(stop(1));
        let (events, error) = run(machine(), &[&answer(&middle, "end_turn").concat()]);
        prop_assert_eq!(error, None);
        let data = events.iter().filter_map(|event| match event {
            Event::PartEnded(part) => Some((ReasoningKind::Full, &text[..], part.provider_data.clone())),
            Event::Part(part) => Some((ReasoningKind::Redacted, "", part.part.provider_data.clone())),
            _ => None,
        });
        let parts = data.map(|(kind, text, provider_data)| Part {
            content: Content::Reasoning(Reasoning { kind, text: text.into() }),
            cache: None,
            provider_data,
        });
        let turn = Message::new(Role::Assistant, parts.collect());
        let request = GenerateRequest::new("anthropic.claude-x", vec![turn]);
        let config = serde_json::from_str("{}").unwrap();
        let body = crate::request::translate(&request, &config).unwrap().body;
        let shown = json!({"reasoningText": {"text": text, "signature": signature.concat()}});
        let redacted = json!({"redactedContent": encode(&hidden.concat())});
        prop_assert_eq!(&body["messages"][0]["content"], &json!([thought(shown), thought(redacted)]));
    }
}

use dialects::native::scan;
use proptest::prelude::*;
use serde_json::{Value, json};

fn spliced(body: &str, usage: bool) -> String {
    let scan = scan(body.as_bytes()).expect("scans");
    String::from_utf8(scan.splice(body.as_bytes(), "new", usage).to_vec()).expect("UTF-8")
}

#[test]
fn what_is_found() {
    let found = scan(br#"{ "messages": [{"model": "x"}], "model" : "a/b", "stream": true }"#)
        .expect("scans");
    assert_eq!(
        (found.model.as_str(), found.stream, found.include_usage),
        ("a/b", true, false)
    );
    let found =
        scan(br#"{"model":"\u0061","stream":null,"stream_options":{"include_usage":true}}"#)
            .expect("scans");
    assert_eq!(
        (found.model.as_str(), found.stream, found.include_usage),
        ("a", false, true)
    );
}

#[test]
fn what_is_spliced() {
    for (body, with_usage) in [
        (
            r#"{"stream":true, "model" : "a" ,"x":1.50}"#,
            r#"{"stream":true, "model" : "new","stream_options":{"include_usage":true} ,"x":1.50}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{}}"#,
            r#"{"model":"new","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options": null,"model":"a","stream":true}"#,
            r#"{"stream_options": {"include_usage":true},"model":"new","stream":true}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{ "b":1}}"#,
            r#"{"model":"new","stream":true,"stream_options":{"include_usage":true, "b":1}}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{"b":1,"include_usage": false}}"#,
            r#"{"model":"new","stream":true,"stream_options":{"b":1,"include_usage": true}}"#,
        ),
        // Nobody streams, or the client asked itself: nothing to add.
        (
            r#"{"model":"a","stream":false}"#,
            r#"{"model":"new","stream":false}"#,
        ),
        (
            r#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"new","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        assert_eq!(spliced(body, true), with_usage);
        assert_eq!(spliced(body, false), body.replacen(r#""a""#, r#""new""#, 1));
    }
}

#[test]
fn what_is_refused() {
    for (body, says) in [
        (
            r#"{"model":"a","x":1,"x":2}"#,
            "`x` is there twice at line 1 column",
        ),
        (
            r#"{"model":"a","mode\u006c":"b"}"#,
            "`model` is there twice",
        ),
        ("{\"model\":\"a\",\n\"x\":}", "at line 2 column 5"),
        (
            "{\"model\":\"a\"} x",
            "trailing characters at line 1 column 15",
        ),
        ("[]", "expected a JSON object"),
        ("", "at line 1 column 0"),
        (r#"{"x":1}"#, "model is required"),
        (r#"{"model":1}"#, "model must be a string"),
        (
            r#"{"model":"a","stream":1}"#,
            "stream must be true or false",
        ),
        (
            r#"{"model":"a","stream_options":[]}"#,
            "stream_options must be an object",
        ),
        (
            r#"{"model":"a","stream_options":{"include_usage":1}}"#,
            "stream_options.include_usage must be true or false",
        ),
        (
            &format!(r#"{{"model":"{}"}}"#, "é".repeat(257)),
            "model must not have more than 512 bytes",
        ),
    ] {
        let error = scan(body.as_bytes()).expect_err(body);
        assert_eq!(error.status(), 400);
        assert!(error.message.contains(says), "{body}: {}", error.message);
    }
    assert!(scan(b"{\"model\":\"\xff\"}").is_err());
    // Deep nesting costs no stack.
    let deep = format!(
        r#"{{"model":"a","x":{}{}}}"#,
        "[".repeat(1_000_000),
        "]".repeat(1_000_000)
    );
    assert_eq!(scan(deep.as_bytes()).expect("scans").model, "a");
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(|m| json!(m)),
        ]
    })
}

proptest! {
    #[test]
    fn all_other_bytes_stay(
        before in prop::collection::btree_map("[a-l]{1,8}", json_value(), 0..4),
        after in prop::collection::btree_map("[n-r]{1,8}", json_value(), 0..4),
        space in "[ \n\t]{0,3}",
        model in any::<String>(),
        new in any::<String>(),
    ) {
        let field = |(k, v): (&String, &Value)| format!("{space}{}{space}:{space}{v}{space}", json!(k));
        let head: Vec<String> = before.iter().map(field).collect();
        let tail: Vec<String> = after.iter().map(field).collect();
        let build = |model: &str, extra: &str| {
            let mut fields = head.clone();
            fields.push(format!("\"model\":{}{extra}", json!(model)));
            fields.push(format!("{space}\"stream\":true"));
            fields.extend(tail.clone());
            format!("{space}{{{}}}{space}", fields.join(","))
        };
        let body = build(&model, "");
        let found = scan(body.as_bytes()).expect("scans");
        prop_assert_eq!(&found.model, &model);
        let plain = found.splice(body.as_bytes(), &new, false);
        prop_assert_eq!(std::str::from_utf8(&plain).expect("UTF-8"), build(&new, ""));
        let with_usage = found.splice(body.as_bytes(), &new, true);
        let expected = build(&new, r#","stream_options":{"include_usage":true}"#);
        prop_assert_eq!(std::str::from_utf8(&with_usage).expect("UTF-8"), expected);
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan(&bytes);
        let _ = dialects::openai::chat::parse(&bytes);
        let _ = dialects::openai::embeddings::parse(&bytes);
        let _ = dialects::anthropic::messages::parse(&bytes);
        let _ = dialects::anthropic::messages::parse_count(&bytes);
    }

    #[test]
    fn no_json_makes_a_parser_panic(mut body in prop::collection::btree_map(
        prop_oneof![Just("model"), Just("messages"), Just("tools"), Just("tool_choice"), Just("system"), Just("input"),
            Just("thinking"), Just("output_config"), Just("metadata"), Just("response_format"), Just("stream_options")],
        json_value(), 0..8), keep in any::<bool>()) {
        if keep {
            body.insert("model", json!("m"));
            body.insert("max_tokens", json!(1));
        }
        let bytes = json!(body).to_string();
        let _ = scan(bytes.as_bytes());
        let _ = dialects::openai::chat::parse(bytes.as_bytes());
        let _ = dialects::openai::embeddings::parse(bytes.as_bytes());
        let _ = dialects::anthropic::messages::parse(bytes.as_bytes());
    }
}

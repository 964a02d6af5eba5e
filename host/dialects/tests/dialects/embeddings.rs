use dialects::openai::embeddings::{encode, parse};
use serde_json::{Value, json};
use types::neutral::{EmbedInput, Embeddings, Usage};

fn input(input: serde_json::Value) -> EmbedInput {
    let body = json!({ "model": "m", "input": input }).to_string();
    parse(body.as_bytes()).expect("parses").0.input
}

#[test]
fn inputs() {
    assert_eq!(input(json!("a")), EmbedInput::Texts(vec!["a".into()]));
    assert_eq!(
        input(json!(["a", ""])),
        EmbedInput::Texts(vec!["a".into(), "".into()])
    );
    assert_eq!(input(json!([1, 2])), EmbedInput::Tokens(vec![vec![1, 2]]));
    assert_eq!(
        input(json!([[1], [2, 3]])),
        EmbedInput::Tokens(vec![vec![1], vec![2, 3]])
    );
}

#[test]
fn fields() {
    let body = br#"{"model":"m","input":"a","encoding_format":"base64","dimensions":8,"user":"u","x":[1]}"#;
    let (request, base64) = parse(body).expect("parses");
    assert!(base64);
    assert_eq!(request.dimensions, Some(8));
    assert_eq!(request.user.as_deref(), Some("u"));
    assert_eq!(request.extensions[0].dialect, "openai-embeddings");
    assert_eq!(request.extensions[0].fields, r#"{"x":[1]}"#);
    let body = br#"{"model":"m","input":"a","encoding_format":null,"dimensions":null}"#;
    let (request, base64) = parse(body).expect("null is absent");
    assert!(!base64 && request.extensions.is_empty());
}

#[test]
fn wrong_inputs_are_named() {
    for (body, message) in [
        (r#"{"input":"a"}"#, "model is required"),
        (r#"{"model":"m","input":[]}"#, "input must not be empty"),
        (
            r#"{"model":"m","input":["a",1]}"#,
            "input[1] must be a string, not a number",
        ),
        (
            r#"{"model":"m","input":[[1],[-1]]}"#,
            "input[1][0] must be a whole number from 0 to 4294967295",
        ),
        (
            r#"{"model":"m","input":"a","encoding_format":"int8"}"#,
            "encoding_format must be `float` or `base64`",
        ),
    ] {
        let error = parse(body.as_bytes()).expect_err(body);
        assert_eq!(error.message, message);
    }
}

#[test]
fn answers() {
    let embeddings = Embeddings {
        model: None,
        vectors: vec![vec![0.1, -1.0], vec![1.5, 1e-9, f32::NAN]],
        usage: Usage {
            input_tokens: Some(7),
            ..Usage::default()
        },
        warnings: vec![],
    };
    assert_eq!(
        encode("a/m", &embeddings, false),
        concat!(
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-1.0]},"#,
            r#"{"object":"embedding","index":1,"embedding":[1.5,1e-9,null]}],"model":"a/m","#,
            r#""usage":{"prompt_tokens":7,"total_tokens":7}}"#
        )
    );
    let base64: Value = serde_json::from_str(&encode("a/m", &embeddings, true)).expect("JSON");
    // struct.pack("<2f", 0.1, -1.0), base64.
    assert_eq!(base64["data"][0]["embedding"], "zczMPQAAgL8=");
}

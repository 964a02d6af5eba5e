use super::*;

fn config(text: &str) -> Config {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_region_is_enough_and_unknown_keys_are_errors() {
    let region = config(r#"{"region":"eu-west-1"}"#);
    region.check().unwrap();
    let runtime = "https://bedrock-runtime.eu-west-1.amazonaws.com";
    assert_eq!(region.base_url().unwrap(), runtime);
    let control = "https://bedrock.eu-west-1.amazonaws.com";
    assert_eq!(region.control_url().unwrap(), control);
    assert_eq!(region.credential, "api_key");
    let own = config(r#"{"base_url":"http://127.0.0.1:1/","models":["m"],"family":"nova"}"#);
    own.check().unwrap();
    assert_eq!(own.base_url().unwrap(), "http://127.0.0.1:1");
    assert_eq!(own.family("m"), Family::Nova);
    for wrong in [
        r#"{"regoin":"x"}"#,
        r#"{"family":"unheard"}"#,
        r#"{"guardrail":{"id":"x"}}"#,
        r#"{"latency":"low"}"#,
    ] {
        assert!(serde_json::from_str::<Config>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_can_not_be_served_with_is_told() {
    for (wrong, word) in [
        ("{}", "`region`"),
        (r#"{"base_url":"http://x"}"#, "`models`"),
        (r#"{"region":"eu/../x"}"#, "`us-east-1`"),
        (r#"{"region":""}"#, "`us-east-1`"),
    ] {
        let error = config(wrong).check().unwrap_err();
        assert!(error.message.contains(word), "{wrong}: {}", error.message);
    }
}

#[test]
fn names_are_one_segment_of_the_path() {
    let id = path("us.anthropic.claude-x-v1:0", "converse").unwrap();
    assert_eq!(id, "/model/us.anthropic.claude-x-v1%3A0/converse");
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a b";
    assert_eq!(
        path(arn, "invoke").unwrap(),
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fa%20b/invoke"
    );
    assert_eq!(path("é?#%", "x").unwrap(), "/model/%C3%A9%3F%23%25/x");
    for none in ["", ".", "..", "../../x"] {
        assert!(path(none, "converse").is_err(), "{none}");
    }
}

#[test]
fn betas_are_those_that_the_vendor_or_the_operator_allows() {
    let asked = || ["effort-2025-11-24".to_owned(), "mine".to_owned()];
    let by_vendor = config(r#"{"region":"x"}"#).admit(asked());
    assert_eq!(by_vendor.allowed, ["effort-2025-11-24"]);
    assert_eq!(by_vendor.refused, ["mine"]);
    let by_operator = config(r#"{"allowed_betas":["mine"]}"#).admit(asked());
    assert_eq!(by_operator.allowed, ["mine"]);
    let always = config(r#"{"allowed_betas":[],"betas":["mine"]}"#).admit(asked());
    assert_eq!(always.allowed, ["mine"]);
}

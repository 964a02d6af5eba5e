use proptest::prelude::*;

use super::*;

#[test]
fn a_secret_may_sign() {
    let text = |more: &str| {
        format!(
            "env = \"A\"\nto = [\"https://a.example\"]\nas = {{ aws-sigv4 = {{ region = \"r\", service = \"s\"{more} }} }}"
        )
    };
    let granted: SecretGrant = toml::from_str(&text("")).unwrap();
    let (region, service) = ("r".into(), "s".into());
    assert_eq!(granted.attach, AttachAs::AwsSigv4 { region, service });
    let error = toml::from_str::<SecretGrant>(&text(", x = 1")).unwrap_err();
    assert!(error.to_string().contains("unknown field"), "{error}");
}

#[test]
fn a_secret_has_one_source() {
    let source = |text: &str| toml::from_str::<SecretSource>(text);
    assert_eq!(
        source(r#"command = ["pass", "show", "key"]"#),
        Ok(SecretSource::Command(
            ["pass", "show", "key"].map(str::to_owned).into()
        ))
    );
    for (text, named) in [
        ("command = []", "empty"),
        ("command = \"pass show key\"", "expected a sequence"),
        ("env = \"A\"\ncommand = [\"b\"]", "one of"),
        ("", "one of"),
    ] {
        let error = source(text).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

fn allows(rule: &str, method: &str, url: &str) -> bool {
    let rule: EgressRule = rule.parse().unwrap();
    rule.allows(method, &Url::parse(url).unwrap())
}

#[test]
fn a_rule_is_method_origin_and_path() {
    let rule = "POST https://a.example/v1/*";
    assert!(allows(rule, "POST", "https://a.example/v1/x/y?z"));
    assert!(allows(rule, "POST", "https://a.example:443/v1/x"));
    for (method, url) in [
        ("GET", "https://a.example/v1/x"),
        ("POST", "http://a.example/v1/x"),
        ("POST", "https://a.example:444/v1/x"),
        ("POST", "https://a.example.evil/v1/x"),
        ("POST", "https://a.example/v1/../v2"),
        ("POST", "https://a.example/v1/%2e%2e/v2"),
        ("POST", "https://a.example/v1/..%2fv2"),
        ("POST", "https://a.example/v10"),
    ] {
        assert!(!allows(rule, method, url), "{method} {url}");
    }
}

#[test]
fn no_server_s_reading_of_a_path_leaves_the_folder() {
    let rule = "POST https://a.example/v1/*";
    for path in [
        "a%2fb",
        "arn%3Aaws%3Ax%2Fy/converse",
        "a..b",
        "...",
        "a/.%2e.",
        "%2e",
        "a;b=..",
        "50%25",
        "%",
    ] {
        assert!(
            allows(rule, "POST", &format!("https://a.example/v1/{path}")),
            "{path}"
        );
    }
    for path in [
        "..%2fv2",
        "a/..%2f..%2fv2",
        "%2e%2e%2fv2",
        "..%5cv2",
        "..;/v2",
        "%2e.;x=1/v2",
        "%252e%252e%252fv2",
        "%25252e%25252e/v2",
        "a%2f..",
        "%c0%ae%c0%ae/v2",
        "%ff",
        "a%252525252525",
    ] {
        assert!(
            !allows(rule, "POST", &format!("https://a.example/v1/{path}")),
            "{path}"
        );
    }
}

#[test]
fn a_star_cannot_widen_the_host() {
    for rule in [
        "GET https://a.example*",
        "GET https://*.example/",
        "GET https://u:p@a.example/",
        "GET ftp://a.example/",
    ] {
        assert!(rule.parse::<EgressRule>().is_err(), "{rule}");
    }
}

/// What a URL may be made of, to go wrong in as many ways as possible.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("https://a.example".to_owned()),
        "[a-z./\\\\@:;?#%\\[\\] ]{0,4}",
        "%(2e|2f|5c|25|00|0d|0a|c0|40|3a)",
        prop::sample::select(vec![
            "..",
            "/v1/",
            "a.example",
            ":443",
            "@b.example",
            "\\",
            "//",
            "\t",
            "\n",
            "。",
            "ａ",
            "%2e%2e",
            "user:pw@",
            "[::1]"
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// What is allowed is what the rule says, judged by the text that is sent and not by the parser that judged it.
    #[test]
    fn what_is_allowed_goes_where_the_rule_says(begins in any::<bool>(), pieces in prop::collection::vec(piece(), 0..8)) {
        let text = if begins { "https://a.example/v1/".to_owned() } else { String::new() } + &pieces.concat();
        let rule: EgressRule = "POST https://a.example/v1/*".parse().unwrap();
        if let Ok(url) = Url::parse(&text)
            && rule.allows("POST", &url)
        {
            let credentials = format!("{}:{}@", url.username(), url.password().unwrap_or_default());
            // Credentials are refused before a rule is asked.
            let sent = if credentials == ":@" { url.to_string() } else { return Ok(()) };
            let rest = sent.strip_prefix("https://a.example/v1/");
            prop_assert!(rest.is_some(), "{sent}");
            let path = rest.unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
            prop_assert!(path.is_ascii() && !path.contains(['\r', '\n', ' ', '\\']), "{sent}");
            prop_assert!(path.split('/').all(|name| name != ".."), "{sent}");
        }
    }

    /// No text panics, and what is a rule says itself what it is.
    #[test]
    fn a_rule_is_what_it_prints(text in "\\PC{0,40}|(GET|POST) https?://[a-z.]{1,8}(:[0-9]{1,5})?/[a-z%/]{0,8}\\*?") {
        if let Ok(rule) = text.parse::<EgressRule>() {
            prop_assert_eq!(rule.to_string().parse(), Ok(rule));
        }
    }

    /// A URL in normal form stays as it is: what was judged is what is sent.
    #[test]
    fn normal_form_is_final(pieces in prop::collection::vec(piece(), 0..8)) {
        // Rules grant these schemes only; a `file` URL may change once more.
        if let Ok(url) = Url::parse(&pieces.concat())
            && matches!(url.scheme(), "http" | "https")
        {
            let again = Url::parse(url.as_str());
            prop_assert_eq!(again.as_ref().map(Url::as_str), Ok(url.as_str()));
        }
    }
}

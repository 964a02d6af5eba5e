//! A rule and a URL, a line each: what is allowed begins, as it is sent, with what the rule says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use types::config::EgressRule;
use url::Url;

fuzz_target!(|text: &str| {
    let Some((rule, url)) = text.split_once('\n') else { return };
    let (Ok(rule), Ok(url)) = (rule.parse::<EgressRule>(), Url::parse(url)) else { return };
    let printed = rule.to_string();
    assert_eq!(printed.parse(), Ok(rule.clone()));
    let (method, granted) = printed.split_once(' ').unwrap();
    if url.username().is_empty() && url.password().is_none() && rule.allows(method, &url) {
        let sent = url.as_str();
        match granted.strip_suffix('*') {
            Some(begin) => assert!(sent.starts_with(begin), "{sent} by {printed}"),
            None => assert_eq!(sent.split(['?', '#']).next(), Some(granted)),
        }
        assert!(url.path().split('/').all(|name| name != ".."));
    }
});

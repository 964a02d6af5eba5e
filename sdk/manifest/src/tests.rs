use proptest::prelude::*;
use serde_json::json;
use types::config::Config;

use super::*;

fn manifest() -> Value {
    json!({
        "name": "acme/weather",
        "version": "1.2.0",
        "licence": "Apache-2.0 OR MIT",
        "homepage": "https://acme.example/weather",
        "egress": [{"rule": "GET https://api.acme.example/v1/*", "why": "asks for the weather"}],
        "secret": [{"name": "api_key", "as": "bearer", "to": ["https://api.acme.example"], "why": "pays"}],
        "power": [{"power": "kv", "name": "places", "why": "remembers places"}, {"power": "elicit", "why": "asks which"}],
        "limit": [{"limit": "memory", "at_least": "128MiB", "why": "maps are large"}],
        "config": {"type": "object", "properties": {"unit": {"enum": ["C", "F"]}}, "additionalProperties": false},
    })
}

fn parsed(value: &Value) -> Result<Manifest, String> {
    Manifest::parse(value.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn component() -> Vec<u8> {
    wat::parse_str(r#"(component (core module (@custom "evenhand:manifest" "{}")))"#).unwrap()
}

#[test]
fn what_is_embedded_is_read() {
    let manifest = parsed(&manifest()).unwrap();
    assert_eq!(manifest.contract, CONTRACT);
    // A module's section within is not the component's.
    assert_eq!(read(&component()).unwrap(), None);
    let with = embed(component(), &manifest).unwrap();
    assert_eq!(read(&with).unwrap(), Some(manifest.clone()));
    let twice = embed(with, &manifest).unwrap_err().to_string();
    assert!(twice.contains("has a manifest"), "{twice}");
    let module = wat::parse_str("(module)").unwrap();
    assert!(read(&module).is_err() && read(b"garbage").is_err());
}

#[test]
fn a_wrong_manifest_says_what_is_wrong() {
    for (place, value, said) in [
        ("/name", json!("weather"), "PUBLISHER/PLUGIN"),
        ("/name", json!("acme/../x"), "PUBLISHER/PLUGIN"),
        ("/name", json!("*/weather"), "PUBLISHER/PLUGIN"),
        ("/version", json!("1"), "version number"),
        ("/licence", json!("my own"), "SPDX"),
        ("/egress/0/rule", json!("GET *"), "egress rule"),
        ("/egress/0/why", json!(" "), "`why` is empty"),
        ("/egress/0/why", json!("\u{1b}[2Jx"), "control characters"),
        ("/egress/0/why", json!("a\u{202e}b"), "control characters"),
        (
            "/homepage",
            json!("https://a.example/\u{1b}[2J"),
            "control characters",
        ),
        ("/secret/0/name", json!("a\nb"), "control characters"),
        ("/secret/0/to", json!([]), "`to` is empty"),
        (
            "/power/0",
            json!({"power": "kv", "why": "x"}),
            "`name` is missing",
        ),
        (
            "/power/1",
            json!({"power": "state", "name": "x", "why": "x"}),
            "no name",
        ),
        (
            "/power/1",
            json!({"power": "kv", "name": "places", "why": "x"}),
            "twice",
        ),
        ("/power/1", json!({"power": "root", "why": "x"}), "root"),
        ("/config", json!({"type": "objekt"}), "schema is not valid"),
        (
            "/config",
            json!({"$ref": "https://example.com/x"}),
            "no place",
        ),
    ] {
        let mut manifest = manifest();
        *manifest.pointer_mut(place).unwrap() = value;
        let error = parsed(&manifest).unwrap_err();
        assert!(error.contains(said), "{place}: {error}");
    }
    let mut unknown = manifest();
    unknown["trust_me"] = true.into();
    assert!(parsed(&unknown).unwrap_err().contains("trust_me"));
}

fn entry(grant: &str) -> types::config::Plugin {
    let text = format!(
        "[store]\nurl = \"sqlite://x\"\n[[plugin]]\nname = \"w\"\nsource = \"w.wasm\"\n{grant}"
    );
    Config::parse(&text).unwrap().plugins.remove(0)
}

#[test]
fn a_grant_is_laid_beside_what_is_asked() {
    let manifest = parsed(&manifest()).unwrap();
    assert_eq!(manifest.unmet(&entry("")).len(), 5);
    let all = entry(
        r#"
        [plugin.grant]
        egress = ["GET https://api.acme.example/*"]
        elicit = true
        [plugin.grant.secrets]
        api_key = { env = "K", as = "bearer", to = ["https://api.acme.example"] }
        [plugin.grant.kv]
        places = "key"
        [plugin.limits]
        memory = "128MiB"
        "#,
    );
    assert_eq!(manifest.unmet(&all), []);
    // The grant's rule is wider than the one that is asked for.
    let unasked = manifest.unasked(&all.grant);
    assert_eq!(unasked, ["send GET https://api.acme.example/*"]);
    let other = entry(
        r#"
        [plugin.grant]
        egress = ["POST https://api.acme.example/v1/*", "GET https://api.acme.example/v1/x"]
        state = true
        [plugin.grant.secrets]
        api_key = { env = "K", as = "bearer", to = ["https://evil.example"] }
        [plugin.grant.sql]
        db = { url = "sqlite://y", write = true }
        "#,
    );
    assert_eq!(manifest.unmet(&other).len(), 5);
    let unasked = manifest.unasked(&other.grant);
    assert_eq!(unasked.len(), 4, "{unasked:?}");
}

#[test]
fn a_configuration_is_held_against_its_schema() {
    let manifest = parsed(&manifest()).unwrap();
    assert_eq!(manifest.check_config(&json!({"unit": "C"})), Ok(()));
    let error = manifest.check_config(&json!({"unit": "K"})).unwrap_err();
    assert!(
        error.contains("/unit") && error.contains("acme/weather 1.2.0"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, cut in 0usize..200) {
        let _ = read(&bytes);
        let mut with = embed(component(), &parsed(&manifest()).unwrap()).unwrap();
        with.truncate(with.len().saturating_sub(cut));
        let _ = read(&with);
    }
}

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use sandbox::{Body, Forwarded, Plugin};
use serde_json::json;
use types::neutral::NativeRequest;
use types::{Error, ErrorCode};

use crate::support::{World, fails, says};
use crate::vendor::Vendor;

pub(crate) const SECRET: &str = "sk-secret-of-the-vendor";

/// The native path, with a body that says so.
pub(crate) async fn forward(plugin: &Arc<Plugin>, path: &str) -> Result<Forwarded, Error> {
    let request = NativeRequest {
        dialect: "openai-chat".into(),
        model: path.into(),
        stream: true,
        headers: Vec::new(),
        query: None,
    };
    let body = Body::from_bytes(Bytes::from_static(b"as it came"));
    plugin.forward(request, body).await
}

/// A plugin that may send to the vendor by this rule's method and path.
pub(crate) async fn granted(world: &World, vendor: &Vendor, rule: &str, more: &str) -> Arc<Plugin> {
    let origin = vendor.origin();
    let (method, path) = rule.split_once(' ').unwrap();
    let text = format!(
        r#"config = {{ vendor = "{origin}" }}
[plugin.grant]
egress = ["{method} {origin}{path}"]
[plugin.grant.secrets]
key = {{ env = "X", as = "bearer", to = ["{origin}"] }}
field = {{ env = "X", as = {{ header = "x-key" }}, to = ["{origin}"] }}
query = {{ env = "X", as = {{ query = "key" }}, to = ["{origin}"] }}
elsewhere = {{ env = "X", as = "bearer", to = ["https://elsewhere.example"] }}
{more}"#
    );
    let secrets = ["key", "field", "query", "elsewhere"].map(|name| (name, SECRET));
    let bytes = std::fs::read(crate::support::file("misbehaving")).unwrap();
    world
        .load_bytes(bytes, "hostile", &text, &secrets)
        .await
        .unwrap()
}

pub(crate) async fn send(plugin: &Arc<Plugin>, wanted: serde_json::Value) -> Result<String, Error> {
    let answer = crate::support::ask(plugin, "send", &wanted.to_string()).await;
    answer.end.map(|()| answer.text)
}

#[test]
fn without_a_grant_there_is_no_way_out() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = world.misbehaving("").await;
        let wanted = json!({"method": "GET", "url": vendor.origin()});
        let error = send(&hostile, wanted).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RefusedByPolicy);
        assert_eq!(
            says(&hostile, "sockets", &vendor.address.to_string()).await,
            "0 reached: []"
        );
        assert_eq!(says(&hostile, "files", "").await, "0 reached: []");
        assert_eq!(says(&hostile, "environment", "").await, "[] []");
        assert_eq!(vendor.last().1, 0);
        for (model, code) in [
            ("weights", ErrorCode::RefusedByPolicy),
            ("embed", ErrorCode::RefusedByPolicy),
        ] {
            assert_eq!(fails(&hostile, model, "w").await.code, code, "{model}");
        }
    });
}

#[test]
fn a_rule_is_kept_to() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let other = Vendor::start().await;
        let origin = vendor.origin();
        let hostile = granted(&world, &vendor, "POST /v1/*", "").await;
        let ok = json!({"method": "POST", "url": format!("{origin}/v1/a%20b?c=d#e")});
        assert_eq!(send(&hostile, ok).await.unwrap(), "200  ok");
        let seen = vendor.last().0.unwrap();
        assert_eq!(
            (seen.method.as_str(), seen.target.as_str()),
            ("POST", "/v1/a%20b?c=d")
        );
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
        assert_eq!(seen.header("authorization"), None);
        let port = vendor.address.port();
        for (method, url) in [
            ("GET", format!("{origin}/v1/a")),
            ("post", format!("{origin}/v1/a")),
            ("POST", format!("{origin}/v2/a")),
            ("POST", format!("{origin}/v1")),
            ("POST", format!("{origin}/v1/../v2")),
            ("POST", format!("{origin}/v1/%2e%2e/v2")),
            ("POST", format!("{origin}/v1/..%2fv2")),
            ("POST", format!("{origin}/v1\\..\\..\\v2")),
            ("POST", format!("{}/v1/a", other.origin())),
            ("POST", format!("https://127.0.0.1:{port}/v1/a")),
            ("POST", format!("http://u:p@127.0.0.1:{port}/v1/a")),
            ("POST", format!("http://localhost:{port}/v1/a")),
            (
                "POST",
                format!("http://127.0.0.1:{port}@elsewhere.example/v1/a"),
            ),
            ("POST", "file:///etc/passwd".into()),
            ("POST", "/v1/a".into()),
            ("PO ST", format!("{origin}/v1/a")),
        ] {
            let error = send(&hostile, json!({"method": method, "url": url})).await;
            assert_eq!(
                error.unwrap_err().code,
                ErrorCode::RefusedByPolicy,
                "{method} {url}"
            );
        }
        // The same address in other words is the same address.
        for host in ["2130706433", "0x7f.1", "127.1"] {
            let url = format!("http://{host}:{port}/v1/a");
            let sent = send(&hostile, json!({"method": "POST", "url": url})).await;
            assert_eq!(sent.unwrap(), "200  ok", "{host}");
        }
        assert_eq!((vendor.last().1, other.last().1), (4, 0));
    });
}

#[test]
fn fields_that_frame_or_name_another_host_are_refused() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "POST /*", "").await;
        for (name, value) in [
            ("host", "elsewhere.example"),
            ("Host", "elsewhere.example"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("proxy-authorization", "Basic x"),
            ("expect", "100-continue"),
            ("x-key", "a credential of its own"),
            ("x-http-method-override", "DELETE"),
            ("x-original-url", "/admin"),
            ("x-forwarded-host", "elsewhere.example"),
            ("x-a", "b\r\nx-c: d"),
            ("x-a\r\nx-c", "d"),
            ("x-a", "b\u{0}"),
            ("", "b"),
            ("x a", "b"),
        ] {
            let wanted = json!({
                "method": "POST", "url": vendor.origin(), "headers": [[name, value]],
            });
            let error = send(&hostile, wanted).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::RefusedByPolicy, "{name}: {value}");
        }
        for (method, url, named) in [
            (
                "POST",
                format!("{}/?a=b&key=mine", vendor.origin()),
                "a secret's",
            ),
            (
                "POST",
                format!("{}/?%6Bey=mine", vendor.origin()),
                "a secret's",
            ),
            (
                "POST",
                format!("{}/{}", vendor.origin(), "%25".repeat(20_000)),
                "a URL has",
            ),
            (&*"P".repeat(1 << 20), vendor.origin(), "a method has"),
        ] {
            let error = send(&hostile, json!({"method": method, "url": url})).await;
            let error = error.unwrap_err();
            assert_eq!(error.code, ErrorCode::RefusedByPolicy);
            assert!(error.message.contains(named), "{error}");
        }
        let many: Vec<_> = (0..30_000).map(|_| ["x", ""]).collect();
        let wanted = json!({"method": "POST", "url": vendor.origin(), "headers": many});
        let error = send(&hostile, wanted).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RefusedByPolicy);
        assert_eq!(vendor.last().1, 0);
    });
}

#[test]
fn a_name_that_leads_to_this_machine_needs_a_grant_of_its_own() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let url = format!("http://localhost:{}/x", vendor.address.port());
        let rule = format!("grant = {{ egress = [\"GET {url}\"] }}");
        let hostile = world.misbehaving(&rule).await;
        let wanted = json!({"method": "GET", "url": url});
        let error = send(&hostile, wanted.clone()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RefusedByPolicy);
        assert!(error.message.contains("private"), "{error}");
        assert_eq!(vendor.last().1, 0);
        let allowed = rule.replace("grant = {", "grant = { allow_private = true,");
        let allowed = world.misbehaving(&allowed).await;
        assert_eq!(send(&allowed, wanted).await.unwrap(), "200  ok");
    });
}

#[test]
fn a_redirect_is_an_answer() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "GET /redirect", "").await;
        let wanted = json!({"method": "GET", "url": format!("{}/redirect", vendor.origin())});
        let told = send(&hostile, wanted).await.unwrap();
        assert_eq!(told, "302 http://elsewhere.example/ moved");
    });
}

#[test]
fn a_credential_is_attached_by_name_towards_its_origins() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "POST /*", "").await;
        let wanted = |name: &str| {
            json!({"method": "POST", "url": format!("{}/?a=b", vendor.origin()), "credential": name})
        };
        send(&hostile, wanted("key")).await.unwrap();
        let seen = vendor.last().0.unwrap();
        let bearer = format!("Bearer {SECRET}");
        assert_eq!(seen.header("authorization"), Some(bearer.as_str()));
        send(&hostile, wanted("field")).await.unwrap();
        let seen = vendor.last().0.unwrap();
        let fields = seen.headers.iter().filter(|(name, _)| name == "x-key");
        assert_eq!(
            fields.map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
            [SECRET]
        );
        send(&hostile, wanted("query")).await.unwrap();
        assert_eq!(
            vendor.last().0.unwrap().target,
            format!("/?a=b&key={SECRET}")
        );
        for name in ["elsewhere", "of another plugin", ""] {
            let error = send(&hostile, wanted(name)).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::RefusedByPolicy, "{name}");
            assert!(!error.message.contains(SECRET));
        }
        assert_eq!(vendor.last().1, 3);
    });
}

#[test]
fn a_body_is_handed_on_unread() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "POST /*", "").await;
        let answer = forward(&hostile, "as/is").await.unwrap();
        assert_eq!(answer.status, 200);
        let body: Vec<_> = answer.body.map(Result::unwrap).collect().await;
        assert_eq!(body.concat(), b"ok");
        let seen = vendor.last().0.unwrap();
        assert_eq!(
            (seen.target.as_str(), seen.body.as_str()),
            ("/as/is", "as it came")
        );
        assert_eq!(seen.header("content-length"), Some("10"));
    });
}

#[test]
fn who_goes_away_closes_the_connection() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "GET /*", "").await;
        let mut events = hostile
            .generate(crate::support::request("stream", ""))
            .await
            .unwrap();
        for _ in 0..2 {
            events.next().await.unwrap().unwrap();
        }
        drop(events);
        vendor.left().await;
    });
}

#[test]
fn who_goes_away_closes_a_spliced_connection_too() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "POST /*", "").await;
        let mut answer = forward(&hostile, "stream").await.unwrap();
        assert_eq!(answer.body.next().await.unwrap().unwrap(), "piece");
        drop(answer);
        vendor.left().await;
    });
}

#[test]
fn who_does_not_read_keeps_nothing_past_the_deadline() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let limits = "[plugin.limits]\ndeadline = \"300ms\"\nconcurrency = 1";
        let hostile = granted(&world, &vendor, "POST /*", limits).await;
        let unread = forward(&hostile, "stream").await.unwrap();
        vendor.left().await;
        // Its place is free, and who reads now hears why.
        assert_eq!(forward(&hostile, "x").await.unwrap().status, 200);
        let last = unread.body.collect::<Vec<_>>().await.pop().unwrap();
        assert_eq!(last.unwrap_err().code, ErrorCode::TimedOut);
    });
}

#[test]
fn weights_are_read_by_their_granted_name() {
    let world = World::new();
    world.run(async {
        let file = std::env::temp_dir().join(format!("evenhand-weights-{}", std::process::id()));
        std::fs::write(&file, "the weights").unwrap();
        let text = format!("grant = {{ weights = {{ w = {file:?} }} }}");
        let hostile = world.misbehaving(&text).await;
        assert_eq!(says(&hostile, "weights", "w").await, r#"["w"] 11 "hts" []"#);
        for name in ["v", "../w", file.to_str().unwrap()] {
            let error = fails(&hostile, "weights", name).await;
            assert_eq!(error.code, ErrorCode::RefusedByPolicy);
        }
        std::fs::remove_file(&file).unwrap();
    });
}

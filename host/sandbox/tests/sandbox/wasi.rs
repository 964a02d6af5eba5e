//! A component that no SDK of ours made, and that speaks plain `wasi:http`.

use std::sync::Arc;

use sandbox::Plugin;

use crate::outside::SECRET;
use crate::support::{World, says};
use crate::vendor::Vendor;

/// It may post to the vendor's `/v1/` and `/echo`.
async fn foreign(world: &World, vendor: &Vendor, auto: bool, more: &str) -> Arc<Plugin> {
    let origin = vendor.origin();
    let port = vendor.address.port();
    let text = format!(
        r#"[plugin.grant]
egress = ["POST {origin}/v1/*", "POST {origin}/echo", "POST http://localhost:{port}/v1/*"]
[plugin.grant.secrets]
key = {{ env = "X", as = "bearer", to = ["{origin}"], auto = {auto} }}
query = {{ env = "X", as = {{ query = "key" }}, to = ["{origin}"], auto = {auto} }}
elsewhere = {{ env = "X", as = {{ header = "x-key" }}, to = ["https://elsewhere.example"], auto = {auto} }}
{more}"#
    );
    let secrets = ["key", "query", "elsewhere"].map(|name| (name, SECRET));
    let bytes = std::fs::read(crate::support::file("foreign")).unwrap();
    world
        .load_bytes(bytes, "foreign", &text, &secrets)
        .await
        .unwrap()
}

#[test]
fn what_is_granted_is_sent_with_its_credentials() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let foreign = foreign(&world, &vendor, true, "").await;
        let url = format!("{}/v1/x?a=b", vendor.origin());
        assert_eq!(says(&foreign, "POST", &url).await, "200 ok");
        let seen = vendor.last().0.unwrap();
        assert_eq!(seen.target, format!("/v1/x?a=b&key={SECRET}"));
        assert_eq!(seen.body, "hello");
        let bearer = format!("Bearer {SECRET}");
        for (field, value) in [
            ("authorization", Some(bearer.as_str())),
            ("content-length", Some("5")),
            ("host", Some(&vendor.address.to_string())),
            ("accept-encoding", Some("identity")),
            ("x-key", None),
        ] {
            assert_eq!(seen.header(field), value, "{field}");
        }
        // And comes back masked.
        let url = format!("{}/echo", vendor.origin());
        let told = says(&foreign, "POST", &url).await;
        assert!(!told.contains(SECRET), "{told}");
        assert_eq!(told.matches(&"*".repeat(SECRET.len())).count(), 2, "{told}");
    });
}

#[test]
fn without_auto_nothing_is_attached() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let foreign = foreign(&world, &vendor, false, "").await;
        let url = format!("{}/v1/x", vendor.origin());
        assert_eq!(says(&foreign, "POST", &url).await, "200 ok");
        let seen = vendor.last().0.unwrap();
        assert_eq!(
            (seen.target.as_str(), seen.header("authorization")),
            ("/v1/x", None)
        );
    });
}

#[test]
fn what_is_not_granted_is_denied() {
    let world = World::new();
    world.run(async {
        let (vendor, other) = (Vendor::start().await, Vendor::start().await);
        let foreign = foreign(&world, &vendor, true, "").await;
        let (origin, port) = (vendor.origin(), vendor.address.port());
        for (method, url) in [
            ("GET", format!("{origin}/v1/x")),
            ("POST", format!("{origin}/v2/x")),
            ("POST", format!("{origin}/v1/..%2fv2")),
            ("POST", format!("{}/v1/x", other.origin())),
            ("POST", format!("http://u:p@127.0.0.1:{port}/v1/x")),
            // Granted by name, but the name leads to this machine.
            ("POST", format!("http://localhost:{port}/v1/x")),
        ] {
            let told = says(&foreign, method, &url).await;
            assert!(told.contains("HttpRequestDenied"), "{method} {url}: {told}");
        }
        assert_eq!((vendor.last().1, other.last().1), (0, 0));
    });
}

#[test]
fn its_limits_hold() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let limits = "[plugin.limits]\nrequest_bytes = 4\nresponse_bytes = 10";
        let strict = foreign(&world, &vendor, true, limits).await;
        let (v1, echo) = (
            format!("{}/v1/x", vendor.origin()),
            format!("{}/echo", vendor.origin()),
        );
        let told = says(&strict, "POST", &v1).await;
        assert!(told.contains("HttpRequestBodySize"), "{told}");
        assert_eq!(vendor.last().1, 0);
        let limits = "[plugin.limits]\nresponse_bytes = 10\nrequests_per_minute = 1";
        let strict = foreign(&world, &vendor, true, limits).await;
        let told = says(&strict, "POST", &echo).await;
        // `wasi:http` has no words for what is wrong with a body.
        assert!(told.contains("InternalError"), "{told}");
        let told = says(&strict, "POST", &v1).await;
        assert!(told.contains("limits.requests_per_minute"), "{told}");
    });
}

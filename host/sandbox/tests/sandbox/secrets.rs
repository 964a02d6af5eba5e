//! What a vendor that repeats a request tells a component of the secrets in it.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use types::ErrorCode;

use crate::outside::{SECRET, forward, granted, send};
use crate::support::World;
use crate::vendor::Vendor;

#[test]
fn a_vendor_that_echoes_a_secret_does_not_tell_it() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "POST /*", "").await;
        let masked = "*".repeat(SECRET.len());
        // The value itself is asked for too: without a credential it comes from whoever knows it, and is masked as well.
        for credential in [Some("key"), Some("field"), Some("query"), None] {
            let told = send(
                &hostile,
                json!({"method": "POST", "url": format!("{}/echo", vendor.origin()), "credential": credential,
                       "headers": [["x-mine", format!("a{SECRET}b")]]}),
            )
            .await
            .unwrap();
            assert!(!told.contains(SECRET), "{told}");
            assert!(told.contains(&format!("a{masked}b")), "{told}");
            let times = if credential == Some("key") { 3 } else { 1 };
            let times = times + usize::from(matches!(credential, Some("field" | "query")));
            assert_eq!(told.matches(&masked).count(), times, "{told}");
        }
    });
}

#[test]
fn nor_does_it_tell_the_client() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "POST /*", "").await;
        let answer = forward(&hostile, "echo").await.unwrap();
        let told = format!("{:?}", answer.headers);
        let body: Vec<_> = answer.body.map(Result::unwrap).collect().await;
        assert!(body.iter().all(|piece| !piece.is_empty()));
        let told = told + &String::from_utf8(body.concat()).unwrap();
        assert!(!told.contains(SECRET), "{told}");
        let bearer = format!("Bearer {}", "*".repeat(SECRET.len()));
        assert_eq!(told.matches(&bearer).count(), 2, "{told}");
    });
}

#[test]
fn masking_stalls_no_stream() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let hostile = granted(&world, &vendor, "POST /*", "").await;
        let mut answer = forward(&hostile, "stream").await.unwrap();
        let piece = tokio::time::timeout(Duration::from_secs(10), answer.body.next());
        assert_eq!(piece.await.unwrap().unwrap().unwrap(), "piece");
    });
}

#[test]
fn where_nothing_could_be_masked_nothing_is_handed_on() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let origin = vendor.origin();
        let hostile = granted(&world, &vendor, "POST /*", "").await;
        let to = |path: &str| json!({"method": "POST", "url": format!("{origin}/{path}")});
        let error = send(&hostile, to("encoded")).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RefusedByPolicy);
        assert!(error.message.contains("content-encoding: x-none"), "{error}");
        assert_eq!(send(&hostile, to("plain")).await.unwrap(), "200  ok");
        let part = json!({"method": "POST", "url": format!("{origin}/x"), "headers": [["Range", "bytes=3-"]]});
        send(&hostile, part.clone()).await.unwrap();
        assert_eq!(vendor.last().0.unwrap().header("range"), None);

        let text = format!("[plugin.grant]\negress = [\"POST {origin}/*\"]");
        let without = world.misbehaving(&text).await;
        assert_eq!(send(&without, to("encoded")).await.unwrap(), "200  ok");
        send(&without, part).await.unwrap();
        assert_eq!(vendor.last().0.unwrap().header("range"), Some("bytes=3-"));
    });
}

#[test]
fn a_secret_too_short_to_be_masked_is_refused_at_load() {
    let world = World::new();
    let text = r#"[plugin.grant.secrets]
key = { env = "X", as = "bearer", to = ["https://a.example"] }"#;
    let bytes = std::fs::read(crate::support::file("misbehaving")).unwrap();
    let loaded = world.load_bytes(bytes, "hostile", text, &[("key", "sk-0123456789ab")]);
    let error = format!("{:#}", world.run(loaded).err().expect("refused"));
    assert!(
        error.contains("\"key\"") && error.contains("15 bytes"),
        "{error}"
    );
    assert!(!error.contains("sk-0"), "{error}");
}

#[test]
fn a_signature_is_over_the_request_that_is_sent() {
    const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TOKEN: &str = "a-session-token-of-the-vendor";
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let origin = vendor.origin();
        let text = format!(
            r#"config = {{ vendor = "{origin}" }}
[plugin.grant]
egress = ["POST {origin}/*"]
[plugin.grant.secrets]
key = {{ env = "X", as = {{ aws-sigv4 = {{ region = "r-1", service = "svc" }} }}, to = ["{origin}"] }}
[plugin.limits]
request_bytes = 20"#
        );
        let bytes = std::fs::read(crate::support::file("misbehaving")).unwrap();
        let secret = format!("AKIDEXAMPLE:{KEY}:{TOKEN}");
        let secrets = [("key", secret.as_str())];
        let hostile = world
            .load_bytes(bytes, "hostile", &text, &secrets)
            .await
            .unwrap();
        // A body that comes in pieces is waited for.
        for sent in [forward(&hostile, "x").await, crate::network::stream(&hostile, 2).await] {
            assert_eq!(sent.unwrap().status, 200);
            let seen = vendor.last().0.unwrap();
            let signature = seen.header("authorization").unwrap();
            assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{signature}");
            assert!(signature.contains("/r-1/svc/aws4_request"), "{signature}");
            assert_eq!(seen.header("x-amz-security-token"), Some(TOKEN));
            assert_eq!(seen.header("content-length"), Some("10"));
        }
        // Of `1234512345`, by sha256sum.
        assert_eq!(
            vendor.last().0.unwrap().header("x-amz-content-sha256"),
            Some("e4a0a90e5ac07d5435c6f25c4cf7cc565becb797bb5b83c515bc427ef32a4770")
        );
        let error = crate::network::stream(&hostile, 5).await.err().unwrap();
        assert_eq!(error.code, ErrorCode::TooLarge);
        let answer = forward(&hostile, "echo").await.unwrap();
        let body: Vec<_> = answer.body.map(Result::unwrap).collect().await;
        let told = String::from_utf8(body.concat()).unwrap();
        assert!(told.contains("AKIDEXAMPLE") && !told.contains(TOKEN), "{told}");
    });
}

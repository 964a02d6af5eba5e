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

//! How much of the network a plugin may use.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use sandbox::{Body, Forwarded, Plugin};
use serde_json::json;
use types::neutral::NativeRequest;
use types::{Error, ErrorCode};

use crate::outside::{forward, granted, send};
use crate::support::World;
use crate::vendor::Vendor;

/// The native path, with a body whose length nobody tells.
pub(crate) async fn stream(plugin: &Arc<Plugin>, pieces: usize) -> Result<Forwarded, Error> {
    let request = NativeRequest {
        dialect: "openai-chat".into(),
        model: "x".into(),
        stream: true,
        headers: Vec::new(),
        query: None,
    };
    let pieces = vec![Ok(Bytes::from_static(b"12345")); pieces];
    let body = Body::from_stream(futures::stream::iter(pieces).boxed());
    plugin.forward(request, body).await
}

#[test]
fn a_request_keeps_to_its_size() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        for limit in [9, 10] {
            let limits = format!("[plugin.limits]\nrequest_bytes = {limit}");
            let hostile = granted(&world, &vendor, "POST /*", &limits).await;
            for sent in [forward(&hostile, "x").await, stream(&hostile, 2).await] {
                if limit == 10 {
                    assert_eq!(sent.unwrap().status, 200);
                    continue;
                }
                let error = sent.err().unwrap();
                assert_eq!(error.code, ErrorCode::TooLarge, "{error}");
                assert!(error.message.contains("limits.request_bytes"), "{error}");
            }
        }
        assert_eq!(vendor.last().1, 2);
    });
}

#[test]
fn an_answer_keeps_to_its_size() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let limits = "[plugin.limits]\nresponse_bytes = 20";
        let hostile = granted(&world, &vendor, "POST /*", limits).await;
        let to =
            |path: &str| json!({"method": "POST", "url": format!("{}/{path}", vendor.origin())});
        assert_eq!(send(&hostile, to("x")).await.unwrap(), "200  ok");
        let error = send(&hostile, to("echo")).await.unwrap_err();
        let passed = forward(&hostile, "echo").await.unwrap().body;
        let mut passed: Vec<_> = passed.collect().await;
        let last = passed.pop().unwrap().unwrap_err();
        for error in [error, last] {
            assert_eq!(error.code, ErrorCode::Upstream, "{error}");
            assert!(error.message.contains("limits.response_bytes"), "{error}");
        }
        let passed: usize = passed.into_iter().map(|piece| piece.unwrap().len()).sum();
        assert!(passed <= 20, "{passed}");
    });
}

#[test]
fn requests_are_counted_by_the_minute() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let limits = "[plugin.limits]\nrequests_per_minute = 2";
        let hostile = granted(&world, &vendor, "POST /v1/*", limits).await;
        let to =
            |path: &str| json!({"method": "POST", "url": format!("{}/{path}", vendor.origin())});
        // What is refused is not sent.
        for _ in 0..3 {
            let error = send(&hostile, to("v2/x")).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::RefusedByPolicy);
        }
        for _ in 0..2 {
            assert_eq!(send(&hostile, to("v1/x")).await.unwrap(), "200  ok");
        }
        let error = send(&hostile, to("v1/x")).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert!(
            error.message.contains("limits.requests_per_minute"),
            "{error}"
        );
        assert!(
            error
                .retry_after_ms
                .is_some_and(|wait| (1..=60_000).contains(&wait))
        );
        assert_eq!(vendor.last().1, 2);
    });
}

#[test]
fn an_open_request_is_one_until_its_answer_ends() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let limits = "[plugin.limits]\nconnections = 1";
        let hostile = granted(&world, &vendor, "POST /*", limits).await;
        // An answer that was read to its end holds nothing, though somebody has it still.
        let mut read = forward(&hostile, "x").await.unwrap();
        while read.body.next().await.is_some() {}
        let open = forward(&hostile, "stream").await.unwrap();
        let error = forward(&hostile, "x").await.err().unwrap();
        assert_eq!(error.code, ErrorCode::Overloaded);
        assert!(error.message.contains("limits.connections"), "{error}");
        assert!(error.retry_after_ms.is_some());
        drop(open);
        let free = async { while forward(&hostile, "x").await.is_err() {} };
        tokio::time::timeout(Duration::from_secs(10), free)
            .await
            .unwrap();
        drop(read);
    });
}

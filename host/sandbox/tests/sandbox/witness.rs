//! Every limit that is hit and everything that is refused is told, by its plugin's name.

use std::sync::{Arc, Mutex};

use sandbox::{Replaced, Witness};

use futures::StreamExt;
use serde_json::json;

use crate::outside::{forward, granted};
use crate::support::{World, ask, says};
use crate::vendor::Vendor;

#[derive(Default)]
pub(crate) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Witness for Notes {
    fn refused(&self, plugin: &str, to: &str, reason: &str) {
        assert!(!reason.is_empty());
        self.0.lock().unwrap().push(format!("{plugin} > {to}"));
    }

    fn limited(&self, plugin: &str, limit: &'static str) {
        self.0.lock().unwrap().push(format!("{plugin} {limit}"));
    }

    fn replaced(&self, file: &Replaced) {
        panic!("tests have no cache: {file:?}");
    }

    fn quarantined(&self, plugin: &str, reason: Option<&str>) {
        self.0.lock().unwrap().push(format!("{plugin}: {reason:?}"));
    }
}

#[test]
fn limits_and_refusals_are_told() {
    let mut world = World::new();
    let notes = Arc::<Notes>::default();
    world.sandbox = world.sandbox.clone().witnessed_by(notes.clone());
    world.run(async {
        let weights = std::env::temp_dir().join(format!("evenhand-told-{}", std::process::id()));
        std::fs::write(&weights, "weights").unwrap();
        let handles =
            format!("grant = {{ weights = {{ w = {weights:?} }} }}\nlimits = {{ handles = 10 }}");
        let elsewhere = r#"{"method": "POST", "url": "http://127.0.0.1:9/a?b=c"}"#;
        for (text, model, said, told) in [
            ("", "answer", "", None),
            ("", "panic", "", None),
            (
                "limits = { memory = \"6MiB\" }",
                "allocate",
                "64",
                Some("hostile memory"),
            ),
            (
                "limits = { deadline = \"200ms\" }",
                "spin",
                "",
                Some("hostile deadline"),
            ),
            (
                "limits = { idle = \"100ms\" }",
                "empty",
                "",
                Some("hostile idle"),
            ),
            ("", "endless", "", Some("hostile answer")),
            (handles.as_str(), "handles", "1000", Some("hostile handles")),
            (
                "limits = { hostcall_bytes = \"64KiB\" }",
                "flood",
                "1",
                Some("hostile hostcall_bytes"),
            ),
            (
                "",
                "send",
                elsewhere,
                Some("hostile > POST http://127.0.0.1:9"),
            ),
            ("", "weights", "none", Some("hostile > weights")),
            ("", "flood", "10000", Some("hostile log")),
        ] {
            let hostile = world.misbehaving(text).await;
            let _ = ask(&hostile, model, said).await;
            let seen = notes.take();
            let expected: Vec<&str> = told.into_iter().collect();
            assert_eq!(seen, expected, "{model}");
        }
        std::fs::remove_file(&weights).unwrap();

        let vendor = Vendor::start().await;
        for (limit, path, times, told) in [
            ("request_bytes = 3", "x", 1, "hostile request_bytes"),
            ("response_bytes = 20", "echo", 1, "hostile response_bytes"),
            (
                "requests_per_minute = 1",
                "x",
                2,
                "hostile requests_per_minute",
            ),
        ] {
            let limits = format!("[plugin.limits]\n{limit}");
            let hostile = granted(&world, &vendor, "POST /*", &limits).await;
            for _ in 0..times {
                if let Ok(answer) = forward(&hostile, path).await {
                    let _: Vec<_> = answer.body.collect().await;
                }
            }
            assert_eq!(notes.take(), [told]);
        }
        let limits = "[plugin.limits]\nconnections = 1";
        let hostile = granted(&world, &vendor, "POST /*", limits).await;
        let open = forward(&hostile, "stream").await.unwrap();
        assert!(forward(&hostile, "x").await.is_err());
        drop(open);
        assert_eq!(notes.take(), ["hostile connections"]);

        let long = json!({"method": "P".repeat(1 << 20), "url": "x".repeat(1 << 20)});
        let _ = ask(&hostile, "send", &long.to_string()).await;
        assert!(notes.take().iter().all(|note| note.len() < 300));

        let single = "limits = { concurrency = 1, queue_wait = \"50ms\", deadline = \"5s\" }";
        let hostile = world.misbehaving(single).await;
        let other = hostile.clone();
        let spinning = tokio::spawn(async move { ask(&other, "spin-later", "").await });
        let end = std::time::Instant::now() + std::time::Duration::from_secs(4);
        while notes.take() != ["hostile concurrency"] {
            assert!(std::time::Instant::now() < end, "it was never busy");
            let _ = ask(&hostile, "answer", "").await;
        }
        spinning.abort();
        let good = world.load("misbehaving", "good", "").await.unwrap();
        assert_eq!(says(&good, "answer", "").await, "here");
        assert!(notes.take().is_empty());
    });
}

use std::sync::Arc;
use std::time::Duration;

use sandbox::Plugin;
use serde_json::Value;
use types::{Error, ErrorCode};

use crate::support::{World, fails, request, says};

fn health(plugin: &Arc<Plugin>) -> Value {
    serde_json::to_value(plugin.health()).unwrap()
}

/// Asks till it is no longer refused for a quarantine.
async fn probe(plugin: &Arc<Plugin>, model: &str, said: &str) -> Result<(), Error> {
    let probed = async {
        loop {
            let end = crate::support::ask(plugin, model, said).await.end;
            match end {
                Err(error) if error.message.contains("in quarantine") => {
                    tokio::task::yield_now().await;
                }
                end => return end,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), probed)
        .await
        .unwrap()
}

#[test]
fn every_kind_of_failure_counts_and_a_good_call_heals() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("").await;
        for (model, said) in [
            ("panic", ""),
            ("panic-later", ""),
            ("allocate", "without end"),
            ("fail", "internal"),
            ("parts", ""),
        ] {
            let error = fails(&hostile, model, said).await;
            assert_eq!(error.code, ErrorCode::PluginFailed, "{model}");
        }
        let refused = fails(&hostile, "answer", "").await;
        assert_eq!(refused.code, ErrorCode::Overloaded);
        assert!(refused.retry_after_ms.is_some_and(|wait| wait <= 1000));
        assert!(refused.message.contains("10000 parts"), "{refused}");
        assert_eq!(health(&hostile)["failures"], 5);
        // It can still say what it has.
        assert_eq!(hostile.models().await.unwrap().len(), 1);
        assert_eq!(health(&hostile)["failures"], 5);
        probe(&hostile, "answer", "").await.unwrap();
        assert_eq!(health(&hostile)["failures"], 0);
    });
}

/// One that asks for nothing waits for nobody: whoever is slow, it is the plugin.
#[test]
fn one_that_computes_until_its_time_is_over_fails() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { deadline = \"1s\" }").await;
        for _ in 0..5 {
            let error = fails(&hostile, "spin", "").await;
            assert_eq!(error.code, ErrorCode::TimedOut);
        }
        let refused = fails(&hostile, "answer", "").await;
        assert!(refused.message.contains("in quarantine"), "{refused}");
    });
}

/// A client's request that is larger than the plugin can take is the client's matter.
#[test]
fn a_large_request_puts_nobody_into_quarantine() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { memory = \"6MiB\" }").await;
        let large = "x".repeat(5 << 20);
        for _ in 0..6 {
            let error = fails(&hostile, "answer", &large).await;
            assert_eq!(error.code, ErrorCode::TooLarge, "{error}");
            assert!(error.message.contains("memory limit"), "{error}");
        }
        assert_eq!(says(&hostile, "answer", "").await, "here");
    });
}

#[test]
fn a_cancelled_probe_leaves_its_place() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("").await;
        for _ in 0..5 {
            fails(&hostile, "panic", "").await;
        }
        let probing = async {
            loop {
                let asked = hostile.generate(request("spin", ""));
                // It spins until this gives it up; a refusal comes at once.
                let asked = tokio::time::timeout(Duration::from_millis(100), asked).await;
                if asked.is_err() {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), probing)
            .await
            .unwrap();
        probe(&hostile, "answer", "").await.unwrap();
    });
}

#[test]
fn an_accelerator_that_fails_is_left_alone_and_its_users_are_not() {
    let world = World::new();
    world.run(async {
        let counting = world
            .load("counting", "counter", "grant = { keep = true }")
            .await
            .unwrap();
        world.sandbox.publish([&*counting].into_iter());
        let grant = "grant = { accelerators = [\"counter\"] }";
        let user = world.load("misbehaving", "user", grant).await.unwrap();
        for _ in 0..5 {
            let error = fails(&user, "embed", "panic").await;
            assert_eq!(error.code, ErrorCode::PluginFailed);
            assert_eq!(error.plugin.as_deref(), Some("counter"));
        }
        assert_eq!(health(&counting)["state"], "quarantined");
        assert_eq!(health(&user)["state"], "healthy");
        assert_eq!(health(&user)["failures"], 0);
        assert_eq!(says(&user, "answer", "").await, "here");
        let works = async { while crate::support::ask(&user, "embed", "").await.end.is_err() {} };
        tokio::time::timeout(Duration::from_secs(30), works)
            .await
            .unwrap();
        assert_eq!(health(&counting)["failures"], 0);
    });
}

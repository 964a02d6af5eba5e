use std::sync::Arc;

use sandbox::Plugin;
use types::ErrorCode;

use crate::support::{World, ask, fails, request, says};
use crate::vendor::Vendor;

/// A provider, and an accelerator that it may use.
async fn joined(world: &World, limits: &str) -> (Arc<Plugin>, Arc<Plugin>) {
    let counting = format!("grant = {{ keep = true }}\nlimits = {{ {limits} }}");
    let counting = world.load("counting", "counter", &counting).await.unwrap();
    world.sandbox.publish([&*counting].into_iter());
    let grant = "grant = { accelerators = [\"counter\"] }";
    let user = world.load("misbehaving", "user", grant).await.unwrap();
    (user, counting)
}

#[test]
fn an_accelerator_is_used_by_those_that_it_is_granted_to() {
    let world = World::new();
    world.run(async {
        let (user, _counting) = joined(&world, "").await;
        // Under the operator's name, whatever it calls itself; calls, open models and generations are counted.
        assert_eq!(
            says(&user, "embed", "").await,
            r#"["counter"] [[1.0, 1.0, 0.0]]"#
        );
        assert_eq!(says(&user, "accelerate", "").await, "onetwo");
        let stranger = world.misbehaving("").await;
        let error = fails(&stranger, "embed", "").await;
        assert_eq!(error.code, ErrorCode::RefusedByPolicy);
        // What each call opened is closed; the instance is kept.
        assert_eq!(
            says(&user, "embed", "").await,
            r#"["counter"] [[2.0, 1.0, 0.0]]"#
        );
    });
}

#[test]
fn a_generation_that_nobody_reads_is_dropped() {
    let world = World::new();
    world.run(async {
        let (user, _counting) = joined(&world, "").await;
        let mut events = user
            .generate(request("accelerate", "endless"))
            .await
            .unwrap();
        events.next().await.unwrap().unwrap();
        drop(events);
        let gone = async { while !says(&user, "embed", "").await.ends_with("1.0, 0.0]]") {} };
        tokio::time::timeout(std::time::Duration::from_secs(10), gone)
            .await
            .unwrap();
    });
}

#[test]
fn one_that_began_when_nobody_waited_any_more_is_dropped_too() {
    let world = World::new();
    world.run(async {
        let vendor = Vendor::start().await;
        let gate = format!("{}/gate", vendor.origin());
        let text = format!(
            "config = {{ gate = \"{gate}\" }}\ngrant = {{ keep = true, egress = [\"GET {gate}\"] }}"
        );
        let counting = world.load("counting", "counter", &text).await.unwrap();
        world.sandbox.publish([&*counting].into_iter());
        let grant = "grant = { accelerators = [\"counter\"] }";
        let user = world.load("misbehaving", "user", grant).await.unwrap();
        let asking = tokio::spawn({
            let user = user.clone();
            async move { user.generate(request("accelerate", "gate")).await.map(drop) }
        });
        vendor.waited_for().await;
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        vendor.open();
        let gone = async { while !says(&user, "embed", "").await.ends_with("1.0, 0.0]]") {} };
        tokio::time::timeout(std::time::Duration::from_secs(10), gone)
            .await
            .unwrap();
    });
}

#[test]
fn several_share_an_instance_in_turn() {
    let world = World::new();
    world.run(async {
        let (user, _counting) = joined(&world, "").await;
        let mut endless = user
            .generate(request("accelerate", "endless"))
            .await
            .unwrap();
        endless.next().await.unwrap().unwrap();
        assert_eq!(says(&user, "accelerate", "").await, "onetwo");
        endless.next().await.unwrap().unwrap();
    });
}

#[test]
fn one_that_traps_or_hangs_starts_anew_and_old_handles_are_no_others() {
    let world = World::new();
    world.run(async {
        let (user, _counting) = joined(&world, "deadline = \"300ms\"").await;
        for (said, code) in [
            ("panic", ErrorCode::PluginFailed),
            ("spin", ErrorCode::TimedOut),
        ] {
            let mut endless = user
                .generate(request("accelerate", "endless"))
                .await
                .unwrap();
            endless.next().await.unwrap().unwrap();
            let error = fails(&user, "embed", said).await;
            assert_eq!(error.code, code);
            assert!(error.message.contains("\"counter\""), "{error}");
            let old = loop {
                if let Err(error) = endless.next().await.unwrap() {
                    break error;
                }
            };
            assert!(old.message.contains("restarted"), "{old}");
            assert_eq!(
                says(&user, "embed", "").await,
                r#"["counter"] [[1.0, 1.0, 0.0]]"#
            );
        }
    });
}

#[test]
fn one_that_was_replaced_serves_those_who_began_with_it() {
    let world = World::new();
    world.run(async {
        let (user, first) = joined(&world, "").await;
        let mut endless = user
            .generate(request("accelerate", "endless"))
            .await
            .unwrap();
        endless.next().await.unwrap().unwrap();
        let grant = "grant = { keep = true }";
        let second = world.load("counting", "counter", grant).await.unwrap();
        world.sandbox.publish([&*second].into_iter());
        drop(first);
        assert_eq!(
            says(&user, "embed", "").await,
            r#"["counter"] [[1.0, 1.0, 0.0]]"#
        );
        endless.next().await.unwrap().unwrap();
        world.sandbox.publish([].into_iter());
        let none = ask(&user, "embed", "").await.end.unwrap_err();
        assert_eq!(none.code, ErrorCode::RefusedByPolicy);
    });
}

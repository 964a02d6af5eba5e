use std::time::Duration;

use types::ErrorCode;
use types::neutral::{EmbedInput, EmbedRequest};

use crate::support::{World, ask, fails, says};

#[test]
fn one_that_spins_ends_at_its_deadline_and_delays_nobody() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { deadline = \"500ms\" }").await;
        let good = world.load("misbehaving", "good", "").await.unwrap();
        // More of them than threads, and one less than cost it its place.
        let spinning: Vec<_> = (0..4)
            .map(|_| {
                let hostile = hostile.clone();
                tokio::spawn(async move { fails(&hostile, "spin", "").await })
            })
            .collect();
        for _ in 0..20 {
            assert_eq!(says(&good, "answer", "").await, "here");
        }
        for spun in spinning {
            let error = spun.await.unwrap();
            assert_eq!(error.code, ErrorCode::TimedOut);
            assert_eq!(error.plugin.as_deref(), Some("hostile"));
            assert!(error.message.contains("deadline"), "{error}");
        }
        assert_eq!(says(&hostile, "answer", "").await, "here");
    });
}

#[test]
fn a_deadline_holds_in_every_kind_of_call() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { deadline = \"200ms\" }").await;
        let later = ask(&hostile, "spin-later", "").await;
        assert_eq!(later.text, "so far");
        assert_eq!(later.end.unwrap_err().code, ErrorCode::TimedOut);
        let embed = EmbedRequest {
            model: "spin".into(),
            input: EmbedInput::Texts(vec!["x".into()]),
            dimensions: None,
            user: None,
            extensions: Vec::new(),
        };
        let error = hostile.embed(embed).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::TimedOut);
        let error = crate::outside::forward(&hostile, "spin").await;
        assert_eq!(error.err().unwrap().code, ErrorCode::TimedOut);
    });
}

#[test]
fn an_idle_stream_ends_before_its_deadline() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { idle = \"100ms\" }").await;
        let later = ask(&hostile, "spin-later", "").await;
        let error = later.end.unwrap_err();
        assert_eq!(error.code, ErrorCode::TimedOut);
        assert!(error.message.contains("idle"), "{error}");
    });
}

#[test]
fn empty_batches_are_no_progress() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { idle = \"100ms\" }").await;
        let error = ask(&hostile, "empty", "").await.end.unwrap_err();
        assert_eq!(error.code, ErrorCode::TimedOut);
        assert!(error.message.contains("idle"), "{error}");
    });
}

#[test]
fn an_answer_without_end_is_cut_at_the_memory_limit() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { memory = \"16MiB\" }").await;
        for model in ["endless", "parts"] {
            let answer = ask(&hostile, model, "").await;
            assert!(answer.text.len() <= 16 << 20);
            let error = answer.end.unwrap_err();
            assert_eq!(error.code, ErrorCode::PluginFailed);
            assert!(error.message.contains("16.0 MiB or 10000 parts"), "{error}");
        }
    });
}

#[test]
fn memory_is_limited_and_given_back() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { memory = \"16MiB\" }").await;
        assert_eq!(says(&hostile, "allocate", "8").await, "8388608");
        for mib in ["20", "1000", "without end"] {
            let error = fails(&hostile, "allocate", mib).await;
            assert_eq!(error.code, ErrorCode::PluginFailed);
            assert!(error.message.contains("memory limit of 16"), "{error}");
        }
        assert_eq!(says(&hostile, "allocate", "8").await, "8388608");
    });
}

#[test]
fn a_trap_costs_its_own_call_only() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("").await;
        let error = fails(&hostile, "panic", "").await;
        assert_eq!(error.code, ErrorCode::PluginFailed);
        assert!(error.message.contains("\"hostile\" trapped"), "{error}");
        let later = ask(&hostile, "panic-later", "").await;
        assert_eq!(later.text, "so far");
        assert_eq!(later.end.unwrap_err().code, ErrorCode::PluginFailed);
        assert_eq!(says(&hostile, "answer", "").await, "here");
    });
}

#[test]
fn handles_are_limited() {
    let world = World::new();
    world.run(async {
        let weights = std::env::temp_dir().join(format!("evenhand-handles-{}", std::process::id()));
        std::fs::write(&weights, "weights").unwrap();
        let text =
            format!("grant = {{ weights = {{ w = {weights:?} }} }}\nlimits = {{ handles = 10 }}");
        let hostile = world.misbehaving(&text).await;
        assert_eq!(says(&hostile, "handles", "9").await, "9");
        let error = fails(&hostile, "handles", "1000000").await;
        assert_eq!(error.code, ErrorCode::PluginFailed);
        std::fs::remove_file(&weights).unwrap();
    });
}

#[test]
fn a_fresh_instance_serves_each_call() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("").await;
        for _ in 0..100 {
            assert_eq!(says(&hostile, "count", "").await, "1");
        }
    });
}

#[test]
fn a_plugin_s_errors_keep_their_code_and_what_the_vendor_said() {
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("").await;
        for (said, code) in [
            ("bad-request", ErrorCode::BadRequest),
            ("unauthorised", ErrorCode::Unauthorised),
            ("forbidden", ErrorCode::Forbidden),
            ("not-found", ErrorCode::NotFound),
            ("too-large", ErrorCode::TooLarge),
            ("rate-limited", ErrorCode::RateLimited),
            ("overloaded", ErrorCode::Overloaded),
            ("timed-out", ErrorCode::TimedOut),
            ("refused-by-policy", ErrorCode::RefusedByPolicy),
            ("unsupported", ErrorCode::Unsupported),
            ("upstream", ErrorCode::Upstream),
            ("cancelled", ErrorCode::Cancelled),
            ("internal", ErrorCode::PluginFailed),
        ] {
            for model in ["fail", "fail-later"] {
                let error = fails(&hostile, model, said).await;
                assert_eq!(error.code, code);
                assert_eq!(error.retry_after_ms, Some(1500));
                assert_eq!(error.plugin.as_deref(), Some("hostile"));
                assert_eq!(error.upstream.unwrap().body, "teapot");
            }
        }
    });
}

#[test]
fn who_finds_no_place_is_told_when_to_come_again() {
    let world = World::new();
    world.run(async {
        let text = "limits = { concurrency = 1, queue_wait = \"50ms\", deadline = \"2s\" }";
        let hostile = world.misbehaving(text).await;
        let held = hostile
            .generate(crate::support::request("spin-later", ""))
            .await
            .unwrap();
        let error = fails(&hostile, "answer", "").await;
        assert_eq!(error.code, ErrorCode::Overloaded);
        assert!(error.retry_after_ms.is_some());
        drop(held);
        // Cancel is a drop: the place is free as soon as the guest gives way.
        let text = tokio::time::timeout(Duration::from_secs(1), async {
            loop {
                if let Ok(()) = ask(&hostile, "answer", "").await.end {
                    break;
                }
            }
        });
        text.await.unwrap();
    });
}

#[test]
fn a_list_of_models_has_an_end() {
    let world = World::new();
    world.run(async {
        let few = world.misbehaving("config = { models = 10000 }").await;
        assert_eq!(few.models().await.unwrap().len(), 10_000);
        let many = world.misbehaving("config = { models = 10001 }").await;
        let error = many.models().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PluginFailed);
        assert!(error.message.contains("10000 models"), "{error}");
    });
}

#[test]
fn logs_are_capped() {
    let lines = crate::support::logged();
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("").await;
        assert_eq!(says(&hostile, "flood", "10000").await, "logged");
    });
    let lines = lines.lock().unwrap();
    let bytes = lines.iter().map(String::len).sum::<usize>();
    // 64 KiB, and what stands around a line.
    assert!(bytes < 3 * 64 * 1024, "{bytes} bytes");
    assert!(lines.iter().all(|line| line.len() < 5000));
    assert!(lines.iter().any(|line| line.contains("further lines")));
}

//! Tools that ask for what they aren't granted, and for too much of what they are.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use sandbox::{Behind, Link, Plugin};
use serde_json::{Value, json};
use store::Store;
use tokio::task::yield_now;
use tokio::time::timeout;
use types::config::Sample;
use types::tool::{Elicited, NoticeLevel, SampleRequest, Sampled, ToolContent};
use types::{Error, ErrorCode};

use crate::support::World;
use crate::witness::Notes;

/// A client that answers.
#[derive(Default)]
struct Client {
    progress: AtomicU32,
    asked: Mutex<Vec<String>>,
}

impl Link for Client {
    fn progress(&self, _: f64, total: Option<f64>, _: Option<String>) {
        assert!(total.is_none_or(f64::is_finite));
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    fn notify(&self, _: NoticeLevel, _: Option<String>, _: String) {}

    fn elicit(&self, message: String, _: String) -> BoxFuture<'_, Result<Elicited, Error>> {
        self.asked.lock().unwrap().push(message);
        Box::pin(async { Ok(Elicited::Declined) })
    }

    fn sample<'a>(
        &'a self,
        _: &'a Sample,
        _: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>> {
        Box::pin(async { Err(Error::bad_request("no")) })
    }
}

fn behind(owner: &str, session: &str) -> Behind {
    Behind {
        owner: owner.into(),
        session: session.into(),
        ..Behind::nobody()
    }
}

async fn call(plugin: &Arc<Plugin>, name: &str, arguments: Value, behind: Behind) -> String {
    let called = plugin.call_tool("1".into(), name.into(), arguments.to_string(), behind);
    let result = called.await.unwrap();
    match &result.content[0] {
        ToolContent::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

async fn meddling(world: &World, text: &str) -> Arc<Plugin> {
    world.load("meddling", "meddler", text).await.unwrap()
}

#[test]
fn what_is_not_granted_is_refused_and_told() {
    let mut world = World::new();
    let notes = Arc::<Notes>::default();
    world.sandbox = world.sandbox.clone().witnessed_by(notes.clone());
    world.run(async {
        let plugin = meddling(&world, "").await;
        for (name, told) in [
            ("note", "state"),
            ("set", "kv "),
            ("get", "kv "),
            ("query", "sql "),
            ("elicit", "elicit"),
            ("sample", "sample"),
        ] {
            let said = call(&plugin, name, json!({}), Behind::nobody()).await;
            assert!(
                said.starts_with("ErrorCode::RefusedByPolicy"),
                "{name}: {said}"
            );
            assert_eq!(notes.take(), [format!("meddler > {told}")]);
        }
    });
}

#[test]
fn grants_of_tools_are_for_tools() {
    let world = World::new();
    world.run(async {
        let loaded = world.load(
            "misbehaving",
            "provider",
            "grant = { state = true, elicit = true }",
        );
        let error = loaded.await.err().unwrap().to_string();
        assert!(
            error.contains("grant.state, grant.elicit is for tools"),
            "{error}"
        );
        let kept = world
            .load("meddling", "meddler", "grant = { keep = true }")
            .await;
        assert!(kept.err().unwrap().to_string().contains("grant.keep"));
    });
}

#[test]
fn notes_belong_to_a_key_and_a_session() {
    let world = World::new();
    world.run(async {
        let plugin = meddling(&world, "grant = { state = true }").await;
        let note = async |text: &str, owner: &str, session: &str| {
            call(
                &plugin,
                "note",
                json!({ "set": text }),
                behind(owner, session),
            )
            .await
        };
        assert_eq!(note("a", "k", "1").await, "None");
        assert_eq!(note("b", "k", "1").await, "Some(\"a\")");
        assert_eq!(note("c", "k", "2").await, "None");
        assert_eq!(note("d", "l", "1").await, "None");
        let long = call(&plugin, "note", json!({ "long": 65_537 }), behind("k", "1")).await;
        assert!(long.starts_with("ErrorCode::TooLarge"), "{long}");
        assert_eq!(note("e", "k", "1").await, "Some(\"b\")");
    });
}

#[test]
fn values_are_shared_as_it_is_granted() {
    let mut world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("a.db").display());
    let store = world.run(Store::open(&url)).unwrap();
    world.sandbox = world.sandbox.clone().with_store(Some(store));
    world.run(async {
        let entry =
            "grant = { kv = { own = \"key\", all = \"shared\" } }\n[store]\nurl = \"sqlite://x\"";
        let plugin = meddling(&world, entry).await;
        let run = async |name: &str, namespace: &str, owner: &str| {
            let told = json!({ "namespace": namespace, "key": "k", "value": owner });
            call(&plugin, name, told, behind(owner, "")).await
        };
        for namespace in ["own", "all"] {
            assert_eq!(run("set", namespace, "one").await, "()");
            assert_eq!(run("set", namespace, "two").await, "()");
        }
        assert_eq!(run("get", "own", "one").await, "Some(\"one\")");
        assert_eq!(run("get", "all", "one").await, "Some(\"two\")");
        // No key has the name under which shared values lie.
        assert_eq!(run("get", "own", "*").await, "None");
        let other = run("get", "others", "one").await;
        assert!(other.contains("kv = { others"), "{other}");
    });
}

#[test]
fn a_client_is_asked_and_told_within_limits() {
    let mut world = World::new();
    let notes = Arc::<Notes>::default();
    world.sandbox = world.sandbox.clone().witnessed_by(notes.clone());
    world.run(async {
        let plugin = meddling(&world, "grant = { elicit = true }").await;
        let client = Arc::<Client>::default();
        let behind = Behind {
            link: client.clone(),
            ..Behind::nobody()
        };
        let answer = call(&plugin, "elicit", json!({}), behind.clone()).await;
        assert_eq!(answer, "Elicited::Declined");
        assert_eq!(*client.asked.lock().unwrap(), ["Your password?"]);
        call(&plugin, "shout", json!({ "times": 20_000 }), behind).await;
        assert!(client.progress.load(Ordering::Relaxed) < 10_000);
        assert_eq!(notes.take(), ["meddler notices"]);
        // Nobody there to ask.
        let alone = call(&plugin, "elicit", json!({}), Behind::nobody()).await;
        assert!(alone.starts_with("ErrorCode::Unsupported"), "{alone}");
    });
}

#[test]
fn a_tool_that_fails_gets_no_calls_for_a_while() {
    let world = World::new();
    world.run(async {
        let entry = "limits = { deadline = \"300ms\" }";
        let plugin = meddling(&world, entry).await;
        let fails = async |name: &str| {
            let nobody = Behind::nobody();
            let called = plugin.call_tool("1".into(), name.into(), "{}".into(), nobody);
            called.await.unwrap_err().code
        };
        assert_eq!(fails("spin").await, ErrorCode::TimedOut);
        for _ in 0..4 {
            assert_eq!(fails("trap").await, ErrorCode::PluginFailed);
        }
        assert_eq!(fails("note").await, ErrorCode::Overloaded);
    });
}

#[test]
fn what_a_cancelled_call_began_may_be_ended() {
    let mut world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("a.db").display());
    let store = world.run(Store::open(&url)).unwrap();
    world.sandbox = world.sandbox.clone().with_store(Some(store.clone()));
    world.run(async {
        let entry = "grant = { kv = { all = \"shared\" } }\n[store]\nurl = \"sqlite://x\"";
        let plugin = meddling(&world, entry).await;
        let told = async || store.kv_get("all", "*", "cancelled").await.unwrap();
        let call = |id: &str, name: &str| {
            plugin.call_tool(id.into(), name.into(), "{}".into(), Behind::nobody())
        };
        // A call that ends by itself was not cancelled.
        call("1", "note").await.unwrap();
        assert!(call("2", "trap").await.is_err());
        let spins = timeout(Duration::from_millis(100), call("3", "spin")).await;
        assert!(spins.is_err());
        let mut said = told().await;
        while said.is_none() {
            yield_now().await;
            said = told().await;
        }
        assert_eq!(said.unwrap(), b"spin 3");
    });
}

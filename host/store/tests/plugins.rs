//! Plugins and their revisions, the same on SQLite and on PostgreSQL.

#![allow(missing_docs)]

use store::{Step, Store, Value};
use test_database::{Database, both};

fn step(number: u64, state: &str) -> Step<'_> {
    Step {
        number,
        state,
        reason: None,
    }
}

async fn states(store: &Store, plugin: &str) -> Vec<(u64, String)> {
    let line = store.revisions(plugin).await.unwrap();
    line.into_iter()
        .map(|row| (row.number, row.state))
        .collect()
}

async fn a_change_is_whole(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    for (digest, number) in [("d1", 1), ("d2", 2)] {
        store
            .component_put(digest, digest.as_bytes())
            .await
            .unwrap();
        // Nobody gives other bytes to a digest.
        store.component_put(digest, b"others").await.unwrap();
        let added = store
            .revision_add("a", digest, "{}", "loading", 7, [0; 3])
            .await;
        assert_eq!(added.unwrap(), number);
    }
    let other = store
        .revision_add("b", "d1", "{}", "loading", 7, [0; 3])
        .await;
    assert_eq!(other.unwrap(), 1, "each plugin counts for itself");
    let swap = [step(1, "draining"), step(2, "serving")];
    let changed = store.plugin_change("a", Value::New("{\"serving\":2}"), &swap, 9);
    changed.await.unwrap();
    let failed = Step {
        reason: Some("why"),
        ..step(1, "failed")
    };
    store
        .plugin_change("b", Value::Same, &[failed], 9)
        .await
        .unwrap();
    // What is there is there for others, and after a restart.
    let again = Store::open(&database.url()).await.unwrap();
    assert_eq!(
        states(&again, "a").await,
        [(2, "serving".to_owned()), (1, "draining".to_owned())]
    );
    let row = again.revisions("b").await.unwrap().remove(0);
    assert_eq!(
        (row.reason.as_deref(), row.created, row.changed),
        (Some("why"), 7, 9)
    );
    let kept = again.plugins().await.unwrap();
    assert_eq!(kept, [("a".to_owned(), "{\"serving\":2}".to_owned())]);
    assert_eq!(again.component("d1").await.unwrap().unwrap(), b"d1");
    assert_eq!(again.component("d9").await.unwrap(), None);
    again
        .plugin_change("a", Value::Gone, &[], 10)
        .await
        .unwrap();
    assert!(again.plugins().await.unwrap().is_empty());
    assert_eq!(
        states(&again, "a").await.len(),
        2,
        "its line is its history"
    );
}

async fn old_revisions_are_forgotten_and_what_serves_is_not(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    for number in 1..=40_u64 {
        let digest = format!("d{number}");
        let added = store
            .revision_add("a", &digest, "{}", "loading", 0, [2, 0, 0])
            .await;
        assert_eq!(added.unwrap(), number);
        store.component_put(&digest, &[1; 100]).await.unwrap();
        let state = if number == 3 { "serving" } else { "retired" };
        let steps = [step(number, state)];
        store
            .plugin_change("a", Value::Same, &steps, 0)
            .await
            .unwrap();
    }
    let line = states(&store, "a").await;
    assert_eq!(line.len(), 22);
    assert_eq!(
        line.last().unwrap(),
        &(2, "retired".to_owned()),
        "it is needed"
    );
    assert_eq!(line[line.len() - 2], (3, "serving".to_owned()));
    let steps = [step(4, "serving")];
    let gone = store.plugin_change("a", Value::Same, &steps, 0);
    assert!(gone.await.is_err(), "nothing is told that is not on record");
    store
        .revision_from("a", 3, "draining", "retired", 0)
        .await
        .unwrap();
    assert_eq!(
        states(&store, "a").await,
        line,
        "only from the state that is meant"
    );
    assert!(store.component("d3").await.unwrap().is_some());
    assert!(store.component("d4").await.unwrap().is_none());
    assert!(store.component("d40").await.unwrap().is_some());
}

#[tokio::test]
async fn in_memory_it_is_one_database() {
    let store = Store::in_memory().await.unwrap();
    store.component_put("d", b"bytes").await.unwrap();
    let all = (0..20).map(|_| store.component("d"));
    for found in futures::future::join_all(all).await {
        assert_eq!(found.unwrap().unwrap(), b"bytes");
    }
    let other = Store::in_memory().await.unwrap();
    assert_eq!(other.component("d").await.unwrap(), None);
}

both! {
    a_change_is_whole
    old_revisions_are_forgotten_and_what_serves_is_not
}

//! What tools keep.

#![allow(missing_docs)]

use std::collections::BTreeMap;

use futures::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use store::Store;
use test_database::{Database, both};
use types::ErrorCode;

async fn values_are_kept_by_namespace_and_owner(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    store.kv_set("n", "a", "k", &bytes).await.unwrap();
    store.kv_set("n", "b", "k", b"theirs").await.unwrap();
    store.kv_set("m", "a", "k", b"").await.unwrap();
    let get = async |namespace, owner, key| store.kv_get(namespace, owner, key).await.unwrap();
    assert_eq!(get("n", "a", "k").await, Some(bytes));
    assert_eq!(get("n", "b", "k").await.as_deref(), Some(&b"theirs"[..]));
    assert_eq!(get("m", "a", "k").await.as_deref(), Some(&b""[..]));
    assert_eq!(get("m", "b", "k").await, None);
    assert_eq!(get("n", "a", "K").await, None);
    // Digits stay text.
    store.kv_set("n", "a", "1", b"1").await.unwrap();
    assert_eq!(get("n", "a", "1").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(get("n", "a", "1.0").await, None);
    store.kv_set("n", "a", "k", b"new").await.unwrap();
    assert_eq!(get("n", "a", "k").await.as_deref(), Some(&b"new"[..]));
    assert!(store.kv_delete("n", "a", "k").await.unwrap());
    assert!(!store.kv_delete("n", "a", "k").await.unwrap());
    assert_eq!(get("n", "a", "k").await, None);
    assert!(get("n", "b", "k").await.is_some());
    store.close().await;
    let store = Store::open(&database.url()).await.unwrap();
    assert!(store.kv_get("n", "b", "k").await.unwrap().is_some());
}

async fn what_is_too_large_is_refused(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    let set = async |key: &str, length: usize| {
        let set = store.kv_set("n", "a", key, &vec![7; length]).await;
        set.map_err(|error| error.code)
    };
    assert_eq!(set(&"é".repeat(128), 64 << 10).await, Ok(()));
    assert_eq!(set(&"é".repeat(129), 1).await, Err(ErrorCode::BadRequest));
    assert_eq!(set("k", (64 << 10) + 1).await, Err(ErrorCode::TooLarge));
    for key in ["", "a\0b", "a\nb", "\u{85}"] {
        assert_eq!(set(key, 1).await, Err(ErrorCode::BadRequest), "{key:?}");
        assert!(store.kv_get("n", "a", key).await.is_err());
        assert!(store.kv_delete("n", "a", key).await.is_err());
    }
    assert!(store.kv_keys("n", "a", "a\0", None, 9).await.is_err());
}

/// Several add keys until they can't: also where they race, and after others raced for one key, there are 10,000 then.
async fn there_are_ten_thousand_keys(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    let toggle = |task: usize| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..30 {
                match task % 2 {
                    0 => store.kv_set("n", "a", "k", b"x").await.unwrap(),
                    _ => drop(store.kv_delete("n", "a", "k").await.unwrap()),
                }
            }
        })
    };
    for done in join_all((0..6).map(toggle)).await {
        done.unwrap();
    }
    store.kv_delete("n", "a", "k").await.unwrap();
    let fill = |task: u32| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let key = format!("{task}/{number}");
                match store.kv_set("n", "a", &key, b"x").await {
                    Ok(()) => {}
                    Err(error) => return (number, error.code),
                }
            }
            unreachable!()
        })
    };
    let ends = join_all((0..4).map(fill)).await;
    let ends: Vec<_> = ends.into_iter().map(Result::unwrap).collect();
    assert!(
        ends.iter().all(|(_, code)| *code == ErrorCode::TooLarge),
        "{ends:?}"
    );
    assert_eq!(ends.iter().map(|(number, _)| number).sum::<u32>(), 10_000);
    // Those that are there may change, others' may be added, and one that goes makes room for one.
    store.kv_set("n", "a", "0/0", b"new").await.unwrap();
    store.kv_set("n", "b", "k", b"x").await.unwrap();
    assert!(store.kv_set("n", "a", "k", b"x").await.is_err());
    assert!(!store.kv_delete("n", "a", "k").await.unwrap());
    assert!(store.kv_set("n", "a", "k", b"x").await.is_err());
    assert!(store.kv_delete("n", "a", "0/0").await.unwrap());
    store.kv_set("n", "a", "k", b"x").await.unwrap();
    assert!(store.kv_set("n", "a", "l", b"x").await.is_err());
    assert_eq!(
        store.kv_keys("n", "a", "", None, 5000).await.unwrap().len(),
        1000
    );
}

async fn keys_are_found_by_their_bytes(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    let key = prop_oneof![
        "[aAbB%_\\\\éß/ ]{1,4}",
        "[aé]{1,3}\u{10ffff}?[ÿa]{0,2}",
        any::<char>()
            .prop_filter("no control characters", |c| !c.is_control())
            .prop_map(String::from),
    ];
    let mut runner = TestRunner::deterministic();
    let mut all = BTreeMap::new();
    for _ in 0..200 {
        let key = key.new_tree(&mut runner).unwrap().current();
        store.kv_set("n", "a", &key, key.as_bytes()).await.unwrap();
        all.insert(key.clone().into_bytes(), key);
    }
    let keys: Vec<String> = all.into_values().collect();
    assert_eq!(store.kv_keys("n", "a", "", None, 1000).await.unwrap(), keys);
    for key in &keys {
        assert_eq!(
            store.kv_get("n", "a", key).await.unwrap().as_deref(),
            Some(key.as_bytes())
        );
        for prefix in key
            .char_indices()
            .map(|(end, c)| &key[..end + c.len_utf8()])
        {
            let expected: Vec<_> = keys
                .iter()
                .filter(|other| other.starts_with(prefix))
                .cloned()
                .collect();
            let found = store.kv_keys("n", "a", prefix, None, 1000).await.unwrap();
            assert_eq!(found, expected, "{prefix:?}");
        }
        let after: Vec<_> = keys
            .iter()
            .filter(|other| *other > key)
            .take(3)
            .cloned()
            .collect();
        let found = store.kv_keys("n", "a", "", Some(key), 3).await.unwrap();
        assert_eq!(found, after, "{key:?}");
    }
}

both! {
    values_are_kept_by_namespace_and_owner
    what_is_too_large_is_refused
    there_are_ten_thousand_keys
    keys_are_found_by_their_bytes
}

//! The same on SQLite and on PostgreSQL.

#![allow(missing_docs)]

use std::time::Duration;

use store::{Progress, Store, Work};
use test_database::{Database, both};

async fn answers_belong_to_their_owner(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    store
        .keep("a", "resp_1", &["msg_1", "fc_1"], "one", false)
        .await
        .unwrap();
    let kept = store.kept("a", "resp_1").await.unwrap().unwrap();
    assert_eq!((kept.value.as_str(), kept.state), ("one", Work::Over));
    assert_eq!(store.kept("b", "resp_1").await.unwrap(), None);
    assert_eq!(store.kept("", "resp_1").await.unwrap(), None);
    let found = store.with_item("a", "fc_1").await.unwrap().unwrap();
    assert_eq!(found.value, kept.value);
    assert_eq!(store.with_item("b", "fc_1").await.unwrap(), None);
    // Nobody overwrites another's.
    let theirs = store.keep("b", "resp_1", &["msg_2"], "theirs", false);
    assert!(theirs.await.is_err());
    assert_eq!(
        store.kept("a", "resp_1").await.unwrap().unwrap().value,
        "one"
    );
    assert!(!store.forget("b", "resp_1").await.unwrap());
    assert!(store.forget("a", "resp_1").await.unwrap());
    assert_eq!(store.kept("a", "resp_1").await.unwrap(), None);
    assert_eq!(store.with_item("a", "msg_1").await.unwrap(), None);
}

async fn streams_are_read_again(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    store
        .keep("a", "resp_1", &[], "queued", true)
        .await
        .unwrap();
    assert_eq!(
        store.kept("a", "resp_1").await.unwrap().unwrap().state,
        Work::Going
    );
    let frame = |number: u64| (number, format!("frame {number} é\n"));
    let add = async |id: &str, frames: &[(u64, String)]| {
        let more = Progress {
            frames,
            ..Progress::default()
        };
        store.progress(id, more).await
    };
    assert!(add("resp_1", &[frame(0), frame(1)]).await.unwrap());
    assert!(add("resp_1", &[frame(2), frame(10)]).await.unwrap());
    // A number is one event, and all of them are added or none.
    assert!(add("resp_1", &[frame(3), frame(2)]).await.is_err());
    assert!(!add("resp_2", &[frame(0)]).await.unwrap());
    assert_eq!(
        store.frames("resp_1", None).await.unwrap(),
        [0, 1, 2, 10].map(frame)
    );
    assert_eq!(
        store.frames("resp_1", Some(1)).await.unwrap(),
        [2, 10].map(frame)
    );
    let done = Progress {
        items: &["msg_1"],
        value: Some("done"),
        over: true,
        ..Progress::default()
    };
    assert!(store.progress("resp_1", done).await.unwrap());
    assert_eq!(store.work("a", "resp_1").await.unwrap(), Some(Work::Over));
    assert_eq!(
        store.kept("a", "resp_1").await.unwrap().unwrap().value,
        "done"
    );
    assert!(!add("resp_1", &[frame(11)]).await.unwrap());
    store.close().await;

    // And after a restart.
    let store = Store::open(&database.url()).await.unwrap();
    assert_eq!(store.frames("resp_1", Some(2)).await.unwrap(), [frame(10)]);
    assert_eq!(
        store.forget_older(Duration::from_secs(1000)).await.unwrap(),
        0
    );
    assert_eq!(store.forget_older(Duration::ZERO).await.unwrap(), 1);
    assert!(store.frames("resp_1", None).await.unwrap().is_empty());
}

async fn a_cancelled_answer_is_not_gone_on_with(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    store
        .keep("a", "resp_1", &[], "queued", true)
        .await
        .unwrap();
    let now = |value, over| Progress {
        value: Some(value),
        over,
        ..Progress::default()
    };
    assert!(store.progress("resp_1", now("going", false)).await.unwrap());
    assert_eq!(store.work("a", "resp_1").await.unwrap(), Some(Work::Going));
    assert_eq!(store.work("b", "resp_1").await.unwrap(), None);
    assert!(
        store
            .progress("resp_1", now("cancelled", true))
            .await
            .unwrap()
    );
    let late = Progress {
        frames: &[(0, "late".into())],
        items: &["msg_1"],
        ..now("completed", true)
    };
    assert!(!store.progress("resp_1", late).await.unwrap());
    let kept = store.kept("a", "resp_1").await.unwrap().unwrap();
    assert_eq!((kept.value.as_str(), kept.state), ("cancelled", Work::Over));
    assert_eq!(store.with_item("a", "msg_1").await.unwrap(), None);
    assert!(store.frames("resp_1", None).await.unwrap().is_empty());
}

async fn no_id_is_too_strange(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    let long = "x".repeat(5000);
    for id in [
        "",
        "a\0b",
        "\u{7f}",
        "é'; drop table responses",
        long.as_str(),
    ] {
        assert_eq!(store.kept("a", id).await.unwrap(), None);
        assert!(!store.forget("a", id).await.unwrap());
        assert_eq!(store.with_item("a", id).await.unwrap(), None);
    }
    store
        .keep("a", "resp_1", &[&long, "a\0b", "msg_1"], "one", false)
        .await
        .unwrap();
    assert!(store.with_item("a", "msg_1").await.unwrap().is_some());
}

async fn keys_are_made_once(database: Database) {
    let one = Store::open(&database.url()).await.unwrap();
    let two = Store::open(&database.url()).await.unwrap();
    assert_eq!(
        one.key("seal").await.unwrap(),
        two.key("seal").await.unwrap()
    );
    assert_ne!(
        one.key("seal").await.unwrap(),
        one.key("other").await.unwrap()
    );
}

both! { no_id_is_too_strange a_cancelled_answer_is_not_gone_on_with keys_are_made_once answers_belong_to_their_owner streams_are_read_again }

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    for url in [
        "nonsense",
        "mysql://localhost/x",
        "sqlite:///proc/none/x.db",
        "postgres://localhost:1/x",
    ] {
        let error = Store::open(url).await.unwrap_err();
        assert!(error.message.starts_with("the store"), "{error}");
    }
}

#[tokio::test]
async fn nobody_else_reads_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.db");
    let url = format!("sqlite://{}", file.display());
    Store::open(&url).await.unwrap().close().await;
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let error = Store::open(&url).await.unwrap_err();
    assert!(error.message.contains("644"), "{error}");
}

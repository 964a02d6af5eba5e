//! The same on SQLite and on PostgreSQL.

#![allow(missing_docs)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use store::{Store, Work};
use tempfile::TempDir;

/// A database of the test's own.
enum Database {
    Sqlite(TempDir),
    Postgres(TempDir),
}

impl Database {
    fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("it.db").display()),
            Self::Postgres(folder) => {
                format!(
                    "postgres://evenhand@localhost/postgres?host={}",
                    folder.path().display()
                )
            }
        }
    }

    fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// A server that listens on a socket in its folder only.
    fn postgres() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pg")
            .tempdir_in("/tmp")
            .unwrap();
        let data = folder.path().join("data");
        // PostgreSQL's programs don't run as root.
        own(folder.path());
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off",
            folder.path().display()
        );
        pg(
            "initdb",
            &[
                "--pgdata",
                data.to_str().unwrap(),
                "--username=evenhand",
                "--auth=trust",
                "--no-sync",
            ],
        );
        let log = folder.path().join("log");
        pg(
            "pg_ctl",
            &[
                "--pgdata",
                data.to_str().unwrap(),
                "--wait",
                "--log",
                log.to_str().unwrap(),
                "--options",
                &options,
                "start",
            ],
        );
        Self::Postgres(folder)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Self::Postgres(folder) = self {
            let data = folder.path().join("data");
            pg(
                "pg_ctl",
                &[
                    "--pgdata",
                    data.to_str().unwrap(),
                    "--mode=immediate",
                    "stop",
                ],
            );
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("--user").output().unwrap();
    id.stdout == b"0\n"
}

fn own(folder: &Path) {
    if is_root() {
        assert!(
            Command::new("chown")
                .arg("nobody")
                .arg(folder)
                .status()
                .unwrap()
                .success()
        );
    }
}

fn pg(program: &str, args: &[&str]) {
    let mut command = Command::new(if is_root() { "setpriv" } else { program });
    if is_root() {
        command.args(["--reuid=nobody", "--clear-groups", program]);
    }
    let out = command.args(args).current_dir("/").output().unwrap();
    assert!(
        out.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
}

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
    assert_eq!(store.with_item("a", "fc_1").await.unwrap(), Some(kept));
    assert_eq!(store.with_item("b", "fc_1").await.unwrap(), None);
    // Nobody overwrites another's.
    store
        .keep("b", "resp_1", &[], "theirs", false)
        .await
        .unwrap();
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
    store
        .add_frames("resp_1", &[frame(0), frame(1)])
        .await
        .unwrap();
    store
        .add_frames("resp_1", &[frame(2), frame(10)])
        .await
        .unwrap();
    // A number is one event.
    assert!(
        store
            .add_frames("resp_1", &[frame(3), frame(2)])
            .await
            .is_err()
    );
    assert!(store.add_frames("resp_2", &[frame(0)]).await.is_err());
    assert_eq!(
        store.frames("resp_1", None).await.unwrap(),
        [0, 1, 2, 10].map(frame)
    );
    assert_eq!(
        store.frames("resp_1", Some(1)).await.unwrap(),
        [2, 10].map(frame)
    );
    assert!(store.still_going("resp_1").await.unwrap());
    store
        .keep("a", "resp_1", &["msg_1"], "done", false)
        .await
        .unwrap();
    assert!(!store.still_going("resp_1").await.unwrap());
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

macro_rules! both {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::$test(super::Database::sqlite()).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::$test(super::Database::postgres()).await; })* }
    };
}

async fn a_cancelled_answer_is_not_gone_on_with(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    store
        .keep("a", "resp_1", &[], "queued", true)
        .await
        .unwrap();
    assert!(
        store
            .go_on("resp_1", &[], "in progress", false)
            .await
            .unwrap()
    );
    assert_eq!(
        store.kept("a", "resp_1").await.unwrap().unwrap().state,
        Work::Going
    );
    store
        .keep("a", "resp_1", &[], "cancelled", false)
        .await
        .unwrap();
    assert!(!store.still_going("resp_1").await.unwrap());
    assert!(
        !store
            .go_on("resp_1", &["msg_1"], "completed", true)
            .await
            .unwrap()
    );
    assert_eq!(
        store.kept("a", "resp_1").await.unwrap().unwrap().value,
        "cancelled"
    );
    assert_eq!(store.with_item("a", "msg_1").await.unwrap(), None);
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

both! { a_cancelled_answer_is_not_gone_on_with keys_are_made_once answers_belong_to_their_owner streams_are_read_again }

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

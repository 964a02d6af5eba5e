//! Databases for tests, each of the test's own: SQLite in a file, PostgreSQL as a server that the test starts.

#![deny(missing_docs)]
#![allow(clippy::missing_panics_doc)]

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A database of the test's own.
#[derive(Debug)]
pub enum Database {
    /// A file in this folder.
    Sqlite(TempDir),
    /// A server with its data and its socket in this folder.
    Postgres(TempDir),
}

impl Database {
    /// How to reach it, in PostgreSQL as the superuser `evenhand`.
    pub fn url(&self) -> String {
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

    /// A file that isn't there yet.
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// A server that listens on a socket in its folder only.
    pub fn postgres() -> Self {
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

/// Runs each of these tests on both.
#[macro_export]
macro_rules! both {
    ($($test:ident)*) => {
        mod sqlite { $(#[tokio::test] async fn $test() { super::$test($crate::Database::sqlite()).await; })* }
        mod postgres { $(#[tokio::test] async fn $test() { super::$test($crate::Database::postgres()).await; })* }
    };
}

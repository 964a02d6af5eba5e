//! What outlives a request and a restart: in SQLite, where one host serves, or in PostgreSQL, which several can share.
//! Whatever is kept belongs to a key; for others it isn't there.

#![deny(missing_docs)]

mod agents;
mod keys;
mod kv;
mod leases;
mod plugins;
mod responses;
mod sessions;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::{AnyPool, AssertSqlSafe, Executor};
use types::{Error, ErrorCode};
use url::Url;

pub use agents::AgentRow;
pub use leases::Lease;
pub use plugins::{RevisionRow, Step, Value};
pub use responses::{Kept, Progress, Work};
pub use sessions::{Append, Appended, SessionRow, Writer};

/// Whoever finds no free connection in this time gets an error.
const WAIT: Duration = Duration::from_secs(5);

/// Connections to PostgreSQL, whose default is a hundred for all of its clients; SQLite writes one after the other anyway.
const CONNECTIONS: u32 = 10;

/// A database. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    sqlite: bool,
}

impl Store {
    /// Opens `sqlite://FILE`, which is made where it isn't there, or `postgres://…`, and brings its tables up to date.
    ///
    /// # Errors
    /// It can't be reached, or is newer than this program.
    pub async fn open(url: &str) -> Result<Self, Error> {
        install_default_drivers();
        let mut url = Url::parse(url).map_err(|e| unusable("has no URL", &e))?;
        let sqlite = url.scheme() == "sqlite";
        if sqlite && !url.query_pairs().any(|(name, _)| name == "mode") {
            url.query_pairs_mut().append_pair("mode", "rwc");
        }
        if sqlite {
            private(Path::new(url.path())).map_err(|e| unusable("can't be opened", &e))?;
        }
        Self::connect(
            url.as_str(),
            sqlite,
            AnyPoolOptions::new().max_connections(CONNECTIONS),
        )
        .await
    }

    /// A store that is gone with its last clone.
    ///
    /// # Errors
    /// There is no memory for it.
    pub async fn in_memory() -> Result<Self, Error> {
        install_default_drivers();
        // Each connection would be another database, and an idle one that is closed is the end of it.
        let one = AnyPoolOptions::new().min_connections(1).max_connections(1);
        let one = one.idle_timeout(None).max_lifetime(None);
        Self::connect("sqlite::memory:", true, one).await
    }

    async fn connect(url: &str, sqlite: bool, pool: AnyPoolOptions) -> Result<Self, Error> {
        let pool = pool
            .acquire_timeout(WAIT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        // Readers and the writer don't wait for each other.
                        connection.execute("pragma journal_mode = wal").await?;
                        // What was told survives a kill of this program; the power's failure may cost the last moment.
                        connection.execute("pragma synchronous = normal").await?;
                    } else {
                        // A host that is frozen in the middle of a change must not keep what it holds from the others.
                        connection
                            .execute("set idle_in_transaction_session_timeout = '10s'")
                            .await?;
                    }
                    Ok(())
                })
            })
            .connect(url)
            .await
            .map_err(|e| unusable("can't be opened", &e))?;
        let tables = sqlx::migrate!().run(&pool).await;
        tables.map_err(|e| unusable("can't be brought up to date", &e))?;
        Ok(Self { pool, sqlite })
    }

    /// The statement with the database's own words for what each says in its own way: `clock()`, its milliseconds since 1970, and
    /// `passing over locked`, which skips the rows that others are changing.
    fn words(&self, statement: &str) -> AssertSqlSafe<String> {
        let (clock, passing) = match self.sqlite {
            true => ("cast(unixepoch('subsec') * 1000 as bigint)", ""),
            false => (
                "(extract(epoch from clock_timestamp()) * 1000)::bigint",
                "for update skip locked",
            ),
        };
        let statement = statement.replace("clock()", clock);
        AssertSqlSafe(statement.replace("passing over locked", passing))
    }

    /// Waits for what is being written, and closes it.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn unusable(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorCode::Internal, format!("the store {what}: {error}"))
}

/// Makes the file where it isn't there, for nobody else to read: it has what clients said, and a key.
fn private(file: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let mode = options.open(file)?.metadata()?.mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(io::Error::other(format!(
            "others can read or write {}: its mode is {mode:o}, and must be 600",
            file.display()
        ))),
    }
}

/// Longest id that is looked for, in bytes: those of all vendors are shorter, and an index takes no more than some thousand.
const ID: usize = 256;

/// Could it be an id? PostgreSQL's texts have no NUL.
fn is_id(id: &str) -> bool {
    id.len() <= ID && !id.chars().any(char::is_control)
}

/// The statement for a page of a list in the order of `created` and `id`, behind the one that has the id `$2`.
fn page(statement: &str, ascending: bool) -> AssertSqlSafe<String> {
    let (behind, order) = if ascending {
        (">", "asc")
    } else {
        ("<", "desc")
    };
    let statement = statement.replace("is behind", behind);
    AssertSqlSafe(format!(
        "{statement} order by created {order}, id {order} limit $3"
    ))
}

/// As databases have it.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Milliseconds.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, millis)
}

/// The database failed: that is the operator's to mend, and its words are for the log.
fn failed(error: sqlx::Error) -> Error {
    tracing::error!(%error, "the store failed");
    Error::new(
        ErrorCode::Internal,
        "the store failed; the host's log says why",
    )
}

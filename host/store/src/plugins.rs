//! Plugins: their components, their revisions, and what serves. What the texts in it mean is the matter of the catalog.

use sqlx::Row;
use sqlx::any::AnyRow;
use types::Error;

use crate::{Store, failed, int};

/// Revisions of a plugin that are kept: an operator goes back to the last or the one before, seldom further.
const KEPT: i64 = 20;

/// A revision of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRow {
    /// Counted from 1.
    pub number: u64,
    /// Of the component.
    pub digest: String,
    /// What it is, a JSON text.
    pub about: String,
    /// Where it stands.
    pub state: String,
    /// Why it failed, or was taken back.
    pub reason: Option<String>,
    /// When it came, in milliseconds since 1970.
    pub created: i64,
    /// When its state last changed.
    pub changed: i64,
}

/// What is kept of a plugin beside its revisions.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// What it was.
    Same,
    /// This JSON text.
    New(&'a str),
    /// Nothing any more.
    Gone,
}

/// A revision's next state.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Which revision.
    pub number: u64,
    /// Where it stands now.
    pub state: &'a str,
    /// Why it failed, or was taken back.
    pub reason: Option<&'a str>,
}

impl Store {
    /// Keeps a component.
    ///
    /// # Errors
    /// The database's.
    pub async fn component_put(&self, digest: &str, bytes: &[u8]) -> Result<(), Error> {
        let put = sqlx::query(
            "insert into components (digest, bytes) values ($1, $2) on conflict (digest) do nothing",
        )
        .bind(digest)
        .bind(bytes)
        .execute(&self.pool)
        .await;
        put.map(drop).map_err(failed)
    }

    /// A component.
    ///
    /// # Errors
    /// The database's.
    pub async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, Error> {
        let row = sqlx::query("select bytes from components where digest = $1")
            .bind(digest)
            .fetch_optional(&self.pool)
            .await;
        row.and_then(|row| row.map(|row| row.try_get("bytes")).transpose())
            .map_err(failed)
    }

    /// Begins a revision in this state, gives its number, and forgets those that are long gone and not `needed`, with their components.
    ///
    /// # Errors
    /// The database's.
    pub async fn revision_add(
        &self,
        plugin: &str,
        digest: &str,
        about: &str,
        state: &str,
        now: i64,
        needed: [u64; 3],
    ) -> Result<u64, Error> {
        let added = async {
            let mut change = self.pool.begin().await?;
            let row = sqlx::query(
                "insert into revisions (plugin, number, digest, about, state, created, changed)
                 values ($1, (select coalesce(max(number), 0) + 1 from revisions where plugin = $1),
                 $2, $3, $4, $5, $5) returning number",
            )
            .bind(plugin)
            .bind(digest)
            .bind(about)
            .bind(state)
            .bind(now)
            .fetch_one(&mut *change)
            .await?;
            let number: i64 = row.try_get("number")?;
            let old = sqlx::query(
                "delete from revisions where plugin = $1 and number <= $2 and state in ('retired', 'failed')
                 and number <> $3 and number <> $4 and number <> $5",
            )
            .bind(plugin)
            .bind(number - KEPT)
            .bind(int(needed[0]))
            .bind(int(needed[1]))
            .bind(int(needed[2]))
            .execute(&mut *change)
            .await?;
            if old.rows_affected() > 0 {
                sqlx::query(
                    "delete from components where digest not in (select digest from revisions)",
                )
                .execute(&mut *change)
                .await?;
            }
            change.commit().await?;
            Ok(number)
        };
        added.await.map(from_row).map_err(failed)
    }

    /// Changes what is kept of a plugin and where its revisions stand: all of it or, where the database fails, nothing.
    ///
    /// # Errors
    /// The database's.
    pub async fn plugin_change(
        &self,
        plugin: &str,
        value: Value<'_>,
        steps: &[Step<'_>],
        now: i64,
    ) -> Result<(), Error> {
        let changed = async {
            let mut change = self.pool.begin().await?;
            match value {
                Value::Same => {}
                Value::New(value) => {
                    sqlx::query(
                        "insert into plugins (plugin, value) values ($1, $2)
                         on conflict (plugin) do update set value = excluded.value",
                    )
                    .bind(plugin)
                    .bind(value)
                    .execute(&mut *change)
                    .await?;
                }
                Value::Gone => {
                    sqlx::query("delete from plugins where plugin = $1")
                        .bind(plugin)
                        .execute(&mut *change)
                        .await?;
                }
            }
            for step in steps {
                let changed = sqlx::query(
                    "update revisions set state = $3, reason = $4, changed = $5
                     where plugin = $1 and number = $2",
                )
                .bind(plugin)
                .bind(int(step.number))
                .bind(step.state)
                .bind(step.reason)
                .bind(now)
                .execute(&mut *change)
                .await?;
                if changed.rows_affected() == 0 {
                    return Err(sqlx::Error::RowNotFound);
                }
            }
            change.commit().await
        };
        changed.await.map_err(failed)
    }

    /// Takes a revision from one state to another, if it is still in the one.
    ///
    /// # Errors
    /// The database's.
    pub async fn revision_from(
        &self,
        plugin: &str,
        number: u64,
        from: &str,
        to: &str,
        now: i64,
    ) -> Result<(), Error> {
        let changed = sqlx::query(
            "update revisions set state = $4, changed = $5
             where plugin = $1 and number = $2 and state = $3",
        )
        .bind(plugin)
        .bind(int(number))
        .bind(from)
        .bind(to)
        .bind(now)
        .execute(&self.pool)
        .await;
        changed.map(drop).map_err(failed)
    }

    /// What is kept of each plugin.
    ///
    /// # Errors
    /// The database's.
    pub async fn plugins(&self) -> Result<Vec<(String, String)>, Error> {
        let rows = sqlx::query("select plugin, value from plugins order by plugin")
            .fetch_all(&self.pool)
            .await;
        let pair = |row: &AnyRow| Ok((row.try_get("plugin")?, row.try_get("value")?));
        rows.and_then(|rows| rows.iter().map(pair).collect())
            .map_err(failed)
    }

    /// The revisions of a plugin, the newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn revisions(&self, plugin: &str) -> Result<Vec<RevisionRow>, Error> {
        let rows = sqlx::query(
            "select number, digest, about, state, reason, created, changed from revisions
             where plugin = $1 order by number desc",
        )
        .bind(plugin)
        .fetch_all(&self.pool)
        .await;
        rows.and_then(|rows| rows.iter().map(revision).collect())
            .map_err(failed)
    }
}

fn revision(row: &AnyRow) -> Result<RevisionRow, sqlx::Error> {
    Ok(RevisionRow {
        number: from_row(row.try_get("number")?),
        digest: row.try_get("digest")?,
        about: row.try_get("about")?,
        state: row.try_get("state")?,
        reason: row.try_get("reason")?,
        created: row.try_get("created")?,
        changed: row.try_get("changed")?,
    })
}

/// Numbers are counted from 1.
fn from_row(number: i64) -> u64 {
    number.unsigned_abs()
}

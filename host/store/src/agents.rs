//! Agents that clients made. What is in them is the matter of whoever runs them.

use sqlx::Row;
use sqlx::any::AnyRow;
use types::Error;

use crate::{Store, failed, int, is_id, page};

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRow {
    /// Its id, unique to its owner.
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// What it is, a JSON text.
    pub value: String,
}

impl Store {
    /// Keeps an agent of `owner`, or what it is now; then `created` stays.
    ///
    /// # Errors
    /// The database's.
    pub async fn agent_put(
        &self,
        owner: &str,
        id: &str,
        value: &str,
        created: i64,
    ) -> Result<(), Error> {
        let put = sqlx::query(
            "insert into agents (owner, id, created, value) values ($1, $2, $3, $4)
             on conflict (owner, id) do update set value = excluded.value",
        )
        .bind(owner)
        .bind(id)
        .bind(created)
        .bind(value)
        .execute(&self.pool)
        .await;
        put.map(drop).map_err(failed)
    }

    /// An agent of `owner`.
    ///
    /// # Errors
    /// The database's.
    pub async fn agent(&self, owner: &str, id: &str) -> Result<Option<AgentRow>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let found =
            sqlx::query("select id, created, value from agents where owner = $1 and id = $2")
                .bind(owner)
                .bind(id)
                .fetch_optional(&self.pool)
                .await
                .and_then(|row| row.as_ref().map(agent).transpose());
        found.map_err(failed)
    }

    /// Agents of `owner` in the order in which they were made, or the other way round; those behind `after`, and none where there is
    /// no such agent.
    ///
    /// # Errors
    /// The database's.
    pub async fn agent_list(
        &self,
        owner: &str,
        after: Option<&str>,
        limit: u64,
        ascending: bool,
    ) -> Result<Vec<AgentRow>, Error> {
        if after.is_some_and(|after| !is_id(after)) {
            return Ok(Vec::new());
        }
        let statement = page(
            "select id, created, value from agents where owner = $1 and ($2 is null or
             (created, id) is behind (select created, id from agents where owner = $1 and id = $2))",
            ascending,
        );
        let rows = sqlx::query(statement)
            .bind(owner)
            .bind(after)
            .bind(int(limit))
            .fetch_all(&self.pool)
            .await;
        rows.and_then(|rows| rows.iter().map(agent).collect())
            .map_err(failed)
    }

    /// Removes an agent of `owner`, and says whether there was one. Its sessions stay.
    ///
    /// # Errors
    /// The database's.
    pub async fn agent_delete(&self, owner: &str, id: &str) -> Result<bool, Error> {
        if !is_id(id) {
            return Ok(false);
        }
        let gone = sqlx::query("delete from agents where owner = $1 and id = $2")
            .bind(owner)
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(gone.rows_affected() > 0)
    }
}

fn agent(row: &AnyRow) -> Result<AgentRow, sqlx::Error> {
    Ok(AgentRow {
        id: row.try_get("id")?,
        created: row.try_get("created")?,
        value: row.try_get("value")?,
    })
}

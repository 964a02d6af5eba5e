//! Sessions of agents: each a log of events, which only grows. What the events are is the matter of whoever runs the agent.

use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use types::{Error, ErrorCode};

use crate::{Lease, Store, failed, int, is_id, now, page};

/// A session, without its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// The key whose it is; empty: no key was asked for.
    pub owner: String,
    /// The agent's id or name.
    pub agent: String,
    /// A JSON text.
    pub metadata: String,
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// When it last changed, in milliseconds since 1970.
    pub updated: i64,
    /// How it stands.
    pub status: String,
    /// Number of its next event: of those that it has, the last has one less, the first 0.
    pub next: u64,
}

/// Who adds events.
#[derive(Debug, Clone, Copy)]
pub enum Writer<'a> {
    /// Any host, as a client said. It says which event it expects to be the next.
    Client,
    /// The host that works on the session, as long as it has the lease.
    Runner(&'a Lease),
}

/// What is added to a session, all of it or nothing.
#[derive(Debug, Clone, Copy)]
pub struct Append<'a> {
    /// Who adds it.
    pub by: Writer<'a>,
    /// The events, JSON texts.
    pub events: &'a [String],
    /// How the session stands now.
    pub status: &'a str,
    /// There is work to be done.
    pub wants: bool,
    /// Number of the first event, if nothing was added since the session was read. A client's must say it.
    pub expect_next: Option<u64>,
}

/// What came of adding events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// They were added; the first has this number.
    At(u64),
    /// Another added something before, or the session is gone: read it again.
    Changed,
    /// The host doesn't have the lease any more, or the session is gone.
    LeaseLost,
}

impl Store {
    /// Begins a session of `owner` with its first events.
    ///
    /// # Errors
    /// The database's; there is a session of this id.
    #[expect(clippy::too_many_arguments, reason = "a row has that many columns")]
    pub async fn session_begin(
        &self,
        owner: &str,
        id: &str,
        agent: &str,
        metadata: &str,
        events: &[String],
        status: &str,
        wants: bool,
    ) -> Result<(), Error> {
        let now = now();
        let mut all = self.pool.begin().await.map_err(failed)?;
        sqlx::query(
            "insert into sessions (id, owner, agent, metadata, created, updated, status, wants, next, lease_epoch)
             values ($1, $2, $3, $4, $5, $5, $6, $7, $8, 0)",
        )
        .bind(id)
        .bind(owner)
        .bind(agent)
        .bind(metadata)
        .bind(now)
        .bind(status)
        .bind(wants)
        .bind(int(events.len() as u64))
        .execute(&mut *all)
        .await
        .map_err(failed)?;
        add_events(&mut all, id, 0, now, events).await?;
        all.commit().await.map_err(failed)
    }

    /// Adds events to a session and says how it stands then.
    ///
    /// # Errors
    /// The database's; a client's that doesn't say what it expects.
    pub async fn session_append(&self, id: &str, more: Append<'_>) -> Result<Appended, Error> {
        let lease = match more.by {
            Writer::Runner(lease) => Some(lease),
            Writer::Client if more.expect_next.is_some() => None,
            Writer::Client => {
                let message =
                    "a client's events need the number of the event that they expect to be";
                return Err(Error::new(ErrorCode::Internal, message));
            }
        };
        if lease.is_some_and(|lease| lease.session != id) {
            return Ok(Appended::LeaseLost);
        }
        let now = now();
        let mut all = self.pool.begin().await.map_err(failed)?;
        // It locks the row, so that nobody else adds to the session or takes it until these events are there.
        let row = sqlx::query(self.words(
            "update sessions set next = next + $1, status = $2, wants = $3, updated = case when $1 > 0 then $4 else updated end
             where id = $5 and next = coalesce($6, next)
             and ($7 is null or (lease_host = $7 and lease_epoch = $8 and lease_until > clock()))
             returning next",
        ))
        .bind(int(more.events.len() as u64))
        .bind(more.status)
        .bind(more.wants)
        .bind(now)
        .bind(id)
        .bind(more.expect_next.map(int))
        .bind(lease.map(|lease| lease.host.as_str()))
        .bind(lease.map(|lease| int(lease.epoch)))
        .fetch_optional(&mut *all)
        .await
        .map_err(failed)?;
        let Some(row) = row else {
            drop(all);
            return Ok(match lease {
                Some(lease) if !self.session_holds(lease).await? => Appended::LeaseLost,
                _ => Appended::Changed,
            });
        };
        let next: i64 = row.try_get("next").map_err(failed)?;
        let first = next.unsigned_abs() - more.events.len() as u64;
        add_events(&mut all, id, first, now, more.events).await?;
        all.commit().await.map_err(failed)?;
        Ok(Appended::At(first))
    }

    /// A session of `owner`.
    ///
    /// # Errors
    /// The database's.
    pub async fn session(&self, owner: &str, id: &str) -> Result<Option<SessionRow>, Error> {
        let found = self.session_any(id).await?;
        Ok(found.filter(|session| session.owner == owner))
    }

    /// A session, whose it may be.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_any(&self, id: &str) -> Result<Option<SessionRow>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let found = sqlx::query(
            "select id, owner, agent, metadata, created, updated, status, next from sessions where id = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await
        .and_then(|row| row.as_ref().map(session).transpose());
        found.map_err(failed)
    }

    /// Events of a session behind this number, or from the first, with their numbers and when they were added, in milliseconds since
    /// 1970 by the clock of the host that did.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_events(
        &self,
        id: &str,
        after: Option<u64>,
        limit: u64,
    ) -> Result<Vec<(u64, i64, String)>, Error> {
        let rows = sqlx::query(
            "select number, at, value from session_events where session = $1 and number > $2 order by number limit $3",
        )
        .bind(id)
        .bind(after.map_or(-1, int))
        .bind(int(limit))
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        let event = |row: &AnyRow| {
            let number: i64 = row.try_get("number")?;
            Ok((
                number.unsigned_abs(),
                row.try_get("at")?,
                row.try_get("value")?,
            ))
        };
        rows.iter()
            .map(event)
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    /// Sessions of `owner`, of one agent or of all, in the order in which they were made, or the other way round; those behind `after`,
    /// and none where there is no such session.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_list(
        &self,
        owner: &str,
        agent: Option<&str>,
        after: Option<&str>,
        limit: u64,
        ascending: bool,
    ) -> Result<Vec<SessionRow>, Error> {
        if [agent, after].into_iter().flatten().any(|id| !is_id(id)) {
            return Ok(Vec::new());
        }
        let statement = page(
            "select id, owner, agent, metadata, created, updated, status, next from sessions
             where owner = $1 and agent = coalesce($4, agent) and ($2 is null or
             (created, id) is behind (select created, id from sessions where owner = $1 and id = $2))",
            ascending,
        );
        let rows = sqlx::query(statement)
            .bind(owner)
            .bind(after)
            .bind(int(limit))
            .bind(agent)
            .fetch_all(&self.pool)
            .await;
        rows.and_then(|rows| rows.iter().map(session).collect())
            .map_err(failed)
    }

    /// Sets the metadata of a session of `owner`, and says whether there is one.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_set_metadata(
        &self,
        owner: &str,
        id: &str,
        metadata: &str,
    ) -> Result<bool, Error> {
        if !is_id(id) {
            return Ok(false);
        }
        let set = sqlx::query(
            "update sessions set metadata = $1, updated = $2 where id = $3 and owner = $4",
        )
        .bind(metadata)
        .bind(now())
        .bind(id)
        .bind(owner)
        .execute(&self.pool)
        .await
        .map_err(failed)?;
        Ok(set.rows_affected() > 0)
    }

    /// Removes a session of `owner` with its events, and says whether there was one. A host that works on it loses its lease.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_delete(&self, owner: &str, id: &str) -> Result<bool, Error> {
        if !is_id(id) {
            return Ok(false);
        }
        let gone = sqlx::query("delete from sessions where id = $1 and owner = $2")
            .bind(id)
            .bind(owner)
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(gone.rows_affected() > 0)
    }

    /// Forgets sessions that nobody works on nor is to, and that haven't changed since `before`.
    pub(crate) async fn forget_sessions(&self, before: i64) -> Result<u64, Error> {
        let gone = sqlx::query(self.words(
            "delete from sessions where updated < $1 and not wants and (lease_until is null or lease_until <= clock())",
        ))
        .bind(before)
        .execute(&self.pool)
        .await
        .map_err(failed)?;
        Ok(gone.rows_affected())
    }
}

async fn add_events(
    all: &mut Transaction<'_, Any>,
    session: &str,
    first: u64,
    at: i64,
    events: &[String],
) -> Result<(), Error> {
    for (number, value) in (first..).zip(events) {
        sqlx::query(
            "insert into session_events (session, number, at, value) values ($1, $2, $3, $4)",
        )
        .bind(session)
        .bind(int(number))
        .bind(at)
        .bind(value)
        .execute(&mut **all)
        .await
        .map_err(failed)?;
    }
    Ok(())
}

fn session(row: &AnyRow) -> Result<SessionRow, sqlx::Error> {
    let next: i64 = row.try_get("next")?;
    Ok(SessionRow {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        agent: row.try_get("agent")?,
        metadata: row.try_get("metadata")?,
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
        status: row.try_get("status")?,
        next: next.unsigned_abs(),
    })
}

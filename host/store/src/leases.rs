//! Which host works on a session. Leases end by the database's clock, so that a host whose own is wrong takes nothing from others.

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;
use types::Error;

use crate::{Store, failed, int, is_id, millis};

/// A session that a host works on, until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The session's id.
    pub session: String,
    /// Whose it is.
    pub owner: String,
    /// The host. Each process has a name of its own, else it takes what the one before it left for its own.
    pub host: String,
    /// How often the session was taken, with this time.
    pub epoch: u64,
}

impl Store {
    /// Takes sessions in which work is to be done and on which no host works, at most `limit`, those first that wait longest.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_take(
        &self,
        host: &str,
        lease: Duration,
        limit: u64,
    ) -> Result<Vec<Lease>, Error> {
        self.take(host, lease, limit, None).await
    }

    /// The same of this session.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_take_one(
        &self,
        id: &str,
        host: &str,
        lease: Duration,
    ) -> Result<Option<Lease>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.take(host, lease, 1, Some(id)).await?.pop())
    }

    async fn take(
        &self,
        host: &str,
        lease: Duration,
        limit: u64,
        id: Option<&str>,
    ) -> Result<Vec<Lease>, Error> {
        let rows = sqlx::query(self.words(
            "with free as materialized (
                 select id from sessions
                 where wants and id = coalesce($4, id) and (lease_until is null or lease_until <= clock())
                 order by updated limit $3 passing over locked
             )
             update sessions set lease_host = $1, lease_until = clock() + $2, lease_epoch = lease_epoch + 1
             where id in (select id from free)
             returning id, owner, lease_epoch",
        ))
        .bind(host)
        .bind(millis(lease))
        .bind(int(limit))
        .bind(id)
        .fetch_all(&self.pool)
        .await;
        let taken = |row: &AnyRow| {
            let epoch: i64 = row.try_get("lease_epoch")?;
            Ok(Lease {
                session: row.try_get("id")?,
                owner: row.try_get("owner")?,
                host: host.to_owned(),
                epoch: epoch.unsigned_abs(),
            })
        };
        rows.and_then(|rows| rows.iter().map(taken).collect())
            .map_err(failed)
    }

    /// Has the host the lease yet? Then it lasts for this long from now.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_renew(&self, lease: &Lease, lasts: Duration) -> Result<bool, Error> {
        let renewed = sqlx::query(self.words(
            "update sessions set lease_until = clock() + $1
             where id = $2 and lease_host = $3 and lease_epoch = $4 and lease_until > clock()",
        ))
        .bind(millis(lasts))
        .bind(&lease.session)
        .bind(&lease.host)
        .bind(int(lease.epoch))
        .execute(&self.pool)
        .await
        .map_err(failed)?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Gives a session back, so that another may take it at once.
    ///
    /// # Errors
    /// The database's.
    pub async fn session_release(&self, lease: &Lease) -> Result<(), Error> {
        let released = sqlx::query(
            "update sessions set lease_until = null where id = $1 and lease_host = $2 and lease_epoch = $3",
        )
        .bind(&lease.session)
        .bind(&lease.host)
        .bind(int(lease.epoch))
        .execute(&self.pool)
        .await;
        released.map(drop).map_err(failed)
    }

    /// Has the host the lease yet?
    pub(crate) async fn session_holds(&self, lease: &Lease) -> Result<bool, Error> {
        let held = sqlx::query(self.words(
            "select 1 from sessions where id = $1 and lease_host = $2 and lease_epoch = $3 and lease_until > clock()",
        ))
        .bind(&lease.session)
        .bind(&lease.host)
        .bind(int(lease.epoch))
        .fetch_optional(&self.pool)
        .await
        .map_err(failed)?;
        Ok(held.is_some())
    }
}

//! Answers of the Responses dialect. What is in them is the dialect's matter.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};
use types::{Error, ErrorCode};

use crate::{Store, failed, int, is_id, millis, now};

/// A host that works on an answer says so at least this often.
const ALIVE: Duration = Duration::from_secs(10);

/// One that has not said so for this long is gone.
const GONE: Duration = Duration::from_secs(60);

/// An answer that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it is, as it was kept.
    pub value: String,
    /// Does a host work on it?
    pub state: Work,
    /// How long ago it was made or last gone on from.
    pub age: Duration,
}

/// What is added to an answer that a host works on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress<'a> {
    /// Events of its stream, with their numbers.
    pub frames: &'a [(u64, String)],
    /// Ids by which others may refer to what is in it.
    pub items: &'a [&'a str],
    /// What it is now; absent: as before.
    pub value: Option<&'a str>,
    /// No host works on it any more.
    pub over: bool,
}

/// Most items of an answer that others may refer to.
const ITEMS: usize = 2000;

/// Does a host work on an answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It is over.
    Over,
    /// One does.
    Going,
    /// One did, and is gone.
    Lost,
}

impl Store {
    /// How often to say that an answer is worked on, by [`Store::progress`].
    pub const ALIVE: Duration = ALIVE;

    /// Keeps an answer of `owner`, or what it is now. `items`: the ids by which others may refer to what is in it. `going`: a host
    /// works on it.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep(
        &self,
        owner: &str,
        id: &str,
        items: &[&str],
        value: &str,
        going: bool,
    ) -> Result<(), Error> {
        let now = now();
        let mut all = self.pool.begin().await.map_err(failed)?;
        let told = sqlx::query(
            "insert into responses (id, owner, created, alive, value) values ($1, $2, $3, $4, $5)
             on conflict (id) do update set alive = excluded.alive, value = excluded.value where responses.owner = excluded.owner",
        )
        .bind(id)
        .bind(owner)
        .bind(now)
        .bind(going.then_some(now))
        .bind(value)
        .execute(&mut *all)
        .await
        .map_err(failed)?;
        if told.rows_affected() == 0 {
            let message = "there is an answer of this id that is another's";
            return Err(Error::new(ErrorCode::Internal, message));
        }
        add_items(&mut all, id, items).await?;
        all.commit().await.map_err(failed)
    }

    /// What a host adds to an answer that it works on: all of it or nothing. Says whether the answer was still wanted: it may be over by
    /// another's word, or forgotten.
    ///
    /// # Errors
    /// The database's.
    pub async fn progress(&self, id: &str, more: Progress<'_>) -> Result<bool, Error> {
        let mut all = self.pool.begin().await.map_err(failed)?;
        let told = sqlx::query(
            "update responses set alive = $1, value = coalesce($2, value) where id = $3 and alive is not null",
        )
        .bind((!more.over).then(now))
        .bind(more.value)
        .bind(id)
        .execute(&mut *all)
        .await
        .map_err(failed)?;
        if told.rows_affected() == 0 {
            return Ok(false);
        }
        for (number, value) in more.frames {
            sqlx::query(
                "insert into response_frames (response, number, value) values ($1, $2, $3)",
            )
            .bind(id)
            .bind(int(*number))
            .bind(value)
            .execute(&mut *all)
            .await
            .map_err(failed)?;
        }
        add_items(&mut all, id, more.items).await?;
        all.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// An answer of `owner`.
    ///
    /// # Errors
    /// The database's.
    pub async fn kept(&self, owner: &str, id: &str) -> Result<Option<Kept>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let found =
            sqlx::query("select value, alive, created from responses where id = $1 and owner = $2")
                .bind(id)
                .bind(owner)
                .fetch_optional(&self.pool)
                .await
                .and_then(|row| row.as_ref().map(kept).transpose());
        found.map_err(failed)
    }

    /// The newest answer of `owner` that has an item of this id.
    ///
    /// # Errors
    /// The database's.
    pub async fn with_item(&self, owner: &str, item: &str) -> Result<Option<Kept>, Error> {
        if !is_id(item) {
            return Ok(None);
        }
        let found = sqlx::query(
            "select value, alive, created from responses join response_items on response = responses.id
             where response_items.id = $1 and owner = $2 order by created desc limit 1",
        )
        .bind(item)
        .bind(owner)
        .fetch_optional(&self.pool)
        .await
        .and_then(|row| row.as_ref().map(kept).transpose());
        found.map_err(failed)
    }

    /// Forgets an answer of `owner`, and says whether there was one.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget(&self, owner: &str, id: &str) -> Result<bool, Error> {
        if !is_id(id) {
            return Ok(false);
        }
        let gone = sqlx::query("delete from responses where id = $1 and owner = $2")
            .bind(id)
            .bind(owner)
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(gone.rows_affected() > 0)
    }

    /// Does a host work on an answer of `owner`? `None`: there is none.
    ///
    /// # Errors
    /// The database's.
    pub async fn work(&self, owner: &str, id: &str) -> Result<Option<Work>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        let found = sqlx::query("select alive from responses where id = $1 and owner = $2")
            .bind(id)
            .bind(owner)
            .fetch_optional(&self.pool)
            .await
            .and_then(|row| row.as_ref().map(work).transpose());
        found.map_err(failed)
    }

    /// An answer is gone on from: it is kept as if it was new.
    ///
    /// # Errors
    /// The database's.
    pub async fn used(&self, id: &str) -> Result<(), Error> {
        let used = sqlx::query("update responses set created = $1 where id = $2")
            .bind(now())
            .bind(id)
            .execute(&self.pool)
            .await;
        used.map(drop).map_err(failed)
    }

    /// The events of an answer's stream behind this number, or all, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn frames(&self, id: &str, after: Option<u64>) -> Result<Vec<(u64, String)>, Error> {
        let after = after.map_or(-1, int);
        let rows = sqlx::query(
            "select number, value from response_frames where response = $1 and number > $2 order by number",
        )
        .bind(id)
        .bind(after)
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        let frame = |row: &AnyRow| {
            let number: i64 = row.try_get("number")?;
            Ok((number.unsigned_abs(), row.try_get("value")?))
        };
        rows.iter()
            .map(frame)
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    /// Forgets answers that are older than this and sessions in which nothing was or is to be done since, and says how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_older(&self, age: Duration) -> Result<u64, Error> {
        let before = now().saturating_sub(millis(age));
        let gone = sqlx::query("delete from responses where created < $1")
            .bind(before)
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        let sessions = self.forget_sessions(before).await?;
        Ok(gone.rows_affected() + sessions)
    }
}

async fn add_items(all: &mut Transaction<'_, Any>, id: &str, items: &[&str]) -> Result<(), Error> {
    let items = items.iter().filter(|item| is_id(item));
    for item in items.take(ITEMS) {
        sqlx::query(
            "insert into response_items (response, id) values ($1, $2) on conflict do nothing",
        )
        .bind(id)
        .bind(*item)
        .execute(&mut **all)
        .await
        .map_err(failed)?;
    }
    Ok(())
}

fn kept(row: &AnyRow) -> Result<Kept, sqlx::Error> {
    let created: i64 = row.try_get("created")?;
    Ok(Kept {
        value: row.try_get("value")?,
        state: work(row)?,
        age: Duration::from_millis(now().saturating_sub(created).unsigned_abs()),
    })
}

fn work(row: &AnyRow) -> Result<Work, sqlx::Error> {
    let alive: Option<i64> = row.try_get("alive")?;
    Ok(match alive.map(|then| now().saturating_sub(then)) {
        None => Work::Over,
        Some(silent) if silent < GONE.as_millis() as i64 => Work::Going,
        Some(_) => Work::Lost,
    })
}

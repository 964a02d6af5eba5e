//! Small values that tools keep, by key, in a namespace that the operator granted. Each owner has keys of its own.

use sqlx::Row;
use types::{Error, ErrorCode};

use crate::{Store, failed, int};

/// Most bytes of a key.
const KEY: usize = 256;

/// Most bytes of a value.
const VALUE: usize = 64 << 10;

/// Most keys of an owner in a namespace.
const KEYS: i64 = 10_000;

/// Most keys that are listed at once.
const LISTED: u64 = 1000;

/// How often an addition is tried that meets another of the same key.
const TRIES: usize = 10;

impl Store {
    /// The value of a key.
    ///
    /// # Errors
    /// The database's; the key isn't one.
    pub async fn kv_get(
        &self,
        namespace: &str,
        owner: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let row =
            sqlx::query("select value from kv where namespace = $1 and owner = $2 and key = $3")
                .bind(namespace)
                .bind(owner)
                .bind(checked(key)?)
                .fetch_optional(&self.pool)
                .await;
        row.and_then(|row| row.map(|row| row.try_get("value")).transpose())
            .map_err(failed)
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// The database's; the key isn't one; `TooLarge`: the value is too long, or there are too many keys.
    pub async fn kv_set(
        &self,
        namespace: &str,
        owner: &str,
        key: &str,
        value: &[u8],
    ) -> Result<(), Error> {
        let key = checked(key)?;
        if value.len() > VALUE {
            let message = format!("the value has {} bytes and may have {VALUE}", value.len());
            return Err(Error::new(ErrorCode::TooLarge, message).at("value"));
        }
        for _ in 0..TRIES {
            if self.replace(namespace, owner, key, value).await?
                || self.add(namespace, owner, key, value).await?
            {
                return Ok(());
            }
        }
        let message = "others set and delete this key all the while: try again";
        Err(Error::new(ErrorCode::Overloaded, message))
    }

    /// Sets a key that is there, and says whether it is.
    async fn replace(
        &self,
        namespace: &str,
        owner: &str,
        key: &[u8],
        value: &[u8],
    ) -> Result<bool, Error> {
        let set = sqlx::query(
            "update kv set value = $4 where namespace = $1 and owner = $2 and key = $3",
        )
        .bind(namespace)
        .bind(owner)
        .bind(key)
        .bind(value)
        .execute(&self.pool)
        .await
        .map_err(failed)?;
        Ok(set.rows_affected() > 0)
    }

    /// Adds a key that isn't there, and says whether it wasn't.
    async fn add(
        &self,
        namespace: &str,
        owner: &str,
        key: &[u8],
        value: &[u8],
    ) -> Result<bool, Error> {
        let mut all = self.pool.begin().await.map_err(failed)?;
        let counted = sqlx::query(
            "insert into kv_counts (namespace, owner, keys) values ($1, $2, 1)
             on conflict (namespace, owner) do update set keys = kv_counts.keys + 1 where kv_counts.keys < $3",
        )
        .bind(namespace)
        .bind(owner)
        .bind(KEYS)
        .execute(&mut *all)
        .await
        .map_err(failed)?;
        if counted.rows_affected() == 0 {
            let message = format!("there are {KEYS} keys, and no more may be: delete some");
            return Err(Error::new(ErrorCode::TooLarge, message).at("key"));
        }
        let added = sqlx::query(
            "insert into kv (namespace, owner, key, value) values ($1, $2, $3, $4) on conflict do nothing",
        )
        .bind(namespace)
        .bind(owner)
        .bind(key)
        .bind(value)
        .execute(&mut *all)
        .await
        .map_err(failed)?;
        if added.rows_affected() == 0 {
            return Ok(false);
        }
        all.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Removes a key, and says whether it was there.
    ///
    /// # Errors
    /// The database's; the key isn't one.
    pub async fn kv_delete(&self, namespace: &str, owner: &str, key: &str) -> Result<bool, Error> {
        let key = checked(key)?;
        let mut all = self.pool.begin().await.map_err(failed)?;
        // First the count, as whoever adds does: so nobody waits in a circle. Where there is none there was no key either; one that is
        // being added now isn't in the count that this would change.
        let counted =
            sqlx::query("update kv_counts set keys = keys - 1 where namespace = $1 and owner = $2")
                .bind(namespace)
                .bind(owner)
                .execute(&mut *all)
                .await
                .map_err(failed)?;
        if counted.rows_affected() == 0 {
            return Ok(false);
        }
        let gone = sqlx::query("delete from kv where namespace = $1 and owner = $2 and key = $3")
            .bind(namespace)
            .bind(owner)
            .bind(key)
            .execute(&mut *all)
            .await
            .map_err(failed)?;
        if gone.rows_affected() == 0 {
            return Ok(false);
        }
        all.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Keys that begin with `prefix`, in the order of their bytes, those behind `after`: at most `limit`, at most 1000.
    ///
    /// # Errors
    /// The database's; neither `prefix` nor `after` can be longer than a key.
    pub async fn kv_keys(
        &self,
        namespace: &str,
        owner: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<String>, Error> {
        let after = after.map_or(Ok(&[][..]), checked)?;
        let from = if prefix.is_empty() {
            &[][..]
        } else {
            checked(prefix)?
        };
        // No text has the byte FF: this is behind all that begin with the prefix, and before all others that follow it.
        let to = [from, &[0xff]].concat();
        let rows = sqlx::query(
            "select key from kv where namespace = $1 and owner = $2 and key >= $3 and key < $4 and key > $5
             order by key limit $6",
        )
        .bind(namespace)
        .bind(owner)
        .bind(from)
        .bind(to)
        .bind(after)
        .bind(int(limit.min(LISTED)))
        .fetch_all(&self.pool)
        .await
        .map_err(failed)?;
        let key = |row: &sqlx::any::AnyRow| {
            let key: Vec<u8> = row.try_get("key")?;
            String::from_utf8(key).map_err(|error| sqlx::Error::Decode(error.into()))
        };
        rows.iter()
            .map(key)
            .collect::<Result<_, _>>()
            .map_err(failed)
    }
}

/// The bytes of a key.
fn checked(key: &str) -> Result<&[u8], Error> {
    let wrong = match key.len() {
        0 => "a key must not be empty".to_owned(),
        long if long > KEY => format!("a key may have {KEY} bytes, and this has {long}"),
        _ if key.chars().any(char::is_control) => "a key must not have control characters".into(),
        _ => return Ok(key.as_bytes()),
    };
    Err(Error::bad_request(wrong).at("key"))
}

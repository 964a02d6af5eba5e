//! Keys that all hosts of a database share.

use ring::rand::{SecureRandom, SystemRandom};
use sqlx::Row;
use types::{Error, ErrorCode};

use crate::{Store, failed};

/// Length of a key: as that of the hash in the codes that are made with it.
const LENGTH: usize = 32;

impl Store {
    /// The key of this name; made by whoever asks first.
    ///
    /// # Errors
    /// The database's.
    pub async fn key(&self, name: &str) -> Result<[u8; LENGTH], Error> {
        let mut new = [0; LENGTH];
        SystemRandom::new()
            .fill(&mut new)
            .map_err(|_| Error::new(ErrorCode::Internal, "the system has no random numbers"))?;
        sqlx::query("insert into keys (name, value) values ($1, $2) on conflict do nothing")
            .bind(name)
            .bind(hex::encode(new))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        let row = sqlx::query("select value from keys where name = $1")
            .bind(name)
            .fetch_one(&self.pool)
            .await
            .map_err(failed)?;
        let text: String = row.try_get("value").map_err(failed)?;
        let mut key = [0; LENGTH];
        hex::decode_to_slice(text, &mut key).map_err(|error| {
            Error::new(
                ErrorCode::Internal,
                format!("the key {name:?} of the store is no key: {error}"),
            )
        })?;
        Ok(key)
    }
}

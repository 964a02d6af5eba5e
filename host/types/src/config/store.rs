use std::time::Duration;

use serde::de::{self, Error as _};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::SecretSource;

/// `[store]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The database: `sqlite://FILE`, relative to the configuration file, or `postgres://…`.
    pub url: StoreUrl,
    /// How long answers are kept that clients may refer to.
    #[serde(default = "month", with = "humantime_serde")]
    pub keep: Duration,
    /// How long a host that is gone keeps its sessions from others.
    #[serde(default = "lease", with = "humantime_serde")]
    pub lease: Duration,
}

/// Several times what a database needs for an answer.
fn lease() -> Duration {
    Duration::from_secs(15)
}

/// As long as the vendor whose dialect it is keeps them.
fn month() -> Duration {
    Duration::from_secs(30 * 24 * 60 * 60)
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreUrl {
    /// An address without a password.
    Plain(String),
    /// An address that has one, and so is not in the file.
    Secret(SecretSource),
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => plain(&text).map_err(D::Error::custom),
            value => value
                .try_into()
                .map(Self::Secret)
                .map_err(|error: toml::de::Error| de::Error::custom(error.message())),
        }
    }
}

fn plain(text: &str) -> Result<StoreUrl, String> {
    let url = Url::parse(text).map_err(|e| format!("it is no URL: {e}"))?;
    if url.password().is_some() {
        return Err("its password must not be in this file: write url = { env = \"NAME\" }".into());
    }
    match url.scheme() {
        "sqlite" | "postgres" | "postgresql" => Ok(StoreUrl::Plain(text.into())),
        other => Err(format!(
            "{other:?} is no kind of database that is known: sqlite or postgres"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(text: &str) -> Result<Store, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_with_a_password_is_not_in_the_file() {
        let plain = store("url = \"sqlite://evenhand.db\"\nkeep = \"1h\"").unwrap();
        assert_eq!(plain.url, StoreUrl::Plain("sqlite://evenhand.db".into()));
        assert_eq!(plain.keep, Duration::from_secs(3600));
        let secret = store("url = { env = \"DATABASE_URL\" }").unwrap();
        assert_eq!(
            secret.url,
            StoreUrl::Secret(SecretSource::Env("DATABASE_URL".into()))
        );
        for (text, named) in [
            ("url = \"postgres://me:hunter2@db/x\"", "password"),
            ("url = \"mysql://db/x\"", "mysql"),
            ("url = \"evenhand.db\"", "URL"),
            ("url = { emv = \"X\" }", "emv"),
            ("keep = \"1h\"", "url"),
        ] {
            let error = store(text).unwrap_err();
            assert!(
                error.contains(named) && !error.contains("hunter2\""),
                "{error}"
            );
        }
    }
}

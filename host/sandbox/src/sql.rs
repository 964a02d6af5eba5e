//! The `sql` import: databases that the operator granted.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use databases::Database;
use types::config::Grant;
use types::{Error, ErrorCode};
use zeroize::Zeroizing;

use crate::bindings::sql;
use crate::call::Out;
use crate::convert::{Cross, error_in};
use crate::egress;
use crate::state::State;

/// Databases of a plugin, by the operator's names.
pub(crate) type Granted = BTreeMap<String, Database>;

/// Where they are: a URL for each name of the grant.
pub type DatabaseUrls = BTreeMap<String, Zeroizing<String>>;

/// A statement must be over in this time, or in the plugin's deadline.
const LONGEST: Duration = Duration::from_secs(60);

/// How long a database may take to answer at load.
const TRY: Duration = Duration::from_secs(5);

/// Opens what is granted.
pub(crate) async fn open(grant: &Grant, urls: &DatabaseUrls) -> anyhow::Result<Granted> {
    let mut all = BTreeMap::new();
    for (name, granted) in &grant.sql {
        let url = urls
            .get(name)
            .with_context(|| format!("the database {name:?} has no address"))?;
        let database = Database::open(name, url, granted.write).await;
        let database = database.with_context(|| format!("grant.sql.{name}"))?;
        // Who is refused there is refused here; one that is down today may be up tomorrow.
        match database.query("select 1", &[], false, TRY).await {
            Err(error) if error.code == ErrorCode::RefusedByPolicy => {
                return Err(error).with_context(|| format!("grant.sql.{name}"));
            }
            Err(error) => {
                tracing::warn!(
                    database = name,
                    error = error.message,
                    "it does not answer yet"
                );
            }
            Ok(_) => {}
        }
        all.insert(name.clone(), database);
    }
    Ok(all)
}

impl sql::Host for State {
    async fn databases(&mut self) -> wasmtime::Result<Vec<sql::Database>> {
        let all = self.plugin.databases.iter();
        let all = all.map(|(name, database)| sql::Database {
            name: name.clone(),
            dialect: database.dialect().into(),
            write: database.write(),
        });
        Ok(all.collect())
    }

    async fn query(
        &mut self,
        database: String,
        statement: String,
        parameters: String,
        write: bool,
    ) -> Out<sql::Answer> {
        self.computed = 0;
        let plugin = self.plugin.clone();
        let deadline = LONGEST.min(self.deadline);
        let answer = async {
            let Some(granted) = plugin.databases.get(&database) else {
                let database: String = database.chars().take(64).collect();
                let known: Vec<&str> = plugin.databases.keys().map(String::as_str).collect();
                let error = egress::refused(format!(
                    "the database {database:?} is not granted to this plugin; granted are: {}",
                    known.join(", ")
                ));
                plugin.refused(&format!("sql {database}"), &error);
                return Err(error);
            };
            let parameters: Vec<serde_json::Value> =
                serde_json::from_str(&parameters).map_err(|error| {
                    let message = format!("the parameters are no JSON array: {error}");
                    Error::new(ErrorCode::BadRequest, message)
                })?;
            let answered = granted
                .query(&statement, &parameters, write, deadline)
                .await;
            if let Err(error) = &answered
                && error.code == ErrorCode::RefusedByPolicy
            {
                plugin.refused(&format!("sql {database}"), error);
            }
            answered
        };
        Ok(answer.await.map(Cross::cross).map_err(error_in))
    }
}

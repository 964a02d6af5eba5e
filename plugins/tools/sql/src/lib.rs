//! Databases that the operator granted, one statement at a time.

mod answer;

use evenhand_sdk::types::ErrorCode;
use evenhand_sdk::{Call, Error, Failure, Json, Tool, sql};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use answer::{Changed, Rows};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Where a call names none.
    database: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Serialize, JsonSchema)]
struct Databases {
    databases: Vec<Database>,
}

#[derive(Serialize, JsonSchema)]
struct Database {
    /// What the other tools call it by.
    name: String,
    /// `sqlite` or `postgresql`.
    dialect: String,
    /// It may be written to.
    write: bool,
}

struct ListDatabases;

impl Tool for ListDatabases {
    const NAME: &'static str = "databases";
    const TITLE: Option<&'static str> = Some("List databases");
    const DESCRIPTION: &'static str = "The databases that can be asked, each with its dialect of SQL. For the tables of one ask \
        `sqlite_schema` (sqlite) or `information_schema.columns` (postgresql).";
    const READ_ONLY: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = Nothing;
    type Output = Json<Databases>;

    fn offered() -> Result<bool, Error> {
        evenhand_sdk::config::<Config>().map(|_| true)
    }

    fn call(_: Nothing, _: &Call) -> Result<Json<Databases>, Failure> {
        let databases = sql::databases().into_iter().map(|database| Database {
            name: database.name,
            dialect: database.dialect,
            write: database.write,
        });
        let databases = databases.collect();
        Ok(Json(Databases { databases }))
    }
}

/// Stands for a placeholder.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
enum Parameter {
    Text(String),
    Number(Number),
    Boolean(bool),
    Null,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Statement {
    /// Name of the database; may be left out where there is only one.
    database: Option<String>,
    /// One statement in the database's dialect. Values belong into `parameters`, not into the text.
    statement: String,
    /// Values of the placeholders: `?1`, `?2` in sqlite, `$1`, `$2` in postgresql.
    #[serde(default)]
    parameters: Vec<Parameter>,
}

struct Query;

impl Tool for Query {
    const NAME: &'static str = "query";
    const TITLE: Option<&'static str> = Some("Query a database");
    const DESCRIPTION: &'static str =
        "Runs one SQL query and gives its rows. It can change nothing: the database refuses that.";
    const READ_ONLY: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = Statement;
    type Output = Json<Rows>;

    fn offered() -> Result<bool, Error> {
        ListDatabases::offered()
    }

    fn call(statement: Statement, _: &Call) -> Result<Json<Rows>, Failure> {
        Ok(Json(Rows::read(run(statement, false)?)?))
    }
}

struct Execute;

impl Tool for Execute {
    const NAME: &'static str = "execute";
    const TITLE: Option<&'static str> = Some("Change a database");
    const DESCRIPTION: &'static str = "Runs one SQL statement that changes a database: insert, update, delete, create and the like. \
        Gives how many rows were changed, and those of a `returning` clause.";
    const OPEN_WORLD: bool = false;
    type Arguments = Statement;
    type Output = Json<Changed>;

    fn offered() -> Result<bool, Error> {
        Ok(ListDatabases::offered()? && sql::databases().iter().any(|database| database.write))
    }

    fn call(statement: Statement, _: &Call) -> Result<Json<Changed>, Failure> {
        Ok(Json(Changed::read(run(statement, true)?)?))
    }
}

evenhand_sdk::export_tools!((ListDatabases, Query, Execute));

fn run(statement: Statement, write: bool) -> Result<sql::Answer, Failure> {
    let config: Config = evenhand_sdk::config()?;
    let database = match statement.database.or(config.database) {
        Some(name) => name,
        None => only(sql::databases(), write)?,
    };
    let parameters = parameters(&statement.parameters);
    sql::query(&database, &statement.statement, &parameters, write).map_err(told)
}

fn parameters(parameters: &[Parameter]) -> String {
    serde_json::json!(parameters).to_string()
}

/// The database that a call means which names none.
fn only(databases: Vec<sql::Database>, write: bool) -> Result<String, Failure> {
    let mut names = databases
        .into_iter()
        .filter(|database| database.write || !write);
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(only.name),
        (None, _) => Err(Failure::correct("no database is granted for this")),
        (Some(first), Some(second)) => {
            let names = [first, second].into_iter().chain(names);
            let names = names.map(|database| database.name).collect::<Vec<_>>();
            let message = format!("name a `database`, one of: {}", names.join(", "));
            Err(Failure::correct(message))
        }
    }
}

/// A wrong statement and a database that isn't granted are the model's to correct.
fn told(error: Error) -> Failure {
    match error.code {
        ErrorCode::BadRequest | ErrorCode::RefusedByPolicy | ErrorCode::NotFound => {
            Failure::Correctable(error.message)
        }
        _ => Failure::Error(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn databases(names: &[(&str, bool)]) -> Vec<sql::Database> {
        let database = |(name, write): &(&str, bool)| sql::Database {
            name: (*name).into(),
            dialect: "sqlite".into(),
            write: *write,
        };
        names.iter().map(database).collect()
    }

    #[test]
    fn a_call_that_names_no_database_means_the_only_one() {
        assert_eq!(only(databases(&[("a", false)]), false), Ok("a".into()));
        let two = [("a", false), ("b", true)];
        assert_eq!(only(databases(&two), true), Ok("b".into()));
        let Err(Failure::Correctable(message)) = only(databases(&two), false) else {
            panic!("two are not one");
        };
        assert!(message.ends_with("one of: a, b"), "{message}");
        assert!(only(databases(&[("a", false)]), true).is_err());
    }

    #[test]
    fn parameters_go_on_as_they_came() {
        let json = r#"{"statement":"s","parameters":["x",12345678901234567890,-1.5,true,null]}"#;
        let read: Statement = serde_json::from_str(json).unwrap();
        assert_eq!(
            parameters(&read.parameters),
            r#"["x",12345678901234567890,-1.5,true,null]"#
        );
        let wrong = r#"{"statement":"s","parameters":[[1]]}"#;
        assert!(serde_json::from_str::<Statement>(wrong).is_err());
    }

    #[test]
    fn reading_is_told_from_writing() {
        let (query, execute) = (Query::info().unwrap(), Execute::info().unwrap());
        assert!(query.read_only && query.idempotent && !query.destructive);
        assert!(!execute.read_only && !execute.idempotent && execute.destructive);
    }

    #[test]
    fn the_databases_own_words_are_told() {
        let wrong = Error::bad_request("no such table: x");
        assert_eq!(told(wrong), Failure::Correctable("no such table: x".into()));
        let down = Error::upstream("it is down");
        assert_eq!(told(down.clone()), Failure::Error(down));
    }
}

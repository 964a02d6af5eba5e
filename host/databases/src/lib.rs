//! Databases that the operator grants to tools by name. Their statements come from a model or from whoever wrote the tool: nothing about
//! them is trusted. One statement at a time; only reading unless writing was granted; never a database of Evenhand's own.

#![deny(missing_docs)]

mod answer;
mod authorizer;
mod postgres;
mod sqlite;

use std::time::Duration;

use serde_json::Value;
use types::tool::SqlAnswer;
use types::{Error, ErrorCode};

/// Longest statement, in bytes.
const STATEMENT: usize = 64 << 10;

/// Most parameters.
const PARAMETERS: usize = 1000;

/// Most bytes of parameters, as JSON.
const PARAMETER_BYTES: usize = 1 << 20;

/// Most statements at a time in a database, and connections to it.
const CONNECTIONS: u32 = 4;

/// Longest that a statement waits for what another holds.
const LOCKED: Duration = Duration::from_secs(5);

/// A database by the operator's name.
#[derive(Debug)]
pub struct Database {
    name: String,
    write: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Sqlite(sqlite::File),
    Postgres(postgres::Server),
}

impl Database {
    /// Opens `sqlite://FILE`, which must be there, or `postgres://…`, which need not be up yet. `write`: statements may write if they
    /// are asked to.
    ///
    /// # Errors
    /// `BadRequest`: the URL isn't one, or the file can't be opened. `RefusedByPolicy`: it is a database of Evenhand's own.
    pub async fn open(name: &str, url: &str, write: bool) -> Result<Self, Error> {
        let kind = match url.split_once("://") {
            Some(("sqlite", file)) => Kind::Sqlite(sqlite::File::open(name, file).await?),
            Some(("postgres" | "postgresql", _)) => {
                Kind::Postgres(postgres::Server::new(name, url)?)
            }
            _ => {
                let message =
                    "its URL must be sqlite://FILE or postgres://ROLE:PASSWORD@HOST/DATABASE";
                return Err(of(name, ErrorCode::BadRequest, message));
            }
        };
        Ok(Self {
            name: name.to_owned(),
            write,
            kind,
        })
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `sqlite` or `postgresql`.
    pub fn dialect(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite(_) => "sqlite",
            Kind::Postgres(_) => "postgresql",
        }
    }

    /// May statements write?
    pub fn write(&self) -> bool {
        self.write
    }

    /// Runs one statement; `write`: it may change something. `parameters`, in the order of `?1` or `$1`, are texts, numbers, booleans and
    /// nulls. PostgreSQL takes a text as `text`, so that one for another type needs a cast, such as `$1::date`.
    ///
    /// Numbers that JSON hasn't, such as NaN, are texts in the answer, and so are bytes, in hexadecimal (PostgreSQL's begin with `\x`).
    /// Dropping the future ends the statement.
    ///
    /// # Errors
    /// `BadRequest`, with the database's words: the statement is wrong. `RefusedByPolicy`: it isn't granted. `TooLarge`: the statement or
    /// the parameters are, or it needs too much memory. `TimedOut`: it took longer than `deadline`, or waited too long for another.
    /// `Upstream`: the database can't be reached.
    pub async fn query(
        &self,
        statement: &str,
        parameters: &[Value],
        write: bool,
        deadline: Duration,
    ) -> Result<SqlAnswer, Error> {
        if write && !self.write {
            let message = "it is granted for reading only";
            return Err(of(&self.name, ErrorCode::RefusedByPolicy, message));
        }
        check(statement, parameters)?;
        let done = async {
            match &self.kind {
                Kind::Sqlite(file) => {
                    file.query(&self.name, statement, parameters, write, deadline)
                        .await
                }
                Kind::Postgres(server) => {
                    server
                        .query(&self.name, statement, parameters, write, deadline)
                        .await
                }
            }
        };
        let done = tokio::time::timeout(deadline, done).await;
        done.unwrap_or_else(|_| Err(late(&self.name)))
    }
}

/// Whatever the database: is it short enough, and are the parameters what both can take?
fn check(statement: &str, parameters: &[Value]) -> Result<(), Error> {
    let too_large = |what: String| Err(Error::new(ErrorCode::TooLarge, what));
    if statement.len() > STATEMENT {
        return too_large(format!("a statement may have {STATEMENT} bytes"));
    }
    if statement.contains('\0') {
        return Err(Error::bad_request("a statement has no NUL character"));
    }
    if parameters.len() > PARAMETERS {
        return too_large(format!("there may be {PARAMETERS} parameters"));
    }
    let mut bytes = 0;
    for (index, parameter) in parameters.iter().enumerate() {
        bytes += match parameter {
            Value::Null | Value::Bool(_) | Value::Number(_) => 8,
            Value::String(text) => text.len(),
            Value::Array(_) | Value::Object(_) => {
                let message = "a parameter is a text, a number, true, false or null";
                return Err(Error::bad_request(message).at(format!("parameters[{index}]")));
            }
        };
    }
    if bytes > PARAMETER_BYTES {
        return too_large(format!("the parameters may have {PARAMETER_BYTES} bytes"));
    }
    Ok(())
}

/// A number that both databases can take.
enum Number {
    Int(i64),
    Float(f64),
}

fn number(number: &serde_json::Number) -> Number {
    match number.as_i64() {
        Some(int) => Number::Int(int),
        None => Number::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// An error of this database.
fn of(name: &str, code: ErrorCode, message: &str) -> Error {
    Error::new(code, format!("database {name:?}: {message}"))
}

fn late(name: &str) -> Error {
    of(name, ErrorCode::TimedOut, "the statement took too long")
}

/// Not for tools, whoever opened it: they could read what all clients said and make what Evenhand vouches for.
fn ours(name: &str) -> Error {
    let message = "it is Evenhand's own, which no tool may use";
    of(name, ErrorCode::RefusedByPolicy, message)
}

/// It can't be used: that is the operator's to mend, and why is for the log.
fn unreachable(name: &str, error: &dyn std::fmt::Display) -> Error {
    tracing::error!(database = name, %error, "a database can't be used");
    let message = "it can't be used now; the host's log says why";
    of(name, ErrorCode::Upstream, message)
}

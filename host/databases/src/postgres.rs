//! PostgreSQL. Each statement is a transaction, which is read only unless the statement may write.

use std::str::FromStr;
use std::time::Duration;

use futures::TryStreamExt;
use serde_json::Value;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnectOptions, PgDatabaseError, PgPool, PgPoolOptions,
    PgTypeInfo,
};
use sqlx::{
    Arguments, AssertSqlSafe, Column, ConnectOptions, Encode, Executor, PgConnection, Postgres,
    Row, SqlSafeStr, Statement, Type,
};
use types::tool::SqlAnswer;
use types::{Error, ErrorCode};

use crate::answer::{Answer, BYTES, ROWS};
use crate::{CONNECTIONS, LOCKED, Number, late, number, of, ours, unreachable};

/// Whoever finds no free connection in this time gets an error.
const WAIT: Duration = Duration::from_secs(5);

/// May the role leave the database, and is the database Evenhand's own?
const CHECK: &str = "
    select exists (
        select from pg_roles where pg_has_role(session_user, oid, 'member') and (rolsuper
        or rolname in ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'))
    ) as mighty, exists (
        select from pg_class as one join pg_class as other using (relnamespace)
        where one.relname = '_sqlx_migrations' and other.relname = 'response_frames'
    ) as ours";

/// A server's database.
#[derive(Debug)]
pub(crate) struct Server {
    pool: PgPool,
}

impl Server {
    pub(crate) fn new(name: &str, url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url).map_err(|_| {
            // The error might repeat the password.
            let message = "its URL isn't one of PostgreSQL: postgres://ROLE:PASSWORD@HOST/DATABASE";
            of(name, ErrorCode::BadRequest, message)
        })?;
        let options = options
            .application_name("evenhand")
            .statement_cache_capacity(0)
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(WAIT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    pub(crate) async fn query(
        &self,
        name: &str,
        statement: &str,
        parameters: &[Value],
        write: bool,
        deadline: Duration,
    ) -> Result<SqlAnswer, Error> {
        let connection = self.pool.acquire().await;
        let mut lent = Lent(Some(connection.map_err(|error| unreachable(name, &error))?));
        let Some(connection) = lent.0.as_deref_mut() else {
            return Err(unreachable(name, &"there is no connection"));
        };
        let done = async {
            begin(name, connection, write, deadline).await?;
            let answer = run(name, connection, statement, parameters, write).await?;
            if write {
                connection.execute("commit").await?;
            }
            Ok(answer)
        };
        let done = done.await;
        // It is in order, and what the statement left in it must not be there for the next.
        let sound =
            !matches!(&done, Err(Failed::Sqlx(error)) if error.as_database_error().is_none());
        let committed = write && done.is_ok();
        if sound && reset(connection, committed).await.is_ok() {
            lent.give_back();
        }
        done.map_err(|failed| match failed {
            Failed::Refused(error) => error,
            Failed::Sqlx(error) => said(name, error),
        })
    }
}

async fn reset(connection: &mut PgConnection, committed: bool) -> Result<(), sqlx::Error> {
    if !committed {
        connection.execute("rollback").await?;
    }
    connection.execute("discard all").await.map(drop)
}

/// Why there is no answer.
enum Failed {
    Refused(Error),
    Sqlx(sqlx::Error),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

/// A connection that is closed, which ends what it does, unless it was given back.
struct Lent(Option<PoolConnection<Postgres>>);

impl Lent {
    fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        drop(self.0.take().map(PoolConnection::detach));
    }
}

/// Begins a transaction, if the role and the database are such that tools may use them.
async fn begin(
    name: &str,
    connection: &mut PgConnection,
    write: bool,
    deadline: Duration,
) -> Result<(), Failed> {
    let mode = if write { "read write" } else { "read only" };
    let most = deadline.as_millis().max(1);
    let locked = LOCKED.min(deadline).as_millis().max(1);
    // The check's names are PostgreSQL's own, wherever the role looks first.
    let begin = format!(
        "begin {mode}; set local search_path = pg_catalog, pg_temp; set local statement_timeout = {most};
         set local lock_timeout = {locked}; set local idle_in_transaction_session_timeout = {most};
         set local client_connection_check_interval = 500"
    );
    sqlx::raw_sql(AssertSqlSafe(begin))
        .execute(&mut *connection)
        .await?;
    let is = sqlx::query(CHECK).fetch_one(&mut *connection).await?;
    if is.try_get("ours")? {
        return Err(Failed::Refused(ours(name)));
    }
    if is.try_get("mighty")? {
        let message = "its role is a superuser or may use the server's files and programs, or may become one that does: \
                       make a role of its own that may do only what tools need";
        return Err(Failed::Refused(of(
            name,
            ErrorCode::RefusedByPolicy,
            message,
        )));
    }
    connection
        .execute("set local search_path to default")
        .await?;
    Ok(())
}

async fn run(
    name: &str,
    connection: &mut PgConnection,
    statement: &str,
    parameters: &[Value],
    write: bool,
) -> Result<SqlAnswer, Failed> {
    let (types, arguments) = arguments(parameters)?;
    // Alone, so that it is one statement, and is so wherever it stands. What PostgreSQL has against it is about what was sent.
    let sql = AssertSqlSafe(statement.to_owned()).into_sql_str();
    let prepared = (&mut *connection).prepare_with(sql, &types).await?;
    let columns: Vec<_> = prepared
        .columns()
        .iter()
        .map(|column| column.name().to_owned())
        .collect();
    if columns.is_empty() {
        if !write {
            let message = "only queries are allowed, which give rows";
            return Err(Failed::Refused(of(
                name,
                ErrorCode::RefusedByPolicy,
                message,
            )));
        }
        let done = sqlx::query_with(AssertSqlSafe(statement.to_owned()), arguments)
            .persistent(false)
            .execute(&mut *connection)
            .await?;
        return Ok(SqlAnswer {
            affected: done.rows_affected(),
            ..SqlAnswer::default()
        });
    }
    let changes = changes(statement);
    let wrapped = AssertSqlSafe(wrap(statement, columns.len(), changes));
    let mut answer = Answer::new(columns);
    let mut rows = sqlx::query_with(wrapped, arguments)
        .persistent(false)
        .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        if changes {
            answer.is.affected = row.try_get::<i64, _>(1)?.unsigned_abs();
        }
        if !answer.add(row.try_get(0)?) {
            break;
        }
    }
    Ok(answer.is)
}

/// Is it one of those that change rows, whatever comments are before it? Not one that begins with `with`.
fn changes(statement: &str) -> bool {
    let mut rest = statement.trim_start();
    loop {
        let end = match rest.get(..2) {
            Some("--") => rest.find('\n'),
            Some("/*") => rest.find("*/").map(|end| end + 2),
            _ => break,
        };
        rest = rest[end.unwrap_or(rest.len())..].trim_start();
    }
    let end = rest.find(|c: char| !c.is_ascii_alphabetic());
    let word = rest[..end.unwrap_or(rest.len())].to_ascii_lowercase();
    ["insert", "update", "delete", "merge"].contains(&word.as_str())
}

/// Around a statement: each row is a JSON array, or null where the answer is too large with it; and one more than is given, to tell
/// whether there are. `count`: also how many there are in all.
fn wrap(statement: &str, columns: usize, count: bool) -> String {
    let names: Vec<_> = (0..columns).map(|column| format!("c{column}")).collect();
    let names = names.join(", ");
    let values: Vec<_> = (0..columns)
        .map(|column| format!("pg_catalog.to_json(c{column})"))
        .collect();
    let values = values.join(", ");
    let count = if count {
        ", pg_catalog.count(*) over ()"
    } else {
        ""
    };
    let statement = statement.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
    let most = ROWS + 1;
    format!(
        "with evenhand ({names}) as (\n{statement}\n) select case when bytes <= {BYTES} then json end{count} from (
             select json, pg_catalog.sum(pg_catalog.octet_length(json)) over (rows unbounded preceding) as bytes
             from (select pg_catalog.array_to_json(array[{values}])::text from evenhand) as evenhand_json (json)
         ) as evenhand_rows limit {most}"
    )
}

/// A null of whatever type the statement needs.
struct Null;

/// PostgreSQL's type `unknown`.
const UNKNOWN: PgTypeInfo = PgTypeInfo::with_oid(Oid(705));

impl Type<Postgres> for Null {
    fn type_info() -> PgTypeInfo {
        UNKNOWN
    }
}

impl Encode<'_, Postgres> for Null {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

#[derive(Default)]
struct Bound {
    types: Vec<PgTypeInfo>,
    arguments: PgArguments,
}

impl Bound {
    fn add<T>(&mut self, value: T) -> Result<(), sqlx::Error>
    where
        T: for<'a> Encode<'a, Postgres> + Type<Postgres>,
    {
        self.types.push(T::type_info());
        self.arguments.add(value).map_err(sqlx::Error::Encode)
    }
}

fn arguments(parameters: &[Value]) -> Result<(Vec<PgTypeInfo>, PgArguments), sqlx::Error> {
    let mut bound = Bound::default();
    for parameter in parameters {
        match parameter {
            Value::Bool(is) => bound.add(*is),
            Value::Number(is) => match number(is) {
                Number::Int(int) => bound.add(int),
                Number::Float(float) => bound.add(float),
            },
            Value::String(text) => bound.add(text.clone()),
            // The others are refused before.
            Value::Null | Value::Array(_) | Value::Object(_) => bound.add(Null),
        }?;
    }
    Ok((bound.types, bound.arguments))
}

/// What PostgreSQL's error means to whoever asked.
fn said(name: &str, error: sqlx::Error) -> Error {
    let sqlx::Error::Database(said) = &error else {
        return match error {
            // Such as `copy … from stdin`, which would have to be fed.
            sqlx::Error::Protocol(_) => of(
                name,
                ErrorCode::BadRequest,
                "the statement can't be run here",
            ),
            error => unreachable(name, &error),
        };
    };
    let code = said.code().unwrap_or_default();
    let mut words = said.message().to_owned();
    if let Some(hint) = said
        .try_downcast_ref::<PgDatabaseError>()
        .and_then(PgDatabaseError::hint)
    {
        words = format!("{words} ({hint})");
    }
    match &*code {
        // Cancelled, by the time limit.
        "57014" | "25P03" => late(name),
        "55P03" => of(
            name,
            ErrorCode::TimedOut,
            "another holds what the statement needs",
        ),
        // Read only; not allowed to the role.
        "25006" | "42501" => of(name, ErrorCode::RefusedByPolicy, &words),
        // Of connections, resources, the operator, the system, and PostgreSQL itself.
        code if ["08", "28", "53", "57", "58", "XX"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            unreachable(name, &words)
        }
        _ => of(name, ErrorCode::BadRequest, &words),
    }
}

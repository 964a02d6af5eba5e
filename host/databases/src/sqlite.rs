//! SQLite. Each statement has a connection of its own, opened as <https://sqlite.org/security.html> advises against untrusted SQL.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Batch, Connection, OpenFlags, Row, Statement, ffi};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use types::tool::SqlAnswer;
use types::{Error, ErrorCode};

use crate::answer::{Answer, BYTES};
use crate::authorizer::refuses;
use crate::{
    CONNECTIONS, LOCKED, Number, PARAMETERS, STATEMENT, late, number, of, ours, unreachable,
};

/// Between two looks at the clock and the memory: so few of SQLite's instructions that they can't take much of either.
const INSTRUCTIONS: i32 = 100;

/// Most memory of SQLite in this process; who notices that there is more ends. Sorting happens in memory.
const MEMORY: i64 = 256 << 20;

/// Longest text, blob or row, in bytes.
const LENGTH: i32 = BYTES as i32;

/// A file.
#[derive(Debug)]
pub(crate) struct File {
    path: PathBuf,
    free: Arc<Semaphore>,
}

/// Of a statement that is running.
struct Watch {
    until: Instant,
    /// Nobody waits for it any more.
    dropped: AtomicBool,
    /// It took too much memory.
    large: AtomicBool,
    /// Why it isn't allowed.
    refused: Mutex<Option<String>>,
}

/// Ends the statement when whoever asked goes away.
struct Asker(Arc<Watch>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Relaxed);
    }
}

impl File {
    pub(crate) async fn open(name: &str, file: &str) -> Result<Self, Error> {
        let wrong = |what: &str| of(name, ErrorCode::BadRequest, what);
        if file.contains(['?', '#']) {
            return Err(wrong("the URL of a file takes no parameters"));
        }
        let file = percent_decode_str(file).decode_utf8_lossy().into_owned();
        let path = std::fs::canonicalize(&file)
            .map_err(|error| wrong(&format!("its file {file:?} can't be opened: {error}")))?;
        let opened = path.clone();
        let name = name.to_owned();
        let opened = spawn_blocking(move || connect(&name, &opened, false, LOCKED).map(drop)).await;
        opened.map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))??;
        let free = Arc::new(Semaphore::new(CONNECTIONS as usize));
        Ok(Self { path, free })
    }

    pub(crate) async fn query(
        &self,
        name: &str,
        statement: &str,
        parameters: &[Value],
        write: bool,
        deadline: Duration,
    ) -> Result<SqlAnswer, Error> {
        let watch = Arc::new(Watch {
            until: Instant::now() + deadline,
            dropped: AtomicBool::new(false),
            large: AtomicBool::new(false),
            refused: Mutex::new(None),
        });
        let permit = Arc::clone(&self.free).acquire_owned().await;
        let _asker = Asker(Arc::clone(&watch));
        let (name, path) = (name.to_owned(), self.path.clone());
        let (statement, parameters) = (statement.to_owned(), parameters.to_vec());
        let done = spawn_blocking(move || {
            let _permit = permit;
            let connection = connect(&name, &path, write, LOCKED.min(deadline))?;
            guard(&connection, &watch, write).map_err(|error| unreachable(&name, &error))?;
            run(&connection, &statement, &parameters).map_err(|wrong| match wrong {
                Wrong::Asked(error) => error,
                Wrong::Sqlite(error) => failed(&name, &error, &watch),
            })
        });
        done.await
            .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?
    }
}

/// Opens it, if it isn't Evenhand's own.
fn connect(name: &str, path: &Path, write: bool, wait: Duration) -> Result<Connection, Error> {
    let mode = match write {
        true => OpenFlags::SQLITE_OPEN_READ_WRITE,
        false => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    // The path is one without links; if it has become one, it isn't what was granted.
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let failed = |error| unreachable(name, &error);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(wait).map_err(failed)?;
    let found: i64 = connection
        .query_row(
            "select count(*) from sqlite_schema where type = 'table' and name in ('_sqlx_migrations', 'response_frames')",
            [],
            |row| row.get(0),
        )
        .map_err(failed)?;
    match found {
        2 => Err(ours(name)),
        _ => Ok(connection),
    }
}

/// Everything that SQLite has against statements that nobody trusts.
fn guard(connection: &Connection, watch: &Arc<Watch>, write: bool) -> rusqlite::Result<()> {
    use DbConfig as C;
    use Limit as L;
    for (config, on) in [
        (C::SQLITE_DBCONFIG_DEFENSIVE, true),
        (C::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (C::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
        (C::SQLITE_DBCONFIG_DQS_DML, false),
        (C::SQLITE_DBCONFIG_DQS_DDL, false),
        (C::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        (C::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
        (C::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
    ] {
        connection.set_db_config(config, on)?;
    }
    // 8 MiB of cache; no files beside the database's own.
    connection.execute_batch(
        "pragma cell_size_check = on; pragma mmap_size = 0; pragma cache_size = -8192; pragma temp_store = memory;",
    )?;
    if !write {
        connection.execute_batch("pragma query_only = on")?;
    }
    for (limit, most) in [
        (L::SQLITE_LIMIT_LENGTH, LENGTH),
        (L::SQLITE_LIMIT_SQL_LENGTH, STATEMENT as i32),
        (L::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (L::SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (L::SQLITE_LIMIT_VDBE_OP, 25_000),
        (L::SQLITE_LIMIT_FUNCTION_ARG, 100),
        (L::SQLITE_LIMIT_ATTACHED, 0),
        (L::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        (L::SQLITE_LIMIT_VARIABLE_NUMBER, PARAMETERS as i32),
        (L::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
        (L::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, most)?;
    }
    let asked = Arc::clone(watch);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        match refuses(&context, write) {
            None => Authorization::Allow,
            Some(why) => {
                *asked.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                Authorization::Deny
            }
        }
    }))?;
    let watch = Arc::clone(watch);
    connection.progress_handler(
        INSTRUCTIONS,
        Some(move || {
            let large = memory() > MEMORY;
            watch.large.fetch_or(large, Ordering::Relaxed);
            large || watch.dropped.load(Ordering::Relaxed) || Instant::now() >= watch.until
        }),
    )
}

/// What SQLite has of this process's memory.
#[expect(
    unsafe_code,
    reason = "a function of C that takes nothing and may be called at any time"
)]
fn memory() -> i64 {
    // SAFETY: see the reason above; rusqlite has no function for it.
    unsafe { ffi::sqlite3_memory_used() }
}

/// What can be wrong with a statement.
enum Wrong {
    Asked(Error),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn run(connection: &Connection, statement: &str, parameters: &[Value]) -> Result<SqlAnswer, Wrong> {
    let asked = |what: &str| Wrong::Asked(Error::bad_request(what));
    // One by one: `prepare` would compile all that follow, each inside the one before.
    let mut statements = Batch::new(connection, statement);
    let Some(mut statement) = statements.next()? else {
        return Err(asked("there is no statement"));
    };
    if !matches!(statements.next(), Ok(None)) {
        return Err(asked(
            "there is more than one statement: send them one by one",
        ));
    }
    bind(&mut statement, parameters)?;
    let columns = statement.column_names().into_iter().map(str::to_owned);
    let mut answer = Answer::new(columns.collect());
    let writes = !statement.readonly();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        if !answer.add(json(row, answer.is.columns.len())?) {
            break;
        }
    }
    drop(rows);
    if writes {
        answer.is.affected = connection.changes();
    }
    Ok(answer.is)
}

fn bind(statement: &mut Statement<'_>, parameters: &[Value]) -> Result<(), Wrong> {
    let asked = |what: String| Wrong::Asked(Error::bad_request(what));
    let mut most = 0;
    for index in 1..=statement.parameter_count() {
        // `?2` is the second; SQLite would take `$2` for a name.
        let number = match statement.parameter_name(index) {
            None => index,
            Some(name) => name
                .strip_prefix(['?', '$'])
                .and_then(|number| number.parse().ok())
                .filter(|number| (1..=PARAMETERS).contains(number))
                .ok_or_else(|| {
                    asked(format!(
                        "the parameter {name} has no number: write ?1 or $1"
                    ))
                })?,
        };
        most = most.max(number);
        let Some(value) = parameters.get(number - 1) else {
            continue;
        };
        match value {
            Value::Null => {}
            Value::Bool(is) => statement.raw_bind_parameter(index, is)?,
            Value::String(text) => statement.raw_bind_parameter(index, text)?,
            Value::Number(is) => match self::number(is) {
                Number::Int(int) => statement.raw_bind_parameter(index, int)?,
                Number::Float(float) => statement.raw_bind_parameter(index, float)?,
            },
            Value::Array(_) | Value::Object(_) => {
                return Err(asked(
                    "a parameter must not be an array or an object".into(),
                ));
            }
        }
    }
    if most != parameters.len() {
        let given = parameters.len();
        return Err(asked(format!(
            "the statement has {most} parameters, and {given} are given"
        )));
    }
    Ok(())
}

/// A row as a JSON array; `None`: it is larger than an answer may be.
fn json(row: &Row<'_>, columns: usize) -> rusqlite::Result<Option<String>> {
    let mut text = String::from("[");
    for column in 0..columns {
        let value = match row.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(int) => int.into(),
            ValueRef::Real(real) if !real.is_finite() => real.to_string().into(),
            ValueRef::Real(real) => real.into(),
            ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into(),
            ValueRef::Blob(bytes) => hex::encode(bytes).into(),
        };
        if column > 0 {
            text.push(',');
        }
        text.push_str(&value.to_string());
        if text.len() > BYTES {
            return Ok(None);
        }
    }
    text.push(']');
    Ok(Some(text))
}

/// What SQLite's error means to whoever asked.
fn failed(name: &str, error: &rusqlite::Error, watch: &Watch) -> Error {
    use rusqlite::ErrorCode as Code;
    let words = match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    let refused = watch
        .refused
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match error.sqlite_error_code() {
        Some(Code::AuthorizationForStatementDenied) => of(
            name,
            ErrorCode::RefusedByPolicy,
            refused.as_deref().unwrap_or(&words),
        ),
        Some(Code::ReadOnly) => of(name, ErrorCode::RefusedByPolicy, &words),
        Some(Code::OperationInterrupted) if watch.large.load(Ordering::Relaxed) => of(
            name,
            ErrorCode::TooLarge,
            "the statement needs too much memory",
        ),
        Some(Code::OperationInterrupted) => late(name),
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => of(
            name,
            ErrorCode::TimedOut,
            "another holds what the statement needs",
        ),
        Some(
            Code::SystemIoFailure
            | Code::DatabaseCorrupt
            | Code::CannotOpen
            | Code::NotADatabase
            | Code::DiskFull
            | Code::PermissionDenied
            | Code::OutOfMemory,
        ) => unreachable(name, &words),
        _ => of(name, ErrorCode::BadRequest, &words),
    }
}

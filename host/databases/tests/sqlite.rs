//! Statements against SQLite, mostly an attacker's.

#![allow(missing_docs)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use databases::Database;
use serde_json::{Value, json};
use store::Store;
use tempfile::TempDir;
use types::tool::SqlAnswer;
use types::{Error, ErrorCode};

const LONG: Duration = Duration::from_secs(60);

struct Place(TempDir);

impl Place {
    /// A database with claims, and a secret beside it.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let connection = rusqlite::Connection::open(place.file("it.db")).unwrap();
        connection
            .execute_batch(
                "create table claims (id integer primary key, who text, amount real);
                 insert into claims values (1, 'Ann', 12.5), (2, 'Bob', null);
                 create view payable as select * from claims where amount is not null;",
            )
            .unwrap();
        std::fs::write(place.file("secret"), "the secret").unwrap();
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn open(&self, write: bool) -> Database {
        let url = format!("sqlite://{}", self.file("it.db").display());
        Database::open("claims", &url, write).await.unwrap()
    }
}

async fn ask(database: &Database, statement: &str) -> Result<SqlAnswer, Error> {
    database.query(statement, &[], database.write(), LONG).await
}

async fn code(database: &Database, statement: &str) -> ErrorCode {
    ask(database, statement).await.expect_err(statement).code
}

#[tokio::test]
async fn rows_are_json() {
    let place = Place::new();
    let database = place.open(false).await;
    assert_eq!((database.name(), database.dialect()), ("claims", "sqlite"));
    let answer = ask(
        &database,
        "select id, who, amount, amount from payable; -- all",
    )
    .await
    .unwrap();
    assert_eq!(answer.columns, ["id", "who", "amount", "amount"]);
    assert_eq!(answer.rows, [r#"[1,"Ann",12.5,12.5]"#]);
    assert_eq!((answer.affected, answer.truncated), (0, false));
    let odd = ask(
        &database,
        r#"select 9007199254740993, x'00ff', 1e999, null, '"é'"#,
    )
    .await
    .unwrap();
    assert_eq!(odd.rows, [r#"[9007199254740993,"00ff","inf",null,"\"é"]"#]);
    let none = ask(&database, "select who from claims where 0")
        .await
        .unwrap();
    assert_eq!((none.columns.len(), none.rows.len()), (1, 0));
    let schema = ask(&database, "select name from pragma_table_info('claims')")
        .await
        .unwrap();
    assert_eq!(schema.rows, [r#"["id"]"#, r#"["who"]"#, r#"["amount"]"#]);
    assert_eq!(
        ask(&database, "pragma table_list").await.unwrap().columns[1],
        "name"
    );
    let wrong = ask(&database, "select missing from claims")
        .await
        .unwrap_err();
    assert_eq!(wrong.code, ErrorCode::BadRequest);
    assert!(wrong.message.contains("no such column: missing"), "{wrong}");
}

#[tokio::test]
async fn parameters_are_bound_by_number() {
    let place = Place::new();
    let database = place.open(false).await;
    let ask = async |statement: &str, parameters: &[Value]| {
        database.query(statement, parameters, false, LONG).await
    };
    let all = [
        json!("x' or 1"),
        json!(-3),
        json!(0.5),
        json!(true),
        Value::Null,
    ];
    let given = ask("select ?, ?, ?, ?, ?", &all).await.unwrap();
    assert_eq!(given.rows, [r#"["x' or 1",-3,0.5,1,null]"#]);
    let given = ask("select $2, $1, $2", &all[..2]).await.unwrap();
    assert_eq!(given.rows, [r#"[-3,"x' or 1",-3]"#]);
    for (statement, parameters) in [
        ("select ?", &all[..2]),
        ("select ?2", &all[..1]),
        ("select :name", &all[..1]),
        ("select $99999", &all[..1]),
        ("select ?", &[json!([1])]),
        ("select ?", &[json!({})]),
    ] {
        let error = ask(statement, parameters).await.expect_err(statement);
        assert_eq!(error.code, ErrorCode::BadRequest, "{error}");
    }
    let many = vec![Value::Null; 1001];
    assert_eq!(
        ask("select 1", &many).await.unwrap_err().code,
        ErrorCode::TooLarge
    );
    let long = json!("x".repeat((1 << 20) + 1));
    assert_eq!(
        ask("select ?", &[long]).await.unwrap_err().code,
        ErrorCode::TooLarge
    );
}

const WRITES: [&str; 8] = [
    "insert into claims values (3, 'Eve', 1)",
    "update claims set amount = 1",
    "with x as (select 1) delete from claims",
    "create table new (x)",
    "create temp table new (x)",
    "drop table claims",
    "alter table claims add column x",
    "create trigger t after insert on claims begin delete from claims; end",
];

#[tokio::test]
async fn who_may_only_read_writes_nothing() {
    let place = Place::new();
    let before = std::fs::read(place.file("it.db")).unwrap();
    let database = place.open(false).await;
    for statement in WRITES {
        assert_eq!(
            code(&database, statement).await,
            ErrorCode::RefusedByPolicy,
            "{statement}"
        );
        let asked = database.query(statement, &[], true, LONG).await;
        assert_eq!(asked.unwrap_err().code, ErrorCode::RefusedByPolicy);
    }
    // Nor who may write, and doesn't ask to.
    let database = place.open(true).await;
    for statement in WRITES {
        let asked = database.query(statement, &[], false, LONG).await;
        assert_eq!(asked.unwrap_err().code, ErrorCode::RefusedByPolicy);
    }
    assert_eq!(std::fs::read(place.file("it.db")).unwrap(), before);
}

#[tokio::test]
async fn who_may_write_writes() {
    let place = Place::new();
    let database = place.open(true).await;
    let done = ask(&database, "update claims set amount = 1")
        .await
        .unwrap();
    assert_eq!((done.affected, done.rows.len()), (2, 0));
    let done = ask(
        &database,
        "insert into claims values (3, 'Eve', 1) returning id",
    )
    .await
    .unwrap();
    assert_eq!((done.affected, done.rows), (1, vec!["[3]".to_owned()]));
    ask(&database, "create table numbers (n)").await.unwrap();
    // All of it is done where the answer is not all of it.
    let many = "insert into numbers select value from (with recursive s(value) as (select 1 union all select value + 1 from s where value < 5000)
        select value from s) returning n";
    let done = ask(&database, many).await.unwrap();
    assert_eq!(
        (done.affected, done.rows.len(), done.truncated),
        (5000, 1000, true)
    );
    let count = ask(
        &database,
        "select count(*), (select count(*) from claims) from numbers",
    )
    .await
    .unwrap();
    assert_eq!(count.rows, ["[5000,3]"]);
    ask(&database, "alter table numbers rename column n to m")
        .await
        .unwrap();
    ask(&database, "drop table numbers").await.unwrap();
    assert_eq!(
        code(&database, "insert into claims values (1, '', 0)").await,
        ErrorCode::BadRequest
    );
}

#[tokio::test]
async fn nothing_else_is_opened_and_nothing_is_switched_off() {
    let place = Place::new();
    let secret = place.file("secret").display().to_string();
    let new = place.file("new").display().to_string();
    for write in [false, true] {
        let database = place.open(write).await;
        for statement in [
            format!("attach '{secret}' as s"),
            format!("attach '{new}' as s"),
            "attach ':memory:' as s".into(),
            "detach main".into(),
            format!("vacuum into '{new}'"),
            "vacuum".into(),
            "pragma query_only = off".into(),
            "pragma writable_schema = on".into(),
            "pragma trusted_schema = on".into(),
            "pragma temp_store_directory = '/tmp'".into(),
            "pragma journal_mode = off".into(),
            "pragma database_list".into(),
            "select file from pragma_database_list".into(),
            "pragma hard_heap_limit = 1".into(),
            "begin".into(),
            "savepoint s".into(),
            "commit".into(),
            "select load_extension('/lib/x.so')".into(),
            "select fts3_tokenizer('simple')".into(),
            "create virtual table v using fts5(x)".into(),
            "create virtual table v using dbstat".into(),
            "create temp view v as select 1".into(),
        ] {
            let error = ask(&database, &statement).await.expect_err(&statement);
            assert_eq!(
                error.code,
                ErrorCode::RefusedByPolicy,
                "{statement}: {error}"
            );
        }
        for statement in [
            format!("select readfile('{secret}')"),
            format!("select writefile('{new}', 'x')"),
            "select edit('x')".into(),
            "select eval('drop table claims')".into(),
            // Quotes are for names.
            "select \"missing\"".into(),
        ] {
            assert_eq!(
                code(&database, &statement).await,
                ErrorCode::BadRequest,
                "{statement}"
            );
        }
    }
    let database = place.open(true).await;
    let error = ask(&database, "update sqlite_schema set sql = 'x'")
        .await
        .unwrap_err();
    assert!(error.message.contains("may not be modified"), "{error}");
    assert!(!place.file("new").exists());
}

#[tokio::test]
async fn statements_come_one_by_one() {
    let place = Place::new();
    let database = place.open(true).await;
    for statement in [
        "select 1; drop table claims".to_owned(),
        "select 1; select 2".into(),
        "delete from claims where 0; nonsense".into(),
        // Whoever compiles each inside the one before has no stack left.
        "select 1;".repeat(7000),
        "".into(),
        " ; -- nothing".into(),
        "select 1\0; drop table claims".into(),
    ] {
        let error = ask(&database, &statement).await.expect_err(&statement);
        assert_eq!(error.code, ErrorCode::BadRequest, "{error}");
    }
    assert_eq!(ask(&database, "select 1;;").await.unwrap().rows, ["[1]"]);
    let long = format!("select 1 -- {}", "x".repeat(64 << 10));
    assert_eq!(code(&database, &long).await, ErrorCode::TooLarge);
    assert_eq!(
        ask(&database, "select count(*) from claims")
            .await
            .unwrap()
            .rows,
        ["[2]"]
    );
}

/// Numbers without an end.
const ENDLESS: &str = "with recursive s(n) as (select 1 union all select n + 1 from s)";

#[tokio::test]
async fn answers_end() {
    let place = Place::new();
    let database = place.open(false).await;
    let rows = ask(&database, &format!("{ENDLESS} select n from s"))
        .await
        .unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (1000, true));
    assert_eq!(rows.rows[999], "[1000]");
    let exact = ask(&database, &format!("{ENDLESS} select n from s limit 1000"))
        .await
        .unwrap();
    assert_eq!((exact.rows.len(), exact.truncated), (1000, false));
    let wide = format!("{ENDLESS} select hex(zeroblob(50000)) from s");
    let rows = ask(&database, &wide).await.unwrap();
    assert!(rows.truncated);
    assert_eq!(rows.rows.len(), (1 << 20) / 100_004);
    let one = ask(&database, "select zeroblob(1000000)").await.unwrap();
    assert_eq!((one.rows.len(), one.truncated), (0, true));
    assert_eq!(
        code(&database, "select zeroblob(2000000)").await,
        ErrorCode::BadRequest
    );
}

#[tokio::test]
async fn statements_end_in_time_and_in_memory() {
    let place = Place::new();
    let database = place.open(false).await;
    let endless = format!("{ENDLESS} select count(*) from s");
    let begun = Instant::now();
    let short = database
        .query(&endless, &[], false, Duration::from_millis(50))
        .await;
    assert_eq!(short.unwrap_err().code, ErrorCode::TimedOut);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let sorted = format!("{ENDLESS} select randomblob(1000000) as b from s order by b");
    assert_eq!(code(&database, &sorted).await, ErrorCode::TooLarge);
    let grouped = format!("{ENDLESS} select count(distinct randomblob(100000)) from s");
    assert_eq!(code(&database, &grouped).await, ErrorCode::TooLarge);
    let deep = format!("select 1{}", "+1".repeat(500));
    assert_eq!(code(&database, &deep).await, ErrorCode::BadRequest);
}

/// Four run at a time: if those whose caller went away went on, the fifth would wait for ever.
#[tokio::test]
async fn who_goes_away_ends_the_statement() {
    let place = Place::new();
    let database = place.open(false).await;
    let endless = format!("{ENDLESS} select count(*) from s");
    for _ in 0..8 {
        let query = database.query(&endless, &[], false, LONG);
        let gone = tokio::time::timeout(Duration::from_millis(20), query).await;
        assert!(gone.is_err());
    }
    assert_eq!(ask(&database, "select 1").await.unwrap().rows, ["[1]"]);
}

#[tokio::test]
async fn another_that_holds_it_is_not_waited_for_longer_than_the_deadline() {
    let place = Place::new();
    let database = place.open(true).await;
    let other = rusqlite::Connection::open(place.file("it.db")).unwrap();
    other.execute_batch("begin exclusive").unwrap();
    let write = database
        .query("delete from claims", &[], true, Duration::from_millis(100))
        .await;
    assert_eq!(write.unwrap_err().code, ErrorCode::TimedOut);
}

#[tokio::test]
async fn evenhands_own_is_refused_whenever_it_is() {
    let place = Place::new();
    let own = format!("sqlite://{}", place.file("own.db").display());
    let store = Store::open(&own).await.unwrap();
    let error = Database::open("own", &own, false).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RefusedByPolicy);
    store.close().await;
    // By another name.
    std::os::unix::fs::symlink(place.file("own.db"), place.file("link.db")).unwrap();
    std::fs::hard_link(place.file("own.db"), place.file("hard.db")).unwrap();
    for name in ["link.db", "hard.db", "%6fwn.db"] {
        let url = format!("sqlite://{}", place.file(name).display());
        let error = Database::open("own", &url, false).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RefusedByPolicy, "{name}");
    }
    // And if it becomes Evenhand's after it was opened.
    let database = place.open(true).await;
    std::fs::rename(place.file("own.db"), place.file("it.db")).unwrap();
    assert_eq!(
        code(&database, "select 1").await,
        ErrorCode::RefusedByPolicy
    );
    std::fs::remove_file(place.file("it.db")).unwrap();
    std::os::unix::fs::symlink(place.file("hard.db"), place.file("it.db")).unwrap();
    let error = ask(&database, "select 1").await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Upstream);
    assert!(
        !error.message.contains(place.0.path().to_str().unwrap()),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let place = Place::new();
    for (file, why) in [
        ("none.db", "No such file"),
        ("it.db?mode=rwc", "no parameters"),
        ("secret", "log"),
    ] {
        let url = format!("sqlite://{}", place.file(file).display());
        let error = Database::open("claims", &url, true).await.unwrap_err();
        assert!(error.message.contains(why), "{error}");
        assert!(error.message.contains("claims"), "{error}");
    }
    assert!(!place.file("none.db").exists());
    let error = Database::open("claims", "mysql://me:hidden@x/y", true)
        .await
        .unwrap_err();
    assert!(!error.message.contains("hidden"), "{error}");
}

//! Statements against PostgreSQL, mostly an attacker's.

#![allow(missing_docs)]

use std::time::{Duration, Instant};

use databases::Database;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection, Row};
use store::Store;
use types::tool::SqlAnswer;
use types::{Error, ErrorCode};

const LONG: Duration = Duration::from_secs(60);

/// A server with a role for tools, and a connection of the superuser's.
struct Server {
    is: test_database::Database,
    root: PgConnection,
}

impl Server {
    async fn new() -> Self {
        let is = test_database::Database::postgres();
        let mut root = PgConnection::connect(&is.url()).await.unwrap();
        for statement in [
            "create role tool login",
            "create table claims (id int primary key, who text, amount numeric, at date)",
            "insert into claims values (1, 'Ann', 12.50, '2026-01-31'), (2, 'Bob', null, null)",
            "create table hidden (x int)",
            "grant select, insert, update, delete on claims to tool",
            "grant create on schema public to tool",
        ] {
            root.execute(statement).await.unwrap();
        }
        Self { is, root }
    }

    fn url(&self, role: &str) -> String {
        self.is.url().replace("evenhand@", &format!("{role}@"))
    }

    async fn open(&self, write: bool) -> Database {
        Database::open("claims", &self.url("tool"), write)
            .await
            .unwrap()
    }

    async fn count(&mut self, query: &'static str) -> i64 {
        let row = sqlx::query(query).fetch_one(&mut self.root).await.unwrap();
        row.get(0)
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
    let server = Server::new().await;
    let database = server.open(false).await;
    assert_eq!(
        (database.name(), database.dialect()),
        ("claims", "postgresql")
    );
    let all = "select at, id, who, amount, id as evenhand, 'x' as id from claims order by claims.id desc -- all";
    let answer = ask(&database, all).await.unwrap();
    assert_eq!(
        answer.columns,
        ["at", "id", "who", "amount", "evenhand", "id"]
    );
    let rows = [
        r#"[null,2,"Bob",null,2,"x"]"#,
        r#"["2026-01-31",1,"Ann",12.50,1,"x"]"#,
    ];
    assert_eq!(answer.rows, rows);
    assert_eq!((answer.affected, answer.truncated), (0, false));
    let odd = r#"select 9007199254740993, '\x00ff'::bytea, 'NaN'::float8, null, '"é', array[1, 2], '{"a": 1}'::jsonb, '{"a": 1}'::json;"#;
    let odd = ask(&database, odd).await.unwrap();
    assert_eq!(
        odd.rows,
        [r#"[9007199254740993,"\\x00ff","NaN",null,"\"é",[1,2],{"a": 1},{"a": 1}]"#]
    );
    let none = ask(
        &database,
        "with x as (select 1 as a) select a from x where false",
    )
    .await
    .unwrap();
    assert_eq!((none.columns, none.rows.len()), (vec!["a".to_owned()], 0));
    assert_eq!(
        ask(&database, "values (1), (2)").await.unwrap().rows,
        ["[1]", "[2]"]
    );
    let wide: Vec<_> = (0..300).map(|n| n.to_string()).collect();
    let wide = wide.join(",");
    let answer = ask(&database, &format!("select {wide}")).await.unwrap();
    assert_eq!(answer.rows, [format!("[{wide}]")]);
    let wrong = ask(&database, "select nothing from claims")
        .await
        .unwrap_err();
    assert_eq!(wrong.code, ErrorCode::BadRequest);
    assert!(
        wrong.message.contains("column \"nothing\" does not exist"),
        "{wrong}"
    );
}

#[tokio::test]
async fn parameters_are_bound_by_number() {
    let mut server = Server::new().await;
    let database = server.open(true).await;
    let ask = async |statement: &str, parameters: &[Value]| {
        database.query(statement, parameters, true, LONG).await
    };
    let all = [
        json!("x' or 1"),
        json!(-3),
        json!(0.5),
        json!(true),
        Value::Null,
    ];
    let given = ask("select $1, $2, $3, $4, $5", &all).await.unwrap();
    assert_eq!(given.rows, [r#"["x' or 1",-3,0.5,true,null]"#]);
    let two = [json!("2026-01-31"), json!(7)];
    let cast = ask("select $1::date + 1 where $2 = 7", &two).await.unwrap();
    assert_eq!(cast.rows, [r#"["2026-02-01"]"#]);
    // A null is of any type.
    let new = [json!(3), json!("Eve"), json!(1.5), Value::Null];
    let done = ask("insert into claims values ($1, $2, $3, $4)", &new)
        .await
        .unwrap();
    assert_eq!(done.affected, 1);
    assert_eq!(
        server
            .count("select count(*) from claims where at is null")
            .await,
        2
    );
    for (statement, parameters) in [("select $2", &all[..1]), ("select $1", &[json!([1])])] {
        let error = ask(statement, parameters).await.expect_err(statement);
        assert_eq!(error.code, ErrorCode::BadRequest, "{error}");
    }
}

#[tokio::test]
async fn who_may_only_read_writes_nothing() {
    let mut server = Server::new().await;
    for write in [false, true] {
        let database = server.open(write).await;
        for statement in [
            "insert into claims values (3, 'Eve', 1)",
            "insert into claims values (3, 'Eve', 1) returning id",
            "update claims set amount = 1",
            "delete from claims returning *",
            "create table new (x int)",
            "create temp table new (x int)",
            "drop table claims",
            "truncate claims",
            "commit",
            "rollback",
            "set transaction read write",
            "set session characteristics as transaction read write",
            "set transaction_read_only = off",
            "begin",
            "do $$ begin delete from claims; end $$",
            "copy claims to '/tmp/evenhand-stolen'",
            "listen x",
            "lock table claims",
            "discard all",
            "select * from claims for update",
            "prepare x as delete from claims",
        ] {
            let asked = database.query(statement, &[], false, LONG).await;
            let error = asked.expect_err(statement);
            assert_eq!(
                error.code,
                ErrorCode::RefusedByPolicy,
                "{statement}: {error}"
            );
        }
        for statement in [
            "select set_config('transaction_read_only', 'off', false)",
            "select set_config('transaction_read_only', 'off', true), (select lo_create(0))",
            "with x as (delete from claims returning 1) select 1",
            "select 1) select 2; --",
            "select 1) as evenhand; delete from claims; --",
            "select 1 /* ",
        ] {
            let asked = database.query(statement, &[], false, LONG).await;
            asked.expect_err(statement);
        }
        // PostgreSQL allows it in some versions, and it is undone.
        let _ = database
            .query("select lo_create(0)", &[], false, LONG)
            .await;
        // A setting is gone with its statement.
        let set = "select set_config('default_transaction_read_only', 'off', false), set_config('search_path', 'x', false),
                   set_config('statement_timeout', '0', false), pg_advisory_lock(7)::text";
        database.query(set, &[], false, LONG).await.unwrap();
        let is = database
            .query("select current_setting('search_path')", &[], false, LONG)
            .await;
        assert_eq!(is.unwrap().rows, [r#"["\"$user\", public"]"#]);
        let delete = database
            .query("delete from claims returning 1", &[], false, LONG)
            .await;
        assert_eq!(delete.unwrap_err().code, ErrorCode::RefusedByPolicy);
    }
    assert_eq!(server.count("select count(*) from claims").await, 2);
    assert_eq!(
        server
            .count("select count(*) from pg_locks where locktype = 'advisory'")
            .await,
        0
    );
    assert_eq!(
        server
            .count("select count(*) from pg_largeobject_metadata")
            .await,
        0
    );
    let only_read = server.open(false).await;
    let asked = only_read.query("delete from claims", &[], true, LONG).await;
    assert_eq!(asked.unwrap_err().code, ErrorCode::RefusedByPolicy);
}

#[tokio::test]
async fn who_may_write_writes() {
    let mut server = Server::new().await;
    let database = server.open(true).await;
    let done = ask(&database, "update claims set amount = 1")
        .await
        .unwrap();
    assert_eq!((done.affected, done.rows.len()), (2, 0));
    let new = "/* new */ -- one\n insert into claims select n, 'Eve' from generate_series(3, 5002) as n returning id;";
    let done = ask(&database, new).await.unwrap();
    assert_eq!(
        (done.affected, done.rows.len(), done.truncated),
        (5000, 1000, true)
    );
    assert_eq!(done.rows[0], "[3]");
    assert_eq!(server.count("select count(*) from claims").await, 5002);
    ask(&database, "create table new (x int)").await.unwrap();
    // What fails changes nothing, and leaves the connection as it was.
    assert_eq!(
        code(&database, "insert into claims values (6000), (1)").await,
        ErrorCode::BadRequest
    );
    assert_eq!(server.count("select count(*) from claims").await, 5002);
    // Nothing is left for the next.
    ask(&database, "set search_path = nowhere").await.unwrap();
    ask(&database, "create temp table pg_roles (x int)")
        .await
        .unwrap();
    ask(&database, "listen x").await.unwrap();
    assert_eq!(
        ask(&database, "select id from claims limit 1")
            .await
            .unwrap()
            .rows
            .len(),
        1
    );
    assert_eq!(
        server
            .count("select count(*) from pg_class where relname = 'pg_roles' and relkind = 'r'")
            .await,
        0
    );
    // What isn't the role's isn't the tool's; what would have to be fed isn't.
    assert_eq!(
        code(&database, "select * from hidden").await,
        ErrorCode::RefusedByPolicy
    );
    assert_eq!(
        code(&database, "copy claims from stdin").await,
        ErrorCode::BadRequest
    );
    assert_eq!(
        code(&database, "copy claims to program 'id'").await,
        ErrorCode::RefusedByPolicy
    );
    assert_eq!(
        code(&database, "select pg_read_file('/etc/passwd')").await,
        ErrorCode::RefusedByPolicy
    );
    assert_eq!(
        code(&database, "select lo_import('/etc/passwd')").await,
        ErrorCode::RefusedByPolicy
    );
    assert_eq!(ask(&database, "select 1").await.unwrap().rows, ["[1]"]);
}

#[tokio::test]
async fn statements_come_one_by_one() {
    let mut server = Server::new().await;
    let database = server.open(true).await;
    for statement in [
        "select 1; drop table claims",
        "delete from claims; delete from claims",
        "",
        "  ; -- nothing",
        "select 1\0; drop table claims",
    ] {
        let asked = ask(&database, statement).await;
        match asked {
            Err(error) => assert_eq!(error.code, ErrorCode::BadRequest, "{error}"),
            Ok(answer) => assert_eq!(answer, SqlAnswer::default()),
        }
    }
    assert_eq!(server.count("select count(*) from claims").await, 2);
}

#[tokio::test]
async fn answers_end() {
    let server = Server::new().await;
    let database = server.open(false).await;
    let endless = "with recursive s(n) as (select 1 union all select n + 1 from s) select n from s";
    let rows = ask(&database, endless).await.unwrap();
    assert_eq!((rows.rows.len(), rows.truncated), (1000, true));
    assert_eq!(rows.rows[999], "[1000]");
    let exact = ask(&database, "select generate_series(1, 1000)")
        .await
        .unwrap();
    assert_eq!((exact.rows.len(), exact.truncated), (1000, false));
    let wide = "with recursive s(n) as (select 1 union all select n + 1 from s) select repeat('x', 100000) from s";
    let rows = ask(&database, wide).await.unwrap();
    assert_eq!(
        (rows.rows.len(), rows.truncated),
        ((1 << 20) / 100_004, true)
    );
    let one = ask(&database, "select repeat('x', 100000000)")
        .await
        .unwrap();
    assert_eq!((one.rows.len(), one.truncated), (0, true));
}

#[tokio::test]
async fn statements_end_in_time() {
    let mut server = Server::new().await;
    let database = server.open(false).await;
    let sleep = "select pg_sleep(600)::text, set_config('statement_timeout', '0', false)";
    let begun = Instant::now();
    let short = database
        .query(sleep, &[], false, Duration::from_millis(300))
        .await;
    assert_eq!(short.unwrap_err().code, ErrorCode::TimedOut);
    // Whoever goes away ends it.
    for _ in 0..8 {
        let query = database.query(sleep, &[], false, LONG);
        let gone = tokio::time::timeout(Duration::from_millis(100), query).await;
        assert!(gone.is_err());
    }
    assert_eq!(ask(&database, "select 1").await.unwrap().rows, ["[1]"]);
    let asleep = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and state = 'active' and usename = 'tool'";
    while server.count(asleep).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    // Nor does it wait for ever for what another holds.
    server
        .root
        .execute("begin; lock table claims")
        .await
        .unwrap();
    let held = database
        .query(
            "select * from claims",
            &[],
            false,
            Duration::from_millis(300),
        )
        .await;
    assert_eq!(held.unwrap_err().code, ErrorCode::TimedOut);
}

#[tokio::test]
async fn whoever_may_leave_the_database_is_refused() {
    let mut server = Server::new().await;
    let root = Database::open("root", &server.url("evenhand"), false)
        .await
        .unwrap();
    let error = ask(&root, "select 1").await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RefusedByPolicy);
    assert!(error.message.contains("role of its own"), "{error}");
    let database = server.open(false).await;
    for role in [
        "pg_read_server_files",
        "pg_write_server_files",
        "pg_execute_server_program",
        "evenhand",
    ] {
        ask(&database, "select 1").await.unwrap();
        let grant = format!("grant {role} to tool");
        server
            .root
            .execute(sqlx::AssertSqlSafe(grant))
            .await
            .unwrap();
        assert_eq!(
            code(&database, "select 1").await,
            ErrorCode::RefusedByPolicy,
            "{role}"
        );
        let revoke = format!("revoke {role} from tool");
        server
            .root
            .execute(sqlx::AssertSqlSafe(revoke))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn evenhands_own_is_refused_also_later() {
    let server = Server::new().await;
    let database = server.open(false).await;
    ask(&database, "select 1").await.unwrap();
    let store = Store::open(&server.is.url()).await.unwrap();
    let error = ask(&database, "select 1").await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RefusedByPolicy);
    assert!(error.message.contains("Evenhand's own"), "{error}");
    store.close().await;
}

#[tokio::test]
async fn what_cannot_be_reached_tells_no_secret() {
    for url in [
        "postgres://me:hidden@localhost:1/x",
        "postgres://me:hidden@localhost:no/x",
    ] {
        let error = match Database::open("claims", url, false).await {
            Ok(database) => database
                .query("select 1", &[], false, LONG)
                .await
                .unwrap_err(),
            Err(error) => error,
        };
        assert!(error.message.contains("claims"), "{error}");
        assert!(!error.message.contains("hidden"), "{error}");
    }
}

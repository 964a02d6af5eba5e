//! Sessions: one writer at a time, and nothing twice.

#![allow(missing_docs)]

use std::time::Duration;

use futures::future::join_all;
use store::{Append, Appended, Lease, Store, Writer};
use test_database::{Database, both};

const LONG: Duration = Duration::from_secs(600);

/// A lease that is over at once.
const OVER: Duration = Duration::ZERO;

fn events<const N: usize>(values: [&str; N]) -> Vec<String> {
    values.map(str::to_owned).to_vec()
}

async fn begin(store: &Store, owner: &str, id: &str, wants: bool) {
    let first = events(["zero", "one"]);
    let begun = store.session_begin(owner, id, "claims", "{}", &first, "queued", wants);
    begun.await.unwrap();
}

async fn append(
    store: &Store,
    id: &str,
    by: Writer<'_>,
    event: &str,
    expect_next: Option<u64>,
) -> Appended {
    let more = Append {
        by,
        events: &events([event]),
        status: event,
        wants: true,
        expect_next,
    };
    store.session_append(id, more).await.unwrap()
}

async fn values(store: &Store, id: &str) -> Vec<(u64, String)> {
    let found = store.session_events(id, None, 1000).await.unwrap();
    found.into_iter().map(|(n, _, value)| (n, value)).collect()
}

async fn take(store: &Store, host: &str, lease: Duration) -> Vec<Lease> {
    store.session_take(host, lease, 10).await.unwrap()
}

async fn a_log_grows_and_is_read_from_anywhere(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    begin(&store, "a", "s1", true).await;
    let row = store.session("a", "s1").await.unwrap().unwrap();
    assert_eq!(
        (row.agent.as_str(), row.metadata.as_str()),
        ("claims", "{}")
    );
    assert_eq!((row.status.as_str(), row.next), ("queued", 2));
    assert_eq!(row.created, row.updated);
    let more = Append {
        by: Writer::Client,
        events: &events(["two", "three"]),
        status: "idle",
        wants: false,
        expect_next: Some(2),
    };
    assert_eq!(
        store.session_append("s1", more).await.unwrap(),
        Appended::At(2)
    );
    let row = store.session_any("s1").await.unwrap().unwrap();
    assert_eq!((row.owner.as_str(), row.status.as_str()), ("a", "idle"));
    assert_eq!(row.next, 4);
    let later = store.session_events("s1", Some(0), 2).await.unwrap();
    assert_eq!(
        later
            .iter()
            .map(|(n, _, v)| (*n, v.as_str()))
            .collect::<Vec<_>>(),
        [(1, "one"), (2, "two")]
    );
    assert!(later.iter().all(|(_, at, _)| *at > 1_600_000_000_000));
    // No client adds without saying what it has seen.
    let blind = Append {
        expect_next: None,
        ..more
    };
    assert!(store.session_append("s1", blind).await.is_err());
    // And after a restart.
    store.close().await;
    let store = Store::open(&database.url()).await.unwrap();
    assert_eq!(values(&store, "s1").await.len(), 4);
}

async fn sessions_belong_to_their_owner(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    begin(&store, "a", "s1", true).await;
    assert_eq!(store.session("b", "s1").await.unwrap(), None);
    assert!(!store.session_set_metadata("b", "s1", "x").await.unwrap());
    assert!(!store.session_delete("b", "s1").await.unwrap());
    assert!(store.session_set_metadata("a", "s1", "x").await.unwrap());
    let row = store.session("a", "s1").await.unwrap().unwrap();
    assert_eq!(row.metadata, "x");
    // Nobody begins another's anew.
    let again = store.session_begin("b", "s1", "claims", "{}", &[], "queued", true);
    assert!(again.await.is_err());
    for id in ["", "a\0b", &"x".repeat(5000)] {
        assert_eq!(store.session("a", id).await.unwrap(), None);
        assert!(!store.session_delete("a", id).await.unwrap());
        assert_eq!(store.session_take_one(id, "h", LONG).await.unwrap(), None);
    }
    // A host that works on it notices that it is gone.
    let lease = take(&store, "h", LONG).await.pop().unwrap();
    assert!(store.session_delete("a", "s1").await.unwrap());
    let late = append(&store, "s1", Writer::Runner(&lease), "late", Some(2)).await;
    assert_eq!(late, Appended::LeaseLost);
    assert!(!store.session_renew(&lease, LONG).await.unwrap());
    let late = append(&store, "s1", Writer::Client, "late", Some(2)).await;
    assert_eq!(late, Appended::Changed);
    assert!(values(&store, "s1").await.is_empty());
}

async fn lists_are_pages(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    for number in 0..5 {
        begin(&store, "a", &format!("s{number}"), true).await;
    }
    begin(&store, "b", "s9", true).await;
    let list = async |agent, after, limit, ascending| {
        let found = store.session_list("a", agent, after, limit, ascending);
        let ids = found.await.unwrap().into_iter().map(|row| row.id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(
        list(None, None, 9, true).await,
        ["s0", "s1", "s2", "s3", "s4"]
    );
    assert_eq!(list(None, Some("s1"), 2, true).await, ["s2", "s3"]);
    assert_eq!(list(None, Some("s3"), 2, false).await, ["s2", "s1"]);
    assert_eq!(list(Some("claims"), None, 1, false).await, ["s4"]);
    assert!(list(Some("other"), None, 9, true).await.is_empty());
    assert!(list(None, Some("s9"), 9, true).await.is_empty());

    for (id, created) in [("x", 3), ("y", 1), ("z", 2)] {
        store.agent_put("a", id, "{}", created).await.unwrap();
    }
    store.agent_put("b", "x", "theirs", 9).await.unwrap();
    store.agent_put("a", "x", "new", 9).await.unwrap();
    let row = store.agent("a", "x").await.unwrap().unwrap();
    assert_eq!((row.value.as_str(), row.created), ("new", 3));
    let list = async |after, limit, ascending| {
        let found = store
            .agent_list("a", after, limit, ascending)
            .await
            .unwrap();
        found.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 9, true).await, ["y", "z", "x"]);
    assert_eq!(list(Some("x"), 1, false).await, ["z"]);
    assert!(store.agent_delete("a", "x").await.unwrap());
    assert!(!store.agent_delete("a", "x").await.unwrap());
    assert!(store.agent("b", "x").await.unwrap().is_some());
}

async fn of_two_hosts_one_gets_a_session(database: Database) {
    let one = Store::open(&database.url()).await.unwrap();
    let two = Store::open(&database.url()).await.unwrap();
    for number in 0..40 {
        begin(&one, "a", &format!("s{number:02}"), true).await;
    }
    begin(&one, "a", "idle", false).await;
    let race = |store: Store, host: String| {
        tokio::spawn(async move {
            let mut got = Vec::new();
            for _ in 0..20 {
                got.extend(store.session_take(&host, LONG, 3).await.unwrap());
            }
            got
        })
    };
    let hosts = [&one, &two, &one, &two].into_iter().enumerate();
    let all = join_all(hosts.map(|(n, store)| race(store.clone(), format!("host{n}")))).await;
    let mut ids: Vec<_> = all
        .into_iter()
        .flat_map(Result::unwrap)
        .map(|lease| lease.session)
        .collect();
    ids.sort();
    let every: Vec<_> = (0..40).map(|number| format!("s{number:02}")).collect();
    assert_eq!(ids, every);
    assert!(take(&one, "late", LONG).await.is_empty());
    assert_eq!(one.session_take_one("idle", "h", LONG).await.unwrap(), None);
}

async fn whoever_lost_the_lease_adds_nothing(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    begin(&store, "a", "s1", true).await;
    let old = take(&store, "one", OVER).await.pop().unwrap();
    // It is over, though nobody else has it.
    let late = append(&store, "s1", Writer::Runner(&old), "late", None).await;
    assert_eq!(late, Appended::LeaseLost);
    assert!(!store.session_renew(&old, LONG).await.unwrap());
    // Another takes it; one that has the same name is another too.
    let new = take(&store, "one", LONG).await.pop().unwrap();
    assert_eq!((new.epoch, new.owner.as_str()), (old.epoch + 1, "a"));
    let late = append(&store, "s1", Writer::Runner(&old), "late", Some(2)).await;
    assert_eq!(late, Appended::LeaseLost);
    assert!(!store.session_renew(&old, LONG).await.unwrap());
    store.session_release(&old).await.unwrap();
    assert!(take(&store, "three", LONG).await.is_empty());
    let forged = Lease {
        host: "two".into(),
        ..new.clone()
    };
    let late = append(&store, "s1", Writer::Runner(&forged), "late", Some(2)).await;
    assert_eq!(late, Appended::LeaseLost);
    // Nor does a lease of one session open another.
    begin(&store, "b", "s2", false).await;
    let wrong = append(&store, "s2", Writer::Runner(&new), "wrong", Some(2)).await;
    assert_eq!(wrong, Appended::LeaseLost);
    // The holder adds, unless a client did meanwhile.
    let by = Writer::Runner(&new);
    assert_eq!(
        append(&store, "s1", by, "two", Some(2)).await,
        Appended::At(2)
    );
    let client = append(&store, "s1", Writer::Client, "cancel", Some(3)).await;
    assert_eq!(client, Appended::At(3));
    assert_eq!(
        append(&store, "s1", by, "x", Some(3)).await,
        Appended::Changed
    );
    assert_eq!(
        append(&store, "s1", by, "four", None).await,
        Appended::At(4)
    );
    let all = ["zero", "one", "two", "cancel", "four"];
    let all = (0..).zip(all.map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(values(&store, "s1").await, all);
    // Given back, it is free at once.
    assert!(store.session_renew(&new, LONG).await.unwrap());
    store.session_release(&new).await.unwrap();
    let third = store.session_take_one("s1", "three", LONG).await.unwrap();
    assert_eq!(third.unwrap().epoch, new.epoch + 1);
}

async fn of_clients_that_say_the_same_one_is_heard(database: Database) {
    let stores = [
        Store::open(&database.url()).await.unwrap(),
        Store::open(&database.url()).await.unwrap(),
    ];
    begin(&stores[0], "a", "s1", true).await;
    for next in 2..12 {
        let say = |n: usize| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                let said = format!("yes {n}");
                append(&store, "s1", Writer::Client, &said, Some(next)).await
            })
        };
        let said = join_all((0..6).map(say)).await;
        let said: Vec<_> = said.into_iter().map(Result::unwrap).collect();
        let heard = said.iter().filter(|said| **said == Appended::At(next));
        assert_eq!(heard.count(), 1, "{said:?}");
        let rest = said.iter().filter(|said| **said == Appended::Changed);
        assert_eq!(rest.count(), 5, "{said:?}");
    }
    let numbers = values(&stores[1], "s1").await.into_iter().map(|(n, _)| n);
    assert!(numbers.eq(0..12));
}

async fn sessions_at_work_are_not_forgotten(database: Database) {
    let store = Store::open(&database.url()).await.unwrap();
    begin(&store, "a", "idle", false).await;
    begin(&store, "a", "wanting", true).await;
    begin(&store, "a", "held", true).await;
    let lease = store.session_take_one("held", "h", LONG).await.unwrap();
    let lease = lease.unwrap();
    let done = Append {
        by: Writer::Runner(&lease),
        events: &[],
        status: "idle",
        wants: false,
        expect_next: None,
    };
    assert_eq!(
        store.session_append("held", done).await.unwrap(),
        Appended::At(2)
    );
    assert_eq!(store.forget_older(LONG).await.unwrap(), 0);
    // The clock moves on.
    let at = store.session_any("held").await.unwrap().unwrap().updated;
    let later = || {
        std::time::SystemTime::now() > std::time::UNIX_EPOCH + Duration::from_millis(at as u64 + 1)
    };
    while !later() {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.forget_older(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(store.session_any("idle").await.unwrap(), None);
    assert!(values(&store, "idle").await.is_empty());
    assert_eq!(values(&store, "held").await.len(), 2);
    store.session_release(&lease).await.unwrap();
    assert_eq!(store.forget_older(Duration::ZERO).await.unwrap(), 1);
    assert!(store.session_any("wanting").await.unwrap().is_some());
}

both! {
    a_log_grows_and_is_read_from_anywhere
    sessions_belong_to_their_owner
    lists_are_pages
    of_two_hosts_one_gets_a_session
    whoever_lost_the_lease_adds_nothing
    of_clients_that_say_the_same_one_is_heard
    sessions_at_work_are_not_forgotten
}

//! A log as an operator has it: what is written is there and verifies, and what was done to it afterwards is found.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use audit::{Error, Event, Fault, Log, Verified, Who, beside, verify};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(test)
}

fn failed(plugin: &str) -> Event {
    Event::PluginFailed {
        plugin: plugin.into(),
        error: "no".into(),
    }
}

fn limit() -> Event {
    Event::LimitHit {
        plugin: "p".into(),
        limit: "memory",
    }
}

fn rows(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn whats(log: &Path) -> Vec<String> {
    let what = |row: &Value| row["what"].as_str().unwrap().to_owned();
    rows(log).iter().map(what).collect()
}

fn verified(log: &Path) -> Result<Verified, Fault> {
    verify(log, &beside(log, "heads"), &beside(log, "pub")).unwrap()
}

/// A log of two runs, closed.
fn written(folder: &Path) -> PathBuf {
    let log = folder.join("a");
    for _ in 0..2 {
        run(async {
            let writer = Log::open(&log, "1").unwrap();
            for plugin in ["x", "y", "z"] {
                writer.record(Who::File, failed(plugin)).await.unwrap();
            }
            writer.close().await.unwrap();
        });
    }
    log
}

#[test]
fn what_is_recorded_is_there_when_the_call_returns() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("a");
    run(async {
        let writer = Log::open(&log, "1").unwrap();
        writer.record(Who::Sighup, failed("x")).await.unwrap();
        let row = rows(&log).pop().unwrap();
        assert_eq!(row["seq"], 2);
        assert_eq!(row["who"], "sighup");
        assert_eq!(row["what"], "plugin-failed");
        assert_eq!(
            row["details"],
            serde_json::json!({ "plugin": "x", "error": "no" })
        );
        assert!(humantime::parse_rfc3339(row["time"].as_str().unwrap()).is_ok());
        assert_eq!(verified(&log).unwrap().signed, 1, "signed at the start");
        writer.close().await.unwrap();
        assert!(matches!(
            writer.record(Who::File, failed("x")).await,
            Err(Error::Closed)
        ));
    });
    let Verified { rows, signed, .. } = verified(&log).unwrap();
    assert_eq!((rows, signed), (3, 3), "signed at the end");
    for file in [log.clone(), beside(&log, "key")] {
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_head_is_signed_every_hundred_rows() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("a");
    run(async {
        let writer = Log::open(&log, "1").unwrap();
        for _ in 0..250 {
            writer.record(Who::File, failed("x")).await.unwrap();
        }
        assert_eq!(verified(&log).unwrap().signed, 201);
    });
}

#[test]
fn repeats_are_counted() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("a");
    run(async {
        let writer = Log::open(&log, "1").unwrap();
        for _ in 0..50 {
            writer.note(Who::Plugin, limit());
        }
        writer.close().await.unwrap();
    });
    assert_eq!(
        whats(&log),
        ["host-started", "limit-hit", "limit-hit", "host-stopped"]
    );
    let rows = rows(&log);
    assert!(rows[1].get("more").is_none());
    assert_eq!(rows[2]["more"], 49);
    assert_eq!(rows[2]["details"], rows[1]["details"]);
}

#[test]
fn a_noisy_plugin_takes_no_row_of_another() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("a");
    const SENT: u64 = 100_000;
    let denial = |plugin: &str, to: &str| Event::Denial {
        plugin: plugin.into(),
        to: to.into(),
        reason: "no".into(),
    };
    run(async {
        let writer = Log::open(&log, "1").unwrap();
        for i in 0..SENT / 2 {
            writer.note(Who::Plugin, denial("noisy", &i.to_string()));
        }
        writer.note(Who::Plugin, denial("quiet", "a"));
        writer.record(Who::File, failed("x")).await.unwrap();
        for _ in 0..SENT / 2 {
            writer.note(Who::Plugin, denial("noisy", "0"));
        }
        writer.close().await.unwrap();
    });
    let mut noise = 0;
    for row in rows(&log) {
        if row["details"]["plugin"] == "noisy" {
            noise += row["more"].as_u64().unwrap_or(1);
        }
    }
    assert_eq!(noise, SENT);
    let others = whats(&log).into_iter().filter(|what| what != "denial");
    let others: Vec<_> = others.collect();
    assert_eq!(others, ["host-started", "plugin-failed", "host-stopped"]);
    let at = |named: &str| {
        rows(&log)
            .iter()
            .position(|row| row["details"]["plugin"] == named)
    };
    assert!(at("quiet").unwrap() < at("x").unwrap(), "in their order");
}

#[test]
fn what_a_component_made_long_is_cut() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("a");
    let text = "a".repeat(10_000_000);
    run(async {
        let writer = Log::open(&log, "1").unwrap();
        for file in ["one", "two"] {
            let event = Event::CacheEntryRefused {
                file: file.into(),
                reason: text.clone(),
            };
            writer.note(Who::Host, event);
        }
        let error = text.clone();
        let failed = Event::PluginFailed {
            plugin: "p".into(),
            error,
        };
        writer.record(Who::File, failed).await.unwrap();
        writer.close().await.unwrap();
    });
    let rows = rows(&log);
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[1]["what"], "cache-entry-refused");
    assert_eq!(rows[2]["details"]["file"], "two");
    assert_eq!(rows[2]["details"]["reason"], "a".repeat(1_000) + "…");
    assert_eq!(rows[3]["details"]["error"], "a".repeat(1_000) + "…");
    assert_eq!(verified(&log).unwrap().rows, 5);
}

#[test]
fn a_log_has_one_writer() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("a");
    run(async {
        let writer = Log::open(&log, "1").unwrap();
        assert!(matches!(Log::open(&log, "1"), Err(Error::Taken { .. })));
        writer.close().await.unwrap();
    });
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let folder = TempDir::new().unwrap();
    let log = written(folder.path());
    let key = beside(&log, "key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Log::open(&log, "1").err().unwrap().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn a_torn_row_is_mended_and_told() {
    let folder = TempDir::new().unwrap();
    let log = written(folder.path());
    let whole = fs::read(&log).unwrap();
    fs::write(&log, [&whole[..], b"{\"seq\":11,\"ti"].concat()).unwrap();
    let heads = beside(&log, "heads");
    let signed = fs::read(&heads).unwrap();
    fs::write(&heads, [&signed[..], b"{\"seq"].concat()).unwrap();
    assert!(verified(&log).is_err());
    run(async { Log::open(&log, "1").unwrap().close().await.unwrap() });
    assert_eq!(verified(&log).unwrap().rows, 13);
    assert_eq!(
        whats(&log)[10..],
        ["log-repaired", "host-started", "host-stopped"]
    );
    assert_eq!(rows(&log)[10]["details"]["bytes"], 13);
    assert!(fs::read(&log).unwrap().starts_with(&whole));
}

#[test]
fn a_start_tells_what_was_done_to_the_log() {
    let folder = TempDir::new().unwrap();
    let log = written(folder.path());
    let text = fs::read_to_string(&log).unwrap();
    let cut: Vec<&str> = text.lines().take(7).collect();
    fs::write(&log, cut.join("\n") + "\n").unwrap();
    run(async { Log::open(&log, "1").unwrap().close().await.unwrap() });
    let row = &rows(&log)[7];
    assert_eq!(row["what"], "chain-broken");
    let fault = row["details"]["fault"].as_str().unwrap();
    assert!(fault.contains("row 8 is missing"), "{fault}");
    assert!(verified(&log).is_err(), "and it stays found");
}

#[test]
fn another_key_or_no_heads_vouch_for_nothing() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (log, other) = (written(one.path()), written(two.path()));
    let heads = beside(&log, "heads");
    let with_other = verify(&log, &heads, &beside(&other, "pub")).unwrap();
    assert_eq!(with_other, Err(Fault::Head { line: 1 }));
    fs::remove_file(heads).unwrap();
    assert_eq!(verified(&log), Err(Fault::NoHeads));
}

/// A log of ten rows, and what its files say.
fn sample() -> &'static (Vec<u8>, Vec<u8>, String) {
    static SAMPLE: OnceLock<(Vec<u8>, Vec<u8>, String)> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let log = written(folder.path());
        assert_eq!(verified(&log).unwrap().rows, 10);
        (
            fs::read(&log).unwrap(),
            fs::read(beside(&log, "heads")).unwrap(),
            fs::read_to_string(beside(&log, "pub")).unwrap(),
        )
    })
}

/// What is said of a log with these bytes.
fn said(log: &[u8], heads: &[u8]) -> Result<Verified, Fault> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a");
    fs::write(&file, log).unwrap();
    fs::write(beside(&file, "heads"), heads).unwrap();
    fs::write(beside(&file, "pub"), &sample().2).unwrap();
    verified(&file)
}

fn lines() -> Vec<Vec<u8>> {
    let text = &sample().0;
    text.split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

proptest! {
    #[test]
    fn any_other_byte_is_found_and_its_row_named(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let (mut log, heads, _) = sample().clone();
        let at = at.index(log.len());
        prop_assume!(log[at] != to);
        let row = log[..at].iter().filter(|b| **b == b'\n').count() + 1;
        log[at] = to;
        let fault = said(&log, &heads).unwrap_err().to_string();
        prop_assert!(fault.contains(&format!("row {row} ")), "{fault}, not {row}");
    }

    #[test]
    fn a_row_that_is_gone_is_found(row in 1..=10_usize) {
        let mut left = lines();
        left.remove(row - 1);
        let fault = said(&left.concat(), &sample().1).unwrap_err().to_string();
        let named = format!("row {row} is missing");
        prop_assert!(fault.contains(&named), "{fault}");
    }

    #[test]
    fn rows_that_changed_places_are_found(a in 0..10_usize, b in 0..10_usize) {
        prop_assume!(a < b);
        let mut swapped = lines();
        swapped.swap(a, b);
        let fault = said(&swapped.concat(), &sample().1).unwrap_err();
        prop_assert_eq!(fault, Fault::Missing { row: a as u64 + 1, found: b as u64 + 1 });
    }

    #[test]
    fn any_cut_is_found(at in any::<prop::sample::Index>()) {
        let (log, heads, _) = sample();
        let at = at.index(log.len());
        let row = log[..at].iter().filter(|b| **b == b'\n').count() + 1;
        let fault = said(&log[..at], heads).unwrap_err().to_string();
        let named = format!("row {row} is ");
        prop_assert!(fault.contains(&named), "{fault}");
    }

    #[test]
    fn an_altered_head_is_found(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let (log, mut heads, _) = sample().clone();
        let at = at.index(heads.len());
        prop_assume!(heads[at] != to);
        heads[at] = to;
        prop_assert!(said(&log, &heads).is_err());
    }

    #[test]
    fn a_chain_made_anew_is_not_the_signed_one(row in 1..=10_u64) {
        let mut anew = Vec::new();
        let mut prev = "0".repeat(64);
        for line in lines() {
            let mut value: Value = serde_json::from_slice(&line).unwrap();
            if value["seq"] == row {
                value["who"] = "nobody".into();
            }
            value["prev"] = prev.into();
            let text = serde_json::to_string(&value).unwrap();
            prev = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&text));
            anew.extend(text.bytes().chain([b'\n']));
        }
        let fault = said(&anew, &sample().1).unwrap_err();
        let named = matches!(fault, Fault::NotSigned { row: head, since } if since <= row && row <= head);
        prop_assert!(named, "{fault}");
    }
}

//! What was done to a log while no host ran is told when the next one starts, and stays a finding until the log is archived.

use std::fs;
use std::path::{Path, PathBuf};

use audit::{Event, Fault, Log, Verified, Who, beside, verify};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Behind the log's name.
const BESIDE: [&str; 3] = ["heads", "key", "pub"];

/// A host that starts, loads nothing, and stops.
fn run(log: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let writer = Log::open(log, "1").unwrap();
        for plugin in ["x", "y", "z"] {
            let (plugin, error) = (plugin.into(), "no".into());
            let failed = Event::PluginFailed { plugin, error };
            writer.record(Who::File, failed).await.unwrap();
        }
        writer.close().await.unwrap();
    });
}

/// A log of ten rows.
fn written(folder: &TempDir) -> PathBuf {
    let log = folder.path().join("a");
    run(&log);
    run(&log);
    assert_eq!(verified(&log).unwrap().rows, 10);
    log
}

fn verified(log: &Path) -> Result<Verified, Fault> {
    verify(log, &beside(log, "heads"), &beside(log, "pub")).unwrap()
}

fn rows(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What rows tell that a start found.
fn told(log: &Path) -> Vec<String> {
    let rows = rows(log).into_iter();
    rows.filter(|row| row["what"] == "chain-broken")
        .map(|row| row["details"]["fault"].as_str().unwrap().to_owned())
        .collect()
}

/// The chain of these rows, made anew by somebody without the key.
fn rebuild(log: &Path, rows: Vec<Value>) {
    let mut text = String::new();
    let mut prev = "0".repeat(64);
    for mut row in rows {
        row["prev"] = prev.into();
        let line = row.to_string();
        prev = hex::encode(Sha256::digest(&line));
        text += &(line + "\n");
    }
    fs::write(log, text).unwrap();
}

fn cut(file: &Path, lines: usize) {
    let text = fs::read_to_string(file).unwrap();
    let kept: String = text.split_inclusive('\n').take(lines).collect();
    assert!(kept.len() < text.len());
    fs::write(file, kept).unwrap();
}

/// Starts a host, which finds this, and shows that it isn't forgotten.
fn is_told(log: &Path, named: &[&str]) {
    run(log);
    let found = told(log);
    assert_eq!(found.len(), 1, "{found:?}");
    for named in named {
        assert!(found[0].contains(named), "{named} is not in {found:?}");
    }
    assert!(verified(log).is_err());
    run(log);
    assert!(verified(log).is_err());
}

/// The same, where what is left of the log is whole: verification finds what the row tells.
fn is_all_that_is_told(log: &Path, named: &[&str]) {
    is_told(log, named);
    assert_eq!(told(log).len(), 1, "the second start found nothing new");
    let Err(Fault::Told { findings, more }) = verified(log) else {
        panic!("{:?}", verified(log))
    };
    assert_eq!((findings.len(), more), (1, 0));
    assert_eq!(findings[0].fault, told(log)[0]);
}

#[test]
fn a_log_laundered_without_the_key() {
    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    let mut laundered = rows(&log);
    laundered[2]["details"]["plugin"] = "other".into();
    laundered.pop();
    rebuild(&log, laundered);
    fs::remove_file(beside(&log, "heads")).unwrap();
    is_all_that_is_told(&log, &["there is no signed head", "row 10 was signed"]);
}

#[test]
fn heads_and_key_that_are_gone() {
    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    let public = beside(&log, "pub");
    let before = fs::read(&public).unwrap();
    fs::remove_file(beside(&log, "heads")).unwrap();
    fs::remove_file(beside(&log, "key")).unwrap();
    let named = [
        "the key is new",
        "kept as a.pub.replaced-1",
        "there is no signed head",
    ];
    is_all_that_is_told(&log, &named);
    assert_eq!(fs::read(beside(&public, "replaced-1")).unwrap(), before);
    assert_ne!(fs::read(&public).unwrap(), before);

    fs::remove_file(beside(&log, "key")).unwrap();
    run(&log);
    assert!(beside(&public, "replaced-2").exists(), "each has its name");
    assert_eq!(fs::read(beside(&public, "replaced-1")).unwrap(), before);
}

/// Each selection of files that can be deleted.
#[test]
fn files_that_are_gone() {
    for gone in 0..16_u8 {
        let folder = TempDir::new().unwrap();
        let log = written(&folder);
        let files: Vec<_> = std::iter::once(log.clone())
            .chain(BESIDE.map(|ending| beside(&log, ending)))
            .collect();
        for (bit, file) in files.iter().enumerate() {
            if gone >> bit & 1 == 1 {
                fs::remove_file(file).unwrap();
            }
        }
        run(&log);
        match gone {
            // The public key alone is made from the key; and with nothing left, the log is a new one.
            0b0000 | 0b1000 | 0b1111 => {
                assert!(verified(&log).is_ok(), "{gone:04b}");
                assert!(told(&log).is_empty(), "{gone:04b}");
            }
            _ => {
                assert!(verified(&log).is_err(), "{gone:04b}");
                let told = told(&log);
                assert_eq!(told.len(), 1, "{gone:04b}");
                let is_new = told[0].contains("the key is new");
                assert_eq!(is_new, gone & 0b0100 != 0, "{gone:04b}: {told:?}");
            }
        }
    }
}

#[test]
fn a_log_that_was_emptied() {
    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    fs::write(&log, "").unwrap();
    is_told(&log, &["row 1 is missing"]);

    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    fs::write(&log, "").unwrap();
    fs::write(beside(&log, "heads"), "").unwrap();
    is_all_that_is_told(&log, &["row 10 was signed"]);
}

#[test]
fn log_and_heads_cut_at_the_same_head() {
    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    cut(&log, 5);
    cut(&beside(&log, "heads"), 2);
    assert_eq!(
        verified(&log).unwrap().rows,
        5,
        "nothing but the key's file tells of it"
    );
    is_all_that_is_told(&log, &["row 10 was signed"]);
}

#[test]
fn heads_of_another_key() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (log, other) = (written(&folder), written(&other));
    fs::copy(beside(&other, "heads"), beside(&log, "heads")).unwrap();
    is_told_each_time(&log, "line 1 of the signed heads");
}

/// Heads that don't verify don't at the next start either.
fn is_told_each_time(log: &Path, named: &str) {
    for times in 1..=2 {
        run(log);
        assert_eq!(told(log).len(), times);
        assert!(told(log).iter().all(|told| told.contains(named)));
        assert!(verified(log).is_err());
    }
}

#[test]
fn a_public_key_of_another() {
    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    let public = beside(&log, "pub");
    let own = fs::read(&public).unwrap();
    fs::write(&public, "ab".repeat(32)).unwrap();
    is_all_that_is_told(&log, &["the public key was another's", "a.pub.replaced-1"]);
    assert_eq!(fs::read(&public).unwrap(), own);
    let kept = fs::read_to_string(beside(&public, "replaced-1")).unwrap();
    assert_eq!(kept, "ab".repeat(32));
}

#[test]
fn a_key_s_file_that_tells_nothing() {
    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    let key = beside(&log, "key");
    let text = fs::read_to_string(&key).unwrap();
    fs::write(&key, text.replace("\n0", "\nx")).unwrap();
    is_all_that_is_told(&log, &["doesn't tell which row"]);
}

#[test]
fn a_first_start_that_was_killed_is_no_finding() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (log, other) = (folder.path().join("a"), other.path().join("a"));
    drop(Log::open(&other, "1").unwrap());
    let seed = fs::read_to_string(beside(&other, "key")).unwrap();
    let public = fs::read_to_string(beside(&other, "pub")).unwrap();
    for (key, public) in [
        ("", ""),
        (&seed[..64], &public[..9]),
        (&seed[..64], &public[..]),
    ] {
        let _ = fs::remove_file(&log);
        let _ = fs::remove_file(beside(&log, "heads"));
        fs::write(beside(&log, "pub"), public).unwrap();
        let file = beside(&log, "key");
        fs::write(&file, key).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        if key.is_empty() {
            fs::remove_file(beside(&log, "pub")).unwrap();
        }
        run(&log);
        assert_eq!(verified(&log).unwrap().rows, 5);
    }
}

#[test]
fn an_archived_log_makes_room_for_a_new_one() {
    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    fs::remove_file(beside(&log, "heads")).unwrap();
    run(&log);
    let archived = folder.path().join("archived");
    fs::rename(&log, &archived).unwrap();
    for ending in BESIDE {
        fs::rename(beside(&log, ending), beside(&archived, ending)).unwrap();
    }
    run(&log);
    assert_eq!(verified(&log).unwrap().rows, 5);
    assert!(matches!(verified(&archived), Err(Fault::Told { .. })));
}

#[test]
fn many_findings_are_counted() {
    let folder = TempDir::new().unwrap();
    let log = written(&folder);
    for _ in 0..23 {
        fs::remove_file(beside(&log, "heads")).unwrap();
        run(&log);
    }
    let fault = verified(&log).unwrap_err();
    assert!(matches!(&fault, Fault::Told { findings, more: 3 } if findings.len() == 20));
    let text = fault.to_string();
    assert_eq!(text.lines().count(), 22, "{text}");
    assert!(text.ends_with("\nand 3 rows more"), "{text}");
}

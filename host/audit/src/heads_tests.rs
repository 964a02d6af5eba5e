use std::process::Command;

use super::*;
use crate::row::FIRST;

/// Names the log of which a child is to sign heads until no more fit.
const LOG: &str = "AUDIT_TEST_FULL_LOG";

/// The system cuts a write short where a file would outgrow its limit, as a disk does that is full.
#[test]
fn a_full_disk_leaves_no_half_head() {
    if let Some(log) = std::env::var_os(LOG) {
        return fill(Path::new(&log));
    }
    let folder = tempfile::TempDir::new().unwrap();
    let log = folder.path().join("a");
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "heads::tests::a_full_disk_leaves_no_half_head"])
        .env(LOG, &log)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    let text = std::fs::read(beside(&log, "heads")).unwrap();
    assert!(
        text.len() > 1_000 && text.ends_with(b"}\n"),
        "{} bytes",
        text.len()
    );
}

fn fill(log: &Path) {
    let mut heads = Heads::open(log, Key::open(log).unwrap().key).unwrap();
    let mut sign = |seq| heads.sign(seq, FIRST, "now".into());
    let fitting = (1..100).take_while(|seq| sign(*seq).is_ok()).count();
    assert!((1..99).contains(&fitting), "{fitting} heads fit");
    assert!(sign(100).is_err(), "and the next one doesn't either");
    assert_eq!(heads.read().unwrap().unwrap().len(), fitting);
}

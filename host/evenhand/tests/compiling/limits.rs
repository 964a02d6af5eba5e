use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use sandbox::Compiler;

use crate::{BINARY, COMPILED, ample, bomb, component, program, refused, sandbox, short, small};

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_compiled_or_refused_with_the_reason() {
    let sandbox = sandbox(Compiler::child(BINARY.into(), ample()));
    let told = refused(&sandbox, component("(component)")).await;
    assert!(told.contains(COMPILED), "{told}");
    let mut broken = component("(component (core module (func)))");
    broken.truncate(broken.len() - 3);
    let told = refused(&sandbox, broken).await;
    assert!(
        told.contains("not a valid component") && told.contains("out of bounds"),
        "{told}"
    );
    let told = refused(&sandbox, b"\0asm\x0d\0\x01\0 garbage".to_vec()).await;
    assert!(told.contains("not a valid component"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_long_is_stopped_and_the_next_is_compiled() {
    let sandbox = sandbox(Compiler::child(BINARY.into(), short(1)));
    let told = refused(&sandbox, bomb()).await;
    assert!(
        told.contains("more than 1s of a processor's time"),
        "{told}"
    );
    let told = refused(&sandbox, component("(component)")).await;
    assert!(told.contains(COMPILED), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_takes_much_memory_is_stopped() {
    let compiler = Compiler::child(BINARY.into(), small(ByteSize::mib(192)));
    let told = refused(&sandbox(compiler), bomb()).await;
    assert!(told.contains("more than 192.0 MiB of memory"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_too_large_is_refused() {
    let mut bytes = component("(component)");
    bytes.resize((64 << 20) + 1, 0);
    let sandbox = sandbox(Compiler::child("/nowhere".into(), ample()));
    let told = refused(&sandbox, bytes).await;
    assert!(told.contains("larger than 64.0 MiB"), "{told}");
    let told = refused(&sandbox, component("(component)")).await;
    assert!(told.contains("/nowhere"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_goes_wrong_is_told_by_how() {
    let folder = tempfile::tempdir().unwrap();
    for (script, reason) in [
        ("kill -9 $$", "was killed"),
        ("kill -4 $$", "signal 4"),
        ("exec sleep 1000", "did not end within 4s"),
        ("exec cat /dev/zero", "larger than 512.0 MiB"),
        ("exec echo no code", "can't be loaded"),
        ("printf 'a\\033[31mb' >&2; exit 1", "a\\u{1b}[31mb"),
        // It has not the host's environment, where secrets are.
        ("echo \"home=$HOME.\" >&2; exit 1", "home=."),
    ] {
        let compiler = Compiler::child(program(folder.path(), script), short(1));
        let told = refused(&sandbox(compiler), component("(component)")).await;
        assert!(told.contains(reason), "{script:?}: {told}");
    }
}

/// What the system says about a running process.
#[test]
fn it_has_given_up_what_it_does_not_need() {
    let mut child = Command::new(BINARY)
        .args([
            "compile-component",
            "--seconds",
            "7",
            "--memory",
            "999999488",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let of = |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", child.id())).unwrap();
    let limit = |limits: &str, name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..]
            .split_whitespace()
            .map(str::to_owned)
            .take(2)
            .collect::<Vec<_>>()
    };
    // The last that is set.
    let end = Instant::now() + Duration::from_secs(30);
    while limit(&of("limits"), "Max open files")[1] != "3" {
        assert!(Instant::now() < end, "no limits:\n{}", of("limits"));
        std::thread::yield_now();
    }
    let limits = of("limits");
    assert_eq!(limit(&limits, "Max cpu time"), ["7", "8"]);
    assert_eq!(limit(&limits, "Max address space"), ["999999488"; 2]);
    for none in ["Max core file size", "Max file size", "Max processes"] {
        assert_eq!(limit(&limits, none), ["0"; 2], "{none}");
    }
    let stat = of("stat");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    // Fields 19 and 20 of proc_pid_stat(5); the first after the name is field 3.
    let (nice, threads) = (fields[16], fields[17]);
    assert_eq!((nice, threads), ("10", "1"));
    // Where the machine permits a network of its own, it is in one.
    let alone = Command::new("unshare")
        .args(["--user", "--net", "true"])
        .stderr(Stdio::null())
        .status();
    if alone.is_ok_and(|status| status.success()) {
        let network = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/net")).unwrap();
        assert_ne!(network(&child.id().to_string()), network("self"));
    }
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&component("(component)")).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

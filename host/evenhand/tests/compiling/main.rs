//! The built binary as the process that compiles, and programs in its place that do what a broken one would.

#![allow(missing_docs)]

mod cache;
mod limits;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use sandbox::{Compiler, Guests, Sandbox, Secrets};
use tokio::runtime::Handle;
use types::config::{Compile, Config};

const BINARY: &str = env!("CARGO_BIN_EXE_evenhand");

/// Limits that a small component is far from.
fn ample() -> Compile {
    Compile::default()
}

fn short(seconds: u64) -> Compile {
    Compile {
        time: Duration::from_secs(seconds),
        ..ample()
    }
}

fn small(memory: ByteSize) -> Compile {
    Compile { memory, ..ample() }
}

/// A sandbox that compiles so, on the threads of the test.
fn sandbox(compiler: Compiler) -> Sandbox {
    let threads = Handle::current();
    let guests = Guests {
        fast: threads.clone(),
        slow: threads.clone(),
    };
    Sandbox::new(threads, guests, compiler).unwrap()
}

/// Why a component is not loaded. One that exports nothing is refused once it has been compiled.
async fn refused(sandbox: &Sandbox, bytes: Vec<u8>) -> String {
    let entry = Config::parse("[[plugin]]\nname = \"a\"\nsource = \"a.wasm\"\n").unwrap();
    let loaded = sandbox
        .load(
            bytes,
            &entry.plugins[0],
            &Secrets::default(),
            &Default::default(),
        )
        .await;
    format!("{:#}", loaded.err().expect("refused"))
}

const COMPILED: &str = "exports nothing";

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Values that all live through many loops: the time and memory for it grow with the product of the two.
fn bomb() -> Vec<u8> {
    let (values, loops) = (1500, 3000);
    let locals = "i64 ".repeat(values - 1);
    let mix: String = (0..loops)
        .map(|at| {
            let (one, other) = (at % values, (at * 7 + 1) % values);
            format!(
                "(loop (local.set {one} (i64.add (local.get {other}) (i64.const {at})))
                       (br_if 0 (i64.eqz (local.get {one}))))"
            )
        })
        .collect();
    let uses: String = (0..values)
        .map(|at| format!("(local.get {at}) i64.xor "))
        .collect();
    component(&format!(
        "(component (core module (func (export \"f\") (param i64) (result i64) (local {locals}) {mix} (i64.const 0) {uses})))"
    ))
}

/// A program in the place of the one that compiles.
fn program(folder: &Path, script: &str) -> PathBuf {
    let file = folder.join("program");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    file
}

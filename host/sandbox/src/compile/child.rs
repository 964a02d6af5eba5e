//! The process that compiles, seen from within. It lays its own limits upon itself before it reads the first untrusted byte.

use std::io::{Read, Write};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, nice, setrlimit};
use wasmtime::Engine;

use crate::engine::{config, foreign};

/// Gives way to all that serves.
const NICE: i32 = 10;

/// Reads a component from standard input and writes its compiled form to standard output. First gives up all that compiling does
/// not need, for good: this process can't do anything else afterwards. `time` is a processor's, in whole seconds, `memory` address
/// space in bytes.
///
/// # Errors
/// A limit can't be set; the component is not valid.
pub fn compile_from_stdin(time: Duration, memory: u64) -> anyhow::Result<()> {
    confine(time, memory).context("the limits of the process that compiles can't be set")?;
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    let mut config = config();
    config.parallel_compilation(false);
    let engine = Engine::new(&config).map_err(foreign)?;
    let artifact = engine.precompile_component(&bytes).map_err(foreign)?;
    std::io::stdout().lock().write_all(&artifact)?;
    Ok(())
}

fn confine(time: Duration, memory: u64) -> rustix::io::Result<()> {
    leave_the_network();
    nice(NICE)?;
    let most = |resource, current: u64, maximum: u64| {
        let (current, maximum) = (Some(current), Some(maximum));
        setrlimit(resource, Rlimit { current, maximum })
    };
    let seconds = time.as_secs();
    // The first ends it by a signal that says why, the second where that is ignored.
    most(Resource::Cpu, seconds, seconds + 1)?;
    most(Resource::As, memory, memory)?;
    most(Resource::Core, 0, 0)?;
    most(Resource::Fsize, 0, 0)?;
    most(Resource::Nproc, 0, 0)?;
    // Standard input, output and error are open: no file and no socket can be opened beside them.
    most(Resource::Nofile, 3, 3)
}

/// A network of its own, with nothing in it. Not every machine permits that; then it still can open no socket.
#[cfg(target_os = "linux")]
fn leave_the_network() {
    use nix::sched::{CloneFlags, unshare};
    let alone = CloneFlags::CLONE_NEWNET;
    // In a user namespace of its own a process needs no privilege for it, where the system lets it have one.
    let _ = unshare(CloneFlags::CLONE_NEWUSER | alone).or_else(|_| unshare(alone));
}

#[cfg(not(target_os = "linux"))]
fn leave_the_network() {}

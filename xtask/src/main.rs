//! `cargo xtask`: what a checkout needs beside `cargo build`.

mod models;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Parser;

/// Tasks of the Evenhand workspace.
#[derive(Parser)]
enum Task {
    /// Fetches the default models into the user's cache folder.
    Models,
    /// Runs every test, installing what they need by package name.
    Test,
}

fn main() -> Result<()> {
    match Task::parse() {
        Task::Models => models::fetch(),
        Task::Test => {
            models::fetch()?;
            run(cargo().args(["fmt", "--all", "--check"]))?;
            // One profile for all, so that nothing is built twice.
            run(cargo().args(["test", "--release", "--workspace"]))
        }
    }
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command in the workspace's root and fails when it fails.
fn run(command: &mut Command) -> Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    eprintln!("xtask: {command:?}");
    let status = command
        .current_dir(root)
        .status()
        .with_context(|| format!("could not start {command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

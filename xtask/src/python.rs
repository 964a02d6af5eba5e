//! The product's tests and the examples: Python drives the built binary with the official SDKs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::{languages, node, root, run};

/// Runs pytest on a folder with these arguments.
pub(crate) fn pytest(folder: &str, args: &[OsString]) -> Result<()> {
    languages::build()?;
    let packages = packages("tests/requirements.txt")?;
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

/// Runs an example with these arguments.
pub(crate) fn example(args: &[OsString]) -> Result<()> {
    let mut example = Command::new("python3");
    let packages = packages("examples/requirements.txt")?;
    example.arg("examples/run.py").args(args);
    run(example.env("PYTHONPATH", packages))
}

/// The folder with what a file of requirements names.
fn packages(requirements: &str) -> Result<PathBuf> {
    let requirements = root().join(requirements);
    let hash = format!("{:x}", Sha256::digest(fs::read(&requirements)?));
    // A folder for each set of requirements: what an interrupted run left is not taken for whole.
    let packages = root().join("target/python").join(&hash[..16]);
    if !packages.join("complete").exists() {
        let _ = fs::remove_dir_all(&packages);
        install(&requirements, &packages)?;
        fs::write(packages.join("complete"), "")?;
    }
    Ok(packages)
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

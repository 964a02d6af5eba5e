//! What people install: one archive with the binary, our components, their contract, checksums and a bill of materials.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{cargo, install, plugins, root, run, said, step, tested};

/// What is put in as it is, beside the binary and the components.
const TEXTS: [&str; 5] = ["LICENSE", "README.md", "CHANGELOG.md", "docs", "wit"];

/// The folder of the components, and the file of the checksums.
const COMPONENTS: &str = "components";
const SUMS: &str = "SHA256SUMS";

/// The bill of materials.
const BILL: &str = "evenhand.cdx.json";

/// Makes `target/dist/evenhand-VERSION-TARGET.tar.gz`, the same for the same commit and binary. `key`: signs it, and each component.
pub(crate) fn make(key: Option<&Path>) -> Result<()> {
    plugins::build()?;
    let components = root().join("target/plugins");
    for component in files(&components)? {
        // A signature that is there is of another key, or of other bytes.
        if component.extension().is_some_and(|end| end == "sig") {
            fs::remove_file(&component)?;
        }
    }
    tested()?;
    if let Some(key) = key {
        for component in files(&components)? {
            sign(&component, key)?;
        }
        // The signatures are inside it, too.
        tested()?;
    }
    let name = format!("evenhand-{}-{}", env!("CARGO_PKG_VERSION"), target()?);
    let dist = root().join("target/dist");
    let _ = fs::remove_dir_all(&dist);
    let folder = dist.join(&name);
    fs::create_dir_all(folder.join(COMPONENTS))?;
    for file in files(&components)? {
        let name = file.file_name().unwrap_or_default();
        fs::copy(&file, folder.join(COMPONENTS).join(name))?;
    }
    for text in TEXTS {
        copy(&root().join(text), &folder.join(text))?;
    }
    // Its lines of source are half of it.
    run(Command::new("strip")
        .args(["--strip-debug", "-o"])
        .arg(folder.join("evenhand"))
        .arg(root().join("target/release/evenhand")))?;
    materials(&folder.join(BILL))?;
    fs::write(folder.join(SUMS), sums(&folder, &folder)?)?;
    let archive = pack(&dist, &name)?;
    fs::remove_dir_all(&folder)?;
    if let Some(key) = key {
        sign(&archive, key)?;
    }
    fs::write(dist.join(SUMS), sums(&dist, &dist)?)?;
    step(format_args!("made {}", archive.display()));
    Ok(())
}

/// Writes `FILE.sig`.
fn sign(file: &Path, key: &Path) -> Result<()> {
    let evenhand = root().join("target/release/evenhand");
    run(Command::new(evenhand)
        .arg("sign")
        .arg("--key")
        .arg(std::path::absolute(key)?)
        .arg(file))
}

/// Everything that is in the binary, in CycloneDX.
fn materials(to: &Path) -> Result<()> {
    install("cargo-cyclonedx")?;
    // It writes one for each crate of the workspace, beside its Cargo.toml.
    run(cargo()
        .args([
            "cyclonedx",
            "--format=json",
            "--spec-version=1.5",
            "--all",
            "--no-build-deps",
            "--quiet",
        ])
        .arg(format!(
            "--override-filename={}",
            BILL.trim_end_matches(".json")
        ))
        .env("SOURCE_DATE_EPOCH", when()))?;
    let made = root().join("host/evenhand").join(BILL);
    let bill = fs::read_to_string(&made).with_context(|| made.display().to_string())?;
    // Where this checkout is is nobody's business, and another each time.
    fs::write(to, bill.replace(&*root().to_string_lossy(), ""))?;
    remove(&root(), BILL)
}

/// Removes the files of a name from the folders of the checkout.
fn remove(folder: &Path, name: &str) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let inside = entry.file_type()?.is_dir();
        if inside && entry.file_name() != "target" && entry.file_name() != ".git" {
            remove(&entry.path(), name)?;
        } else if entry.file_name() == name {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// One archive of a folder: names in order, one time and owner for all.
fn pack(dist: &Path, name: &str) -> Result<PathBuf> {
    let archive = dist.join(format!("{name}.tar.gz"));
    run(Command::new("tar")
        .args([
            "--create",
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--format=gnu",
        ])
        .args(["--mode=u+rwX,go+rX,go-w", "--use-compress-program=gzip -n"])
        .arg(format!("--mtime=@{}", when()))
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(dist)
        .arg(name))?;
    Ok(archive)
}

/// A line for each file below a folder, as `sha256sum --check` reads it.
fn sums(folder: &Path, from: &Path) -> Result<String> {
    let mut lines = String::new();
    let mut entries = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            lines += &sums(&path, from)?;
        } else {
            let name = path.strip_prefix(from)?.display();
            lines += &format!("{:x}  {name}\n", Sha256::digest(fs::read(&path)?));
        }
    }
    Ok(lines)
}

/// The files of a folder, without those in folders of it.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Copies a file, or a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        fs::copy(from, to).with_context(|| from.display().to_string())?;
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// When the commit was made, in seconds since 1970: the time of everything in an archive.
fn when() -> String {
    // A checkout without its history has no time, which is one time too.
    said("git", &["log", "-1", "--format=%ct"]).unwrap_or_else(|_| "0".into())
}

/// The machine that it is for.
fn target() -> Result<String> {
    let about = said("rustc", &["-vV"])?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say which machine this is")?;
    Ok(host.to_owned())
}

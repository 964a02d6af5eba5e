//! Versions of the contract that were published: a copy of `wit/`, and components that were built for it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{plugins, root, said, step};

/// Keeps the contract of this checkout under its version. What is kept already is not touched: it was published.
pub(crate) fn publish() -> Result<()> {
    let version = version()?;
    let folder = root().join("tests/contract").join(&version);
    if folder.exists() {
        bail!(
            "{} is there: {version} is published and stays as it is. Write the next version into wit/*.wit first",
            folder.display()
        );
    }
    plugins::of_contract()?;
    fs::create_dir_all(folder.join("wit"))?;
    copy(&root().join("wit"), &folder.join("wit"), |_| true)?;
    copy(&root().join("target/plugins/test"), &folder, |name| {
        name.starts_with("contract-")
    })?;
    let readme = format!(
        "# evenhand:plugin@{version}\n\nWhat was published. Nothing here changes any more: `wit/` is the contract, and the components are \
         `tests/plugins/contract-*` as they\nwere built for it, by `cargo xtask contract` from commit {} with {}. The tests load them \
         and call all\nthat they have ([why](../../../docs/decisions/010-contract-versions.md)).\n",
        said("git", &["rev-parse", "--short=12", "HEAD"])?,
        said("rustc", &["--version"])?,
    );
    fs::write(folder.join("README.md"), readme)?;
    step(format_args!("published {}", folder.display()));
    Ok(())
}

/// The version in `wit/`.
fn version() -> Result<String> {
    let file = root().join("wit/types.wit");
    let text = fs::read_to_string(&file)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("package evenhand:plugin@"));
    let version = line.and_then(|line| line.strip_suffix(';'));
    let version = version.with_context(|| format!("{} names no package", file.display()))?;
    Ok(version.to_owned())
}

fn copy(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&wanted) {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

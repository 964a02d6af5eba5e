//! Example plugins in other languages: each is built as its publisher would, by `evenhand build`, in a copy that `target/languages`
//! holds until it changes. Toolchains come by their packages' names, and Node by pip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::{node, plugins, root, run};

/// What a publisher's own tests are called by, for each language.
const TESTS: [(&str, &[&str]); 3] = [
    (
        "python",
        &["python3", "-m", "unittest", "discover", "tests"],
    ),
    ("javascript", &["node", "--test"]),
    ("c", &["sh", "tests/run.sh"]),
];

/// What builds leave in a project, beside the component.
const LEFT: [&str; 3] = [".venv", "node_modules", "evenhand"];

/// Builds and tests those that have changed, and puts each at `target/plugins/examples/NAME.wasm`. The binary must have been built.
pub(crate) fn build() -> Result<()> {
    for project in projects()? {
        let name = name(&project);
        let built = root().join("target/languages").join(&name);
        let folder = built.join(&hash(&project)?[..16]);
        let component = folder.join("complete.wasm");
        if !component.exists() {
            // What an interrupted run or another state left.
            let _ = fs::remove_dir_all(&built);
            let made = make(&project, &folder).with_context(|| format!("the example {name}"))?;
            for left in LEFT {
                let _ = fs::remove_dir_all(folder.join(left));
            }
            fs::rename(made, &component)?;
        }
        plugins::put(&component, "examples", &format!("{name}.wasm"))?;
    }
    Ok(())
}

/// Examples that are no crates.
fn projects() -> Result<Vec<PathBuf>> {
    let mut projects = Vec::new();
    for plugin in fs::read_dir(root().join("examples/plugins"))? {
        let plugin = plugin?.path();
        if plugin.join(manifest::FILE).exists() && !plugin.join("Cargo.toml").exists() {
            projects.push(plugin);
        }
    }
    projects.sort();
    Ok(projects)
}

fn name(project: &Path) -> String {
    let name = project.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Builds a copy of a project in a folder, and runs its tests. What publishers call, in their order.
fn make(project: &Path, folder: &Path) -> Result<PathBuf> {
    for file in files(project)? {
        let to = folder.join(&file);
        fs::create_dir_all(to.parent().unwrap_or(folder))?;
        fs::copy(project.join(&file), to)?;
    }
    let name = name(project);
    let language = name.rsplit_once('-').map_or("", |(_, language)| language);
    let Some((_, tests)) = TESTS.iter().find(|(name, _)| *name == language) else {
        bail!("its name ends in no language that is known here");
    };
    let evenhand = root().join("target/release/evenhand");
    let path = node::path()?;
    run(Command::new(&evenhand)
        .args(["sdk", "--lang", language])
        .arg(folder))?;
    run(Command::new(&evenhand)
        .arg("build")
        .arg(folder)
        .env("PATH", &path))?;
    // In its folder: `run` would go to the workspace's.
    let line = tests.join(" ");
    run(Command::new("sh")
        .args(["-c", &format!("cd \"$0\" && {line}")])
        .arg(folder)
        .env("PATH", &path))?;
    let plugin = manifest::Project::open(folder)?.plugin;
    Ok(folder.join(format!("{}.wasm", plugin.name.plugin())))
}

/// Names and contents of a project's files, and the contract's.
fn hash(project: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for folder in [project, &root().join("wit")] {
        for file in files(folder)? {
            hash.update(file.to_string_lossy().as_bytes());
            hash.update(fs::read(folder.join(file))?);
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}

/// A folder's own files, relative to it: not what builds leave.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(within) = folders.pop() {
        for entry in fs::read_dir(folder.join(&within))? {
            let name = entry?.file_name();
            let path = within.join(&name);
            let left = LEFT.iter().any(|left| name == *left) || name == "__pycache__";
            if left || path.extension().is_some_and(|end| end == "wasm") {
                continue;
            }
            match folder.join(&path).is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    Ok(files)
}

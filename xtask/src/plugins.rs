//! Our plugins, built as any publisher's: `plugins/KIND/NAME` is the package `plugin-NAME`, and so are `examples/plugins/NAME` and
//! `tests/plugins/NAME`, which only examples and tests load.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cargo, root, run, step};

const TARGET: &str = "wasm32-wasip2";

/// A plugin's folder in `target/plugins`, and its name.
type Plugin = (&'static str, String);

/// Builds all of them and puts each at `target/plugins/NAME.wasm`, those of examples at `target/plugins/examples/NAME.wasm`, those of
/// tests at `target/plugins/test/NAME.wasm`.
pub(crate) fn build() -> Result<()> {
    make(plugins()?)
}

/// Builds those that use all of the contract, for tests: target/plugins/test/contract-NAME.wasm.
pub(crate) fn of_contract() -> Result<()> {
    let mut plugins = plugins()?;
    plugins.retain(|(_, name)| name.starts_with("contract-"));
    make(plugins)
}

fn make(plugins: Vec<Plugin>) -> Result<()> {
    run(Command::new("rustup").args(["target", "add", TARGET]))?;
    let packages = plugins
        .iter()
        .map(|(_, name)| format!("--package=plugin-{name}"));
    run(cargo()
        .args(["build", "--profile=plugin", "--target", TARGET])
        .args(packages))?;
    let built = root().join("target").join(TARGET).join("plugin");
    for (folder, name) in plugins {
        let from = built.join(format!("plugin_{}.wasm", name.replace('-', "_")));
        put(&from, folder, &format!("{name}.wasm"))?;
    }
    Ok(())
}

/// Builds what attacks in `tests/hostile`: each component at `target/plugins/hostile/NAME.wasm`, and beside them the library that
/// says what names lead to.
pub(crate) fn attacks() -> Result<()> {
    run(Command::new("rustup").args(["target", "add", TARGET]))?;
    let build = ["build", "--package=hostile", "--examples"];
    run(cargo()
        .args(build)
        .args(["--profile=attack", "--target", TARGET]))?;
    let built = root().join("target").join(TARGET).join("attack/examples");
    for attack in fs::read_dir(root().join("tests/hostile/attacks"))? {
        let attack = attack?.path().with_extension("wasm");
        let name = attack.file_name().unwrap_or_default();
        let from = built.join(name);
        // Those in WAT are made by the tests.
        if from.exists() && name != "resolver.wasm" {
            put(&from, "hostile", &name.to_string_lossy())?;
        }
    }
    run(cargo().args([
        "build",
        "--release",
        "--package=hostile",
        "--example=resolver",
    ]))?;
    let library = root().join("target/release/examples/libresolver.so");
    put(&library, "hostile", "resolver.so")
}

/// Copies a file that was built into a folder of `target/plugins`. A running host sees a whole file or none, and nothing where
/// nothing changed.
fn put(from: &Path, folder: &str, name: &str) -> Result<()> {
    let folder = root().join("target/plugins").join(folder);
    fs::create_dir_all(&folder)?;
    let to = folder.join(name);
    let new = fs::read(from).with_context(|| format!("{} is missing", from.display()))?;
    if fs::read(&to).ok().as_ref() != Some(&new) {
        let part = folder.join(format!(".{name}.part"));
        fs::write(&part, new)?;
        fs::rename(&part, &to)?;
        step(format_args!("built {}", to.display()));
    }
    Ok(())
}

fn plugins() -> Result<Vec<Plugin>> {
    let mut plugins = Vec::new();
    for kind in fs::read_dir(root().join("plugins"))? {
        let kind = kind?.path();
        if kind.is_dir() {
            find(&kind, "", &mut plugins)?;
        }
    }
    find(&root().join("examples/plugins"), "examples", &mut plugins)?;
    find(&root().join("tests/plugins"), "test", &mut plugins)?;
    plugins.sort();
    Ok(plugins)
}

fn find(parent: &Path, folder: &'static str, plugins: &mut Vec<Plugin>) -> Result<()> {
    for plugin in fs::read_dir(parent)? {
        let plugin = plugin?;
        if plugin.path().join("Cargo.toml").exists() {
            plugins.push((folder, plugin.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(())
}

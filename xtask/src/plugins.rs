//! Our plugins, built as any publisher's: `plugins/KIND/NAME` is the package `plugin-NAME`, and so is `tests/plugins/NAME`, which
//! only tests load.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cargo, root, run, step};

const TARGET: &str = "wasm32-wasip2";

/// A plugin's folder in `target/plugins`, and its name.
type Plugin = (&'static str, String);

/// Builds all of them and puts each at `target/plugins/NAME.wasm`, those of tests at `target/plugins/test/NAME.wasm`.
pub(crate) fn build() -> Result<()> {
    run(Command::new("rustup").args(["target", "add", TARGET]))?;
    let plugins = plugins()?;
    let packages = plugins
        .iter()
        .map(|(_, name)| format!("--package=plugin-{name}"));
    run(cargo()
        .args(["build", "--profile=plugin", "--target", TARGET])
        .args(packages))?;
    let built = root().join("target").join(TARGET).join("plugin");
    for (folder, name) in plugins {
        let folder = root().join("target/plugins").join(folder);
        fs::create_dir_all(&folder)?;
        let from = built.join(format!("plugin_{}.wasm", name.replace('-', "_")));
        let to = folder.join(format!("{name}.wasm"));
        let new = fs::read(&from).with_context(|| format!("{} is missing", from.display()))?;
        // A running host sees a whole file or none, and nothing where nothing changed.
        if fs::read(&to).ok().as_ref() != Some(&new) {
            let part = folder.join(format!(".{name}.part"));
            fs::write(&part, new)?;
            fs::rename(&part, &to)?;
            step(format_args!("built {}", to.display()));
        }
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

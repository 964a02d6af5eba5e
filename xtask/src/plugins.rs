//! Our plugins, built as any publisher's: `plugins/KIND/NAME` is the package `plugin-NAME`, and so are `examples/plugins/NAME` and
//! `tests/plugins/NAME`, which only examples and tests load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cargo, root, run, step};

const TARGET: &str = "wasm32-wasip2";

/// A plugin's folder in `target/plugins`, its name, and where its sources are.
type Plugin = (&'static str, String, PathBuf);

/// Builds all of them and puts each at `target/plugins/NAME.wasm`, those of examples at `target/plugins/examples/NAME.wasm`, those of
/// tests at `target/plugins/test/NAME.wasm`.
pub(crate) fn build() -> Result<()> {
    make(plugins()?)
}

/// Builds those that use all of the contract, for tests: target/plugins/test/contract-NAME.wasm.
pub(crate) fn of_contract() -> Result<()> {
    let mut plugins = plugins()?;
    plugins.retain(|(_, name, _)| name.starts_with("contract-"));
    make(plugins)
}

fn make(plugins: Vec<Plugin>) -> Result<()> {
    run(Command::new("rustup").args(["target", "add", TARGET]))?;
    let packages = plugins
        .iter()
        .map(|(_, name, _)| format!("--package=plugin-{name}"));
    run(cargo()
        .args(["build", "--profile=plugin", "--target", TARGET])
        .args(packages))?;
    let built = root().join("target").join(TARGET).join("plugin");
    for (folder, name, sources) in plugins {
        let from = built.join(format!("plugin_{}.wasm", name.replace('-', "_")));
        let mut component = read(&from)?;
        // As `evenhand build` does. Those of tests have none.
        if sources.join(manifest::FILE).exists() {
            let project = manifest::Project::open(&sources)?;
            component = manifest::embed(component, &project.plugin)?;
        }
        write(component, folder, &format!("{name}.wasm"))?;
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

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("{} is missing", file.display()))
}

/// Copies a file that was built into a folder of `target/plugins`.
pub(crate) fn put(from: &Path, folder: &str, name: &str) -> Result<()> {
    write(read(from)?, folder, name)
}

/// Writes a file into a folder of `target/plugins`. A running host sees a whole file or none, and nothing where nothing changed.
fn write(new: Vec<u8>, folder: &str, name: &str) -> Result<()> {
    let folder = root().join("target/plugins").join(folder);
    fs::create_dir_all(&folder)?;
    let to = folder.join(name);
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
            let name = plugin.file_name().to_string_lossy().into_owned();
            plugins.push((folder, name, plugin.path()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Each plugin of ours with what a manifest must be for: not those of tests.
    fn published() -> Vec<(String, manifest::Project)> {
        let ours = plugins().unwrap().into_iter();
        let ours = ours.filter(|(folder, _, _)| *folder != "test");
        ours.map(|(_, name, sources)| (name, manifest::Project::open(&sources).unwrap()))
            .collect()
    }

    #[test]
    fn each_plugin_has_its_manifest() {
        let all = published();
        assert!(all.len() >= 13);
        for (name, project) in all {
            assert_eq!(project.plugin.name.to_string(), format!("evenhand/{name}"));
            let file = format!("plugin_{}.wasm", name.replace('-', "_"));
            assert!(project.build.component.ends_with(file), "{name}");
            assert!(project.plugin.config.is_some(), "{name}");
        }
    }

    /// The manifest's schema and docs/config.md have the same keys.
    #[test]
    fn schemas_have_the_keys_that_are_documented() {
        let docs = fs::read_to_string(root().join("docs/config.md")).unwrap();
        let (_, table) = docs.split_once("## What our own plugins read").unwrap();
        let mut documented: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut plugin = "";
        let rows = table.lines().skip_while(|line| !line.starts_with("| `"));
        for row in rows.take_while(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            if !cells[1].is_empty() {
                plugin = cells[1].trim_matches('`');
            }
            let keys = cells[2].split('`').skip(1).step_by(2);
            documented.entry(plugin).or_default().extend(keys);
        }
        assert_eq!(documented.len(), 11, "{documented:?}");
        for (name, project) in published() {
            let Some(keys) = documented.get(name.as_str()) else {
                continue;
            };
            let config = project.plugin.config.unwrap();
            let properties = config["properties"].as_object();
            let properties = properties.into_iter().flat_map(|it| it.keys());
            let properties: BTreeSet<&str> = properties.map(String::as_str).collect();
            assert_eq!(*keys, properties, "{name}");
        }
    }
}

//! The folder `evenhand` of a publisher's project: the contract of this version, and what a language needs of it.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueEnum;
use include_dir::{Dir, include_dir};
use toml::{Table, Value};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

static WIT: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../wit");
static SDK: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust");
static WORKSPACE: &str = include_str!("../../../Cargo.toml");

/// Worlds that a component in C can be made for.
const WORLDS: [&str; 3] = ["provider-world", "accelerator", "tool-world"];

/// A language that projects can be made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// With the SDK.
    Rust,
    /// By componentize-py.
    Python,
    /// By componentize-js.
    Javascript,
    /// By zig cc.
    C,
}

/// Writes the folder anew.
pub(crate) fn run(folder: &Path, language: Language) -> Result<ExitCode> {
    write(folder, language)?;
    println!("{}", folder.join("evenhand").display());
    Ok(ExitCode::SUCCESS)
}

/// Writes the contract (`evenhand/wit`), and for Rust the SDK (`evenhand/sdk/rust`), for C the bindings (`evenhand/c`).
pub(crate) fn write(project: &Path, language: Language) -> Result<()> {
    let folder = project.join("evenhand");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let wit = folder.join("wit");
    copy(&WIT, &wit)?;
    match language {
        Language::Rust => {
            let sdk = folder.join("sdk/rust");
            copy(&SDK, &sdk)?;
            put(&sdk.join("Cargo.toml"), standalone()?.as_bytes())
        }
        Language::C => bindings(&wit, &folder.join("c")),
        Language::Python | Language::Javascript => Ok(()),
    }
}

/// Writes a file, and its folder where it isn't there.
pub(crate) fn put(file: &Path, bytes: &[u8]) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, bytes))
        .with_context(|| file.display().to_string())
}

fn copy(dir: &Dir, to: &Path) -> Result<()> {
    fs::create_dir_all(to)
        .and_then(|()| dir.extract(to))
        .with_context(|| to.display().to_string())
}

/// The contract as C, by wit-bindgen: a header, its code, and an object with the world's types, for each world.
fn bindings(wit: &Path, folder: &Path) -> Result<()> {
    for world in WORLDS {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(wit)?;
        let world = resolve.select_world(&[package], Some(world))?;
        let mut files = Files::default();
        let options = wit_bindgen_c::Opts::default();
        options.build().generate(&mut resolve, world, &mut files)?;
        for (name, bytes) in files.iter() {
            put(&folder.join(name), bytes)?;
        }
    }
    Ok(())
}

/// The SDK's `Cargo.toml` without our workspace: what it takes from there is written into it.
fn standalone() -> Result<String> {
    let sdk = SDK
        .get_file("Cargo.toml")
        .and_then(|file| file.contents_utf8());
    let mut sdk: Table = toml::from_str(sdk.context("the SDK has no Cargo.toml")?)?;
    let workspace: Table = toml::from_str(WORKSPACE)?;
    let workspace = &workspace["workspace"];
    // Lints are for those who change it, and so are its tests.
    sdk.remove("lints");
    sdk.remove("dev-dependencies");
    for (table, from) in [("package", "package"), ("dependencies", "dependencies")] {
        let Some(Value::Table(table)) = sdk.get_mut(table) else {
            continue;
        };
        for (key, value) in table.iter_mut() {
            if value.get("workspace").and_then(Value::as_bool) == Some(true) {
                let inherited = workspace[from].get(key);
                *value = inherited
                    .with_context(|| format!("the workspace has no {key}"))?
                    .clone();
            }
        }
    }
    Ok(toml::to_string(&sdk)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_stands_alone() {
        let text = standalone().unwrap();
        assert!(!text.contains("workspace"), "{text}");
        let table: Table = toml::from_str(&text).unwrap();
        assert_eq!(table["package"]["name"].as_str(), Some("evenhand-sdk"));
        let ours: Table = toml::from_str(WORKSPACE).unwrap();
        let ours = &ours["workspace"]["dependencies"];
        for (name, value) in table["dependencies"].as_table().unwrap() {
            assert_eq!(*value, ours[name], "{name}");
        }
    }

    #[test]
    fn each_language_gets_what_it_needs_and_nothing_old() {
        let folder = tempfile::tempdir().unwrap();
        let has = |file: &str| folder.path().join("evenhand").join(file).exists();
        write(folder.path(), Language::Rust).unwrap();
        assert!(has("sdk/rust/src/lib.rs") && has("wit/tool.wit"));
        write(folder.path(), Language::C).unwrap();
        assert!(!has("sdk") && has("wit/tool.wit"));
        for world in ["provider_world", "tool_world", "accelerator"] {
            for end in [".h", ".c", "_component_type.o"] {
                assert!(has(&format!("c/{world}{end}")), "{world}{end}");
            }
        }
    }
}

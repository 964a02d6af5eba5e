//! Puts components into the binary: those of the folder that `EVENHAND_COMPONENTS` names, as `cargo xtask` does. Without it there are
//! none, and `builtin:NAME` says so.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const FOLDER: &str = "EVENHAND_COMPONENTS";

fn main() -> io::Result<()> {
    // What `evenhand new` writes.
    for folder in ["wit", "sdk/rust", "sdk/templates"] {
        println!("cargo::rerun-if-changed=../../{folder}");
    }
    println!("cargo::rerun-if-env-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build.rs");
    let mut all = String::new();
    if let Some(folder) = env::var_os(FOLDER) {
        let folder = PathBuf::from(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        for component in components(&folder)? {
            println!("cargo::rerun-if-changed={}", component.display());
            let signature = component.with_extension("wasm.sig");
            let signature = match signature.is_file() {
                true => format!("Some(include_str!({signature:?}))"),
                false => "None".into(),
            };
            let name = component.file_stem().unwrap_or_default();
            let _ = write!(
                all,
                "({name:?}, include_bytes!({component:?}), {signature}),"
            );
        }
    }
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    fs::write(out.join("components.rs"), format!("&[{all}]"))
}

/// The components of a folder, in the order of their names.
fn components(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let found = fs::read_dir(folder).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{FOLDER}: {}: {error}", folder.display()),
        )
    })?;
    let mut components = Vec::new();
    for entry in found {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "wasm") {
            components.push(path);
        }
    }
    components.sort();
    Ok(components)
}

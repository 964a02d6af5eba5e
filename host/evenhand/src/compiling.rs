//! What makes code of components: this very program, in processes of their own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sandbox::{Cache, Compiler};
use types::config::{self, Compile};

/// The compiler that a configuration file asks for; without one, as if it said nothing.
pub(crate) fn compiler(file: Option<&Path>) -> Result<Compiler> {
    let (limits, wanted) = match file {
        Some(file) => {
            let config = catalog::read_config(file)?;
            (config.compile, config.cache)
        }
        None => <(Compile, config::Cache)>::default(),
    };
    let compiler = Compiler::child(myself()?, limits);
    if wanted.size.as_u64() == 0 {
        return Ok(compiler);
    }
    let folder = file.and_then(Path::parent).unwrap_or(Path::new("."));
    match Cache::open(catalog::resolve(folder, &wanted.path), wanted.size.as_u64()) {
        Ok(cache) => Ok(compiler.cached(cache)),
        Err(error) => {
            tracing::warn!(
                "compiled components are not kept, each start takes longer: {error:#}; set path under [cache]"
            );
            Ok(compiler)
        }
    }
}

/// On Linux the program that runs, even where its file has been replaced since it started.
fn myself() -> Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe().context("the file of this program can't be found")
}

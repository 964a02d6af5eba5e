//! `evenhand audit verify`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use audit::{beside, verify};
use clap::Subcommand;

/// What can be done with an audit log.
#[derive(Subcommand)]
pub(crate) enum Task {
    /// Looks for rows that were altered, removed or cut off. Fails where it finds one, and names it.
    Verify {
        /// The log, as `[audit] path` names it.
        file: PathBuf,
        /// The file of signed heads; FILE.heads if not given.
        #[arg(long)]
        heads: Option<PathBuf>,
        /// The file with the host's public key, kept where the host can't write; FILE.pub if not given.
        #[arg(long)]
        key: Option<PathBuf>,
    },
}

pub(crate) fn run(task: Task) -> Result<ExitCode> {
    let Task::Verify { file, heads, key } = task;
    let heads = heads.unwrap_or_else(|| beside(&file, "heads"));
    let key = key.unwrap_or_else(|| beside(&file, "pub"));
    say(&file, verify(&file, &heads, &key)?)
}

fn say(file: &Path, found: Result<audit::Verified, audit::Fault>) -> Result<ExitCode> {
    match found {
        Ok(good) => {
            println!(
                "ok: {} rows, signed up to row {} at {}",
                good.rows, good.signed, good.time
            );
            if good.rows > good.signed {
                println!(
                    "the rows after it are held by the chain only, until the next head is signed"
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(fault) => {
            println!("{}: {fault}", file.display());
            Ok(ExitCode::FAILURE)
        }
    }
}

//! `evenhand test`: does a component keep the contract?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use conformance::{Candidate, FILE, Script};
use sandbox::Sandbox;

/// What is tested, and with what.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The component.
    file: PathBuf,
    /// What its publisher wrote for the kit; else conformance.toml beside it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Writes the report as JUnit too.
    #[arg(long, value_name = "OUT.xml")]
    junit: Option<PathBuf>,
}

/// Runs the kit's cases, and prints what came of them. Fails where one failed.
pub(crate) async fn test(args: Args, sandbox: Sandbox) -> Result<ExitCode> {
    let Args {
        file,
        config,
        junit,
    } = args;
    let bytes = sandbox::read_component(&file)?;
    let beside = file.parent().unwrap_or(Path::new("."));
    let script = match config {
        Some(config) => Script::open(&config)?,
        None => match beside.join(FILE) {
            there if there.exists() => Script::open(&there)?,
            _ => Script {
                folder: beside.to_owned(),
                ..Script::default()
            },
        },
    };
    let name = file.display().to_string();
    let candidate = Candidate {
        name,
        bytes,
        script,
    };
    let report = conformance::run(candidate, sandbox).await?;
    print!("{report}");
    if let Some(out) = junit {
        let xml = report.junit()?;
        std::fs::write(&out, xml).with_context(|| format!("writing {}", out.display()))?;
    }
    let (_, failed, _) = report.counts();
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

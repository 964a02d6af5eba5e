//! `evenhand check`: what would serve, and what it could do.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::powers;
use anyhow::Result;
use catalog::{Catalog, State};
use sandbox::Sandbox;

/// Loads everything and prints a line for each thing that a plugin could do.
pub(crate) async fn check(file: PathBuf, sandbox: Sandbox) -> Result<ExitCode> {
    let catalog = Catalog::open(file, sandbox, audit::Log::off(), None, crate::builtin).await?;
    let now = catalog.now();
    let mut broken = 0;
    let all = now.status();
    for (status, entry) in all.iter().zip(&now.config.plugins) {
        match (status.state, &status.error) {
            (State::Serving, None) => {
                println!(
                    "{}: {}, {}",
                    status.name,
                    status.kind.unwrap_or("plugin"),
                    status.digest.as_deref().unwrap_or_default()
                );
                powers::print(entry);
            }
            (_, error) => {
                broken += 1;
                println!(
                    "{}: NOT LOADED: {}",
                    status.name,
                    error.as_deref().unwrap_or("unknown")
                );
            }
        }
    }
    match broken {
        0 => {
            println!(
                "ok: {} plugins, {} routes, {} keys",
                all.len(),
                now.config.routes.len(),
                now.keys.len()
            );
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            println!("{broken} of {} plugins would not serve", all.len());
            Ok(ExitCode::FAILURE)
        }
    }
}

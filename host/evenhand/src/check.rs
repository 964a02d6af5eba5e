//! `evenhand check`: what would serve, and what it could do.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use catalog::{Catalog, State};
use sandbox::Sandbox;
use types::config::{AttachAs, Grant, SecretSource};

/// Loads everything and prints a line for each thing that a plugin could do.
pub(crate) async fn check(file: PathBuf, sandbox: Sandbox) -> Result<ExitCode> {
    let catalog = Catalog::open(file, sandbox).await?;
    let now = catalog.now();
    let mut broken = 0;
    for (status, entry) in now.status.iter().zip(&now.config.plugins) {
        match (status.state, &status.error) {
            (State::Serving, None) => {
                println!(
                    "{}: {}, {}",
                    status.name,
                    status.kind.unwrap_or("plugin"),
                    status.digest.as_deref().unwrap_or_default()
                );
                powers(&entry.grant);
                let limits = &entry.limits;
                println!(
                    "  within {} of memory and {:?} a call, {} calls at a time",
                    limits.memory, limits.deadline, limits.concurrency
                );
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
                now.status.len(),
                now.config.routes.len(),
                now.keys.len()
            );
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            println!("{broken} of {} plugins would not serve", now.status.len());
            Ok(ExitCode::FAILURE)
        }
    }
}

fn powers(grant: &Grant) {
    println!("  may compute and log");
    for rule in &grant.egress {
        println!("  may send {rule}");
    }
    if grant.allow_private {
        println!("  may reach private and loopback addresses under these names");
    }
    for (name, secret) in &grant.secrets {
        let from = match &secret.source {
            SecretSource::Env(variable) => format!("the environment variable {variable}"),
            SecretSource::File(path) => format!("the file {}", path.display()),
            SecretSource::Command(command) => format!("what {:?} prints", command[0]),
        };
        let place = match &secret.attach {
            AttachAs::Bearer => "bearer token".to_owned(),
            AttachAs::Header(field) => format!("header {field}"),
            AttachAs::Query(parameter) => format!("query parameter {parameter}"),
            AttachAs::AwsSigv4 { region, service } => {
                format!("signature (aws-sigv4) for {service} in {region}")
            }
        };
        let auto = if secret.auto {
            ", to every request by wasi:http too"
        } else {
            ""
        };
        let to: Vec<String> = secret.to.iter().map(ToString::to_string).collect();
        println!(
            "  may have the secret {name:?} ({from}) attached as {place} towards {}{auto}; it never sees it",
            to.join(", ")
        );
    }
    for (name, path) in &grant.weights {
        println!("  may read the weights {name:?} ({})", path.display());
    }
    for name in &grant.accelerators {
        println!("  may compute on the accelerator {name:?}");
    }
    if grant.keep {
        println!("  keeps one instance, with its memory, from call to call");
    }
}

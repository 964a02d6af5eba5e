//! What an entry of the configuration lets a plugin do, in words.

use types::config::{AttachAs, Grant, Plugin, SecretSource};

/// Prints a line for each thing that the plugin could do, and what it could use.
pub(crate) fn print(entry: &Plugin) {
    granted(&entry.grant);
    let limits = &entry.limits;
    println!(
        "  within {} of memory and {:?} a call, {} calls at a time",
        limits.memory, limits.deadline, limits.concurrency
    );
}

fn granted(grant: &Grant) {
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
        };
        let place = match &secret.attach {
            AttachAs::Bearer => "bearer token".to_owned(),
            AttachAs::Header(field) => format!("header {field}"),
            AttachAs::Query(parameter) => format!("query parameter {parameter}"),
        };
        let to: Vec<String> = secret.to.iter().map(ToString::to_string).collect();
        println!(
            "  may have the secret {name:?} ({from}) attached as {place} towards {}; it never sees it",
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

//! `evenhand inspect`: what an operator wants to know of a component before granting it anything.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use catalog::{digest, read_config, resolve};
use manifest::{Manifest, ManifestError};
use sandbox::{Inspection, Kind, Sandbox};
use types::config::{Grant, Plugin, Source};

use crate::powers;

/// What imports mean: the start of a name, and words. The first that fits counts. Types alone ask for nothing.
const IMPORTS: &[(&str, Option<&str>)] = &[
    ("evenhand:plugin/types@", None),
    ("evenhand:plugin/tensors@", None),
    ("evenhand:plugin/tool-types@", None),
    ("evenhand:plugin/log@", Some("writes to its log")),
    (
        "evenhand:plugin/config@",
        Some("reads its own entry's config"),
    ),
    (HTTP, Some("asks to send HTTP requests")),
    ("wasi:http/types@", None),
    (WASI_HTTP, Some("asks to send HTTP requests")),
    (WEIGHTS, Some("asks to read model weights")),
    (ACCELERATORS, Some("asks to compute on accelerators")),
    (
        "evenhand:plugin/tool-host@",
        Some("tells the client how far it is, and may ask the person or a model"),
    ),
    (
        STATE,
        Some("asks to keep a note for each session of a client"),
    ),
    (KV, Some("asks to keep values")),
    (SQL, Some("asks to query databases")),
    ("wasi:io/", Some("waits and streams, within the sandbox")),
    ("wasi:clocks/", Some("reads the clock")),
    ("wasi:random/", Some("reads random numbers")),
    (
        "wasi:cli/environment@",
        Some("looks for environment and arguments, and finds none"),
    ),
    ("wasi:cli/exit@", Some("may end itself")),
    (
        "wasi:cli/stdin@",
        Some("reads standard input, which is empty"),
    ),
    (
        "wasi:cli/std",
        Some("writes to standard output, which is its log"),
    ),
    (
        "wasi:cli/terminal-",
        Some("looks for a terminal, and finds none"),
    ),
    ("wasi:filesystem/", Some("looks for files, and finds none")),
    (
        "wasi:sockets/",
        Some("looks for sockets, and may open none"),
    ),
];

const HTTP: &str = "evenhand:plugin/http@";
const WASI_HTTP: &str = "wasi:http/outgoing-handler@";
const WEIGHTS: &str = "evenhand:plugin/weights@";
const ACCELERATORS: &str = "evenhand:plugin/accelerators@";

const STATE: &str = "evenhand:plugin/state@";
const KV: &str = "evenhand:plugin/kv@";
const SQL: &str = "evenhand:plugin/sql@";

/// What exports mean.
const EXPORTS: &[(&str, &str)] = &[
    ("evenhand:plugin/provider@", "provider: serves models"),
    (
        "evenhand:plugin/native@",
        "native: takes a vendor's own wire format untouched",
    ),
    (
        "evenhand:plugin/backend@",
        "backend: an accelerator, computes for providers",
    ),
    ("evenhand:plugin/tools@", "tools: does something for models"),
    (
        "evenhand:plugin/resources@",
        "resources: has something to read",
    ),
    (
        "evenhand:plugin/prompts@",
        "prompts: has prompts to fill in",
    ),
    (
        "evenhand:plugin/completions@",
        "completions: suggests values of arguments",
    ),
];

/// Prints what can be told of a component, and what a configuration would grant it.
pub(crate) async fn inspect(
    file: &Path,
    config: Option<&Path>,
    sandbox: Sandbox,
) -> Result<ExitCode> {
    let bytes = sandbox::read_component(file)?;
    let (size, sum) = (bytes.len(), digest(&bytes));
    println!("{}", file.display());
    println!("  {size} bytes, SHA-256 {sum}");
    let manifest = match manifest::read(&bytes) {
        Ok(manifest) => manifest,
        // What is no component is told of below.
        Err(ManifestError::Component(_)) => None,
        Err(error) => {
            println!("WOULD NOT BE LOADED: {error}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let seen = match sandbox.inspect(bytes).await {
        Ok(seen) => seen,
        Err(error) => {
            println!("WOULD NOT BE LOADED: {error:#}");
            return Ok(ExitCode::FAILURE);
        }
    };
    describe(&seen);
    match &manifest {
        Some(manifest) => say(manifest),
        None => println!("has no manifest: its publisher says nothing of it"),
    }
    if let Some(config) = config {
        granted(&seen, manifest.as_ref(), file, &sum, config)?;
    }
    Ok(match &seen.refused {
        Some(reason) => {
            println!("WOULD NOT BE LOADED: {reason}");
            ExitCode::FAILURE
        }
        None => {
            println!("could be loaded; none of its code was run");
            ExitCode::SUCCESS
        }
    })
}

fn describe(seen: &Inspection) {
    if let Some(name) = &seen.name {
        println!("  calls itself {name:?}");
    }
    for made in &seen.producers {
        println!("  says it was made with: {made}");
    }
    println!("is:");
    for name in &seen.exports {
        let known = EXPORTS.iter().find(|(start, _)| name.starts_with(start));
        println!(
            "  {} ({name})",
            known.map_or("nothing that is used here", |(_, words)| words)
        );
    }
    println!("asks for:");
    for name in &seen.imports {
        match IMPORTS.iter().find(|(start, _)| name.starts_with(start)) {
            Some((_, Some(words))) => println!("  {words} ({name})"),
            Some((_, None)) => {}
            None => println!("  UNKNOWN, so that it is refused: {name}"),
        }
    }
    println!("needs:");
    let Some(needs) = &seen.needs else {
        println!("  what can't be told: it imports modules");
        return;
    };
    println!(
        "  {} memories, the largest of {} bytes at the start, and {} tables",
        needs.memories, needs.memory, needs.tables
    );
    match (seen.kind, needs.places) {
        (Some(Kind::Accelerator), _) => println!("  an instance that is kept (grant.keep)"),
        (_, Some(places)) => {
            println!(
                "  an instance from the pool for each call, which takes {places} of its 1000 places"
            );
        }
        (_, None) => println!("  a memory larger than the pool has: it can't run so"),
    }
}

/// Prints what the publisher says of it. Nobody has checked that.
fn say(manifest: &Manifest) {
    println!("its publisher says, in its manifest:");
    let (name, version) = (&manifest.name, &manifest.version);
    let licence = plain(&manifest.licence);
    let contract = &manifest.contract;
    println!("  {name} {version}, for the contract {contract}, under {licence}");
    for words in manifest.description.iter().chain(&manifest.homepage) {
        println!("  {}", plain(words));
    }
    let asks = manifest.asks();
    if asks.is_empty() {
        println!("  it needs nothing to be granted");
    }
    for ask in asks {
        println!(
            "  it needs to {}: {}",
            plain(&ask.what.to_string()),
            plain(&ask.why)
        );
    }
    if let Some(schema) = &manifest.config {
        println!("  its config: {}", plain(&schema.to_string()));
    }
}

/// A publisher's words on one line of a terminal, to which they tell nothing.
fn plain(words: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    words.chars().map(shown).collect()
}

/// Prints what each entry for this component would let it do, and where that and what it asks for differ.
fn granted(
    seen: &Inspection,
    manifest: Option<&Manifest>,
    file: &Path,
    sum: &str,
    config: &Path,
) -> Result<()> {
    let folder = config.parent().unwrap_or(Path::new("."));
    let entries = read_config(config)?.plugins;
    let same = |entry: &&Plugin| {
        let Source::File(path) = &entry.source else {
            return entry.digest.as_deref() == Some(sum);
        };
        let source = resolve(folder, path);
        let is_it = source.canonicalize().ok();
        is_it.is_some() && is_it == file.canonicalize().ok()
            || sandbox::read_component(&source).is_ok_and(|bytes| digest(&bytes) == sum)
    };
    let mut none = true;
    for entry in entries.iter().filter(same) {
        none = false;
        println!("as the plugin {:?} of {}:", entry.name, config.display());
        powers::print(entry);
        let mut notes = differences(seen, &entry.grant);
        if let Some(manifest) = manifest {
            notes.extend(promised(manifest, entry));
        }
        for line in notes {
            println!("  NOTE: {line}");
        }
    }
    if none {
        println!(
            "is in no entry of {}: nothing is granted to it",
            config.display()
        );
    }
    Ok(())
}

/// Where what its manifest asks for and what an entry gives differ.
fn promised(manifest: &Manifest, entry: &Plugin) -> Vec<String> {
    let unmet = manifest.unmet(entry).into_iter();
    let unmet = unmet.map(|ask| plain(&format!("not granted: to {} ({})", ask.what, ask.why)));
    let unasked = manifest.unasked(&entry.grant).into_iter();
    let unasked = unasked.map(|what| format!("granted, and its manifest does not ask: to {what}"));
    let config = serde_json::to_value(&entry.config).map_err(|error| error.to_string());
    let config = config.and_then(|config| manifest.check_config(&config));
    unmet.chain(unasked).chain(config.err()).collect()
}

/// Where what is asked and what is granted differ.
fn differences(seen: &Inspection, grant: &Grant) -> Vec<String> {
    let asks = |start: &[&str]| {
        let fits = |name: &String| start.iter().any(|start| name.starts_with(start));
        seen.imports.iter().any(fits)
    };
    let mut told: Vec<String> = [
        (
            "HTTP requests",
            asks(&[HTTP, WASI_HTTP]),
            !grant.egress.is_empty(),
        ),
        ("model weights", asks(&[WEIGHTS]), !grant.weights.is_empty()),
        (
            "accelerators",
            asks(&[ACCELERATORS]),
            !grant.accelerators.is_empty(),
        ),
        ("notes", asks(&[STATE]), grant.state),
        ("kept values", asks(&[KV]), !grant.kv.is_empty()),
        ("databases", asks(&[SQL]), !grant.sql.is_empty()),
    ]
    .into_iter()
    .filter_map(|(what, asked, granted)| match (asked, granted) {
        (true, false) => Some(format!(
            "it asks for {what} and is granted none: each use is refused"
        )),
        (false, true) => Some(format!("it is granted {what}, which it does not ask for")),
        _ => None,
    })
    .collect();
    match (seen.kind, grant.keep) {
        (Some(Kind::Accelerator), false) => {
            told.push("it is an accelerator and would not be loaded without keep = true".into());
        }
        (Some(Kind::Provider | Kind::Tools), true) => {
            told.push("it is no accelerator and would not be loaded with keep = true".into());
        }
        _ => {}
    }
    told
}

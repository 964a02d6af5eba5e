//! The grants that a manifest asks for, and what stands behind them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use databases::Database;
use manifest::{Limit, Manifest, Power};
use sandbox::{DatabaseUrls, Kind, Secrets};
use types::config::{
    AttachAs, Grant, Limits, Plugin, Sample, SecretGrant, SecretSource, Sharing, SqlGrant, StoreUrl,
};
use zeroize::Zeroizing;

use crate::script::Script;

/// The name under which the component runs.
pub(crate) const NAME: &str = "component";

/// How long one call may take, and how long it may say nothing. Scripts answer at once.
const DEADLINE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(5);

/// The same of an accelerator, which loads weights.
const COMPUTES: Duration = Duration::from_secs(120);

/// How long a statement that fills a database may take.
const STATEMENT: Duration = Duration::from_secs(10);

/// A component's entry, with all that it is granted.
pub(crate) struct Granted {
    pub(crate) entry: Plugin,
    pub(crate) secrets: Secrets,
    pub(crate) urls: DatabaseUrls,
    /// Values that the host puts into URLs.
    pub(crate) masked: Vec<String>,
}

/// What a manifest asks for, given. `scratch`: a folder for databases.
pub(crate) async fn give(
    manifest: &Manifest,
    script: &Script,
    kind: Option<Kind>,
    scratch: &Path,
) -> Result<Granted> {
    let asked = manifest.egress.iter().map(|ask| &ask.rule);
    let mut grant = Grant {
        egress: asked.chain(&script.grant.egress).cloned().collect(),
        ..Grant::default()
    };
    let mut secrets = Secrets::new();
    for ask in &manifest.secrets {
        let value = script.secrets.get(&ask.name).cloned();
        let value = value.unwrap_or_else(|| made_up(&ask.name, &ask.attach));
        secrets.insert(ask.name.clone(), Zeroizing::new(value));
        let granted = SecretGrant {
            source: SecretSource::Env(format!("CONFORMANCE_{}", ask.name)),
            attach: ask.attach.clone(),
            to: ask.to.clone(),
            // A component that sends by `wasi:http` has no other way to have it.
            auto: true,
        };
        grant.secrets.insert(ask.name.clone(), granted);
    }
    let mut urls = DatabaseUrls::new();
    for (power, name) in powers(manifest, script) {
        match power {
            Power::AllowPrivate => grant.allow_private = true,
            Power::Keep => grant.keep = true,
            Power::State => grant.state = true,
            Power::Elicit => grant.elicit = true,
            Power::Sample => {
                grant.sample = Some(Sample {
                    client: true,
                    model: None,
                });
            }
            Power::Kv => drop(grant.kv.insert(name, Sharing::Shared)),
            Power::Sql | Power::SqlWrite => {
                let write = power == Power::SqlWrite;
                let before = grant.sql.get(&name).is_some_and(|it| it.write);
                let url = database(&name, script, scratch).await?;
                urls.insert(name.clone(), Zeroizing::new(url.clone()));
                let url = StoreUrl::Plain(url);
                let write = write || before;
                grant.sql.insert(name, SqlGrant { url, write });
            }
            Power::Weights => {
                let file = script.weights.get(&name).with_context(|| {
                    format!("the script has no file for the weights {name:?}: write [weights]")
                })?;
                grant.weights.insert(name, home(file, &script.folder));
            }
            Power::Accelerator => bail!(
                "it computes on an accelerator, and the kit has none: run it beside one by `evenhand serve`"
            ),
        }
    }
    // An accelerator's instance is kept, whether or not its manifest says so: else it does not load.
    let computes = kind == Some(Kind::Accelerator);
    grant.keep |= computes;
    let mut limits = Limits {
        deadline: if computes { COMPUTES } else { DEADLINE },
        idle: if computes { COMPUTES } else { IDLE },
        ..Limits::default()
    };
    for ask in &manifest.limits {
        let limit = match ask.limit {
            Limit::Memory => &mut limits.memory,
            Limit::RequestBytes => &mut limits.request_bytes,
            Limit::ResponseBytes => &mut limits.response_bytes,
        };
        *limit = (*limit).max(ask.at_least);
    }
    limits.memory = limits.memory.max(script.grant.memory.unwrap_or_default());
    let entry = format!("name = {NAME:?}\nsource = \"{NAME}.wasm\"");
    let entry: Plugin = toml::from_str(&entry).context("the entry of a component")?;
    let masked = secrets.values().map(|value| value.to_string()).collect();
    Ok(Granted {
        entry: Plugin {
            config: script.config.clone(),
            grant,
            limits,
            ..entry
        },
        secrets,
        urls,
        masked,
    })
}

/// All that is given beside requests and secrets.
fn powers(manifest: &Manifest, script: &Script) -> Vec<(Power, String)> {
    let asked = manifest.powers.iter();
    let mut all: Vec<(Power, String)> = asked
        .map(|ask| (ask.power, ask.name.clone().unwrap_or_default()))
        .collect();
    let beside = &script.grant;
    let weights: Vec<String> = script.weights.keys().cloned().collect();
    for (power, names) in [
        (Power::Kv, &beside.kv),
        (Power::Sql, &beside.sql),
        (Power::SqlWrite, &beside.sql_write),
        (Power::Weights, &weights),
    ] {
        all.extend(names.iter().map(|name| (power, name.clone())));
    }
    all
}

/// The files of a script's weights that aren't there.
pub(crate) fn missing_weights(script: &Script) -> Vec<PathBuf> {
    let files = script.weights.values();
    files
        .map(|file| home(file, &script.folder))
        .filter(|file| !file.exists())
        .collect()
}

/// A value that nothing else has.
fn made_up(name: &str, attach: &AttachAs) -> String {
    match attach {
        AttachAs::AwsSigv4 { .. } => {
            "AKIACONFORMANCEKIT00:conformance+secret/of+the+kit+0123456789".into()
        }
        _ => format!("conformance-secret-{name}-0123456789abcdef"),
    }
}

fn home(file: &Path, folder: &Path) -> PathBuf {
    match file.strip_prefix("~") {
        Ok(rest) => std::env::home_dir().unwrap_or_default().join(rest),
        Err(_) => folder.join(file),
    }
}

/// A database with what the script puts into it.
async fn database(name: &str, script: &Script, scratch: &Path) -> Result<String> {
    let file = scratch.join(format!("{name}.db"));
    std::fs::File::create(&file).with_context(|| format!("making {}", file.display()))?;
    let url = format!("sqlite://{}", file.display());
    let database = Database::open(name, &url, true).await?;
    for statement in script.sql.get(name).into_iter().flatten() {
        let done = database.query(statement, &[], true, STATEMENT).await;
        done.with_context(|| format!("the script's statement for {name:?}: {statement}"))?;
    }
    Ok(url)
}

/// The values that a request must have where it names a secret: of one that signs, there is only the signature.
pub(crate) fn traces(manifest: &Manifest, secrets: &Secrets) -> BTreeMap<String, String> {
    let asked = manifest.secrets.iter();
    asked
        .filter_map(|ask| {
            let trace = match &ask.attach {
                AttachAs::AwsSigv4 { .. } => "AWS4-HMAC-SHA256".to_owned(),
                _ => secrets.get(&ask.name)?.to_string(),
            };
            Some((ask.name.clone(), trace))
        })
        .collect()
}

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use arc_swap::{ArcSwap, Guard};
use audit::{Event, Log, Who};
use sandbox::{Gate, Kind, Sandbox};
use serde::Serialize;
use tokio::sync::Mutex;
use types::config::{Config, Key};
use zeroize::Zeroizing;

use crate::revision::{Revision, Source, resolve};
use crate::{recorded, secrets};

/// What serves, as of the last change. Swapped as a whole: a call sees one.
#[derive(Clone)]
pub struct Snapshot {
    /// The configuration that serves.
    pub config: Config,
    /// Its keys, with their secrets.
    pub keys: Vec<(Key, Zeroizing<String>)>,
    /// What the control plane's clients must show.
    pub admin_token: Option<Zeroizing<String>>,
    /// Plugins that serve, by name.
    pub revisions: BTreeMap<String, Arc<Revision>>,
    /// Every plugin of the configuration, whether it serves or not.
    pub status: Vec<Status>,
    /// Why the last change of the configuration file changed nothing.
    pub config_error: Option<String>,
}

/// A plugin, as an operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The operator's name of it.
    pub name: String,
    /// Does it serve?
    pub state: State,
    /// SHA-256 of the component that serves, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Whether calls are let through to it: it is alive, and serialised as of then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Gate>,
    /// Wire formats that it forwards untouched.
    pub dialects: Vec<String>,
    /// Where it came from.
    pub source: PathBuf,
    /// Why the newest file or entry of it does not serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether a plugin serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Calls reach it. With an error beside it, they reach the revision before.
    Serving,
    /// It could not be loaded, and there is no revision before.
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serving => "serving",
            Self::Failed => "failed",
        })
    }
}

/// The plugins of a configuration file.
pub struct Catalog {
    sandbox: Sandbox,
    log: Log,
    file: PathBuf,
    current: ArcSwap<Snapshot>,
    /// Changes come one after the other.
    changing: Mutex<()>,
}

/// What a configuration file says, with its secrets read.
struct Wanted {
    config: Config,
    keys: Vec<(Key, Zeroizing<String>)>,
    admin_token: Option<Zeroizing<String>>,
}

impl Catalog {
    /// Loads what a configuration file names. A plugin that can't be loaded is reported and doesn't stop the others. What serves and
    /// what changes is recorded in `log`.
    ///
    /// # Errors
    /// The file can't be read, is invalid, or names a key's secret that isn't set.
    pub async fn open(file: PathBuf, sandbox: Sandbox, log: Log) -> anyhow::Result<Self> {
        let wanted = read(&file).await?;
        let folder = folder(&file);
        let empty = BTreeMap::new();
        let (revisions, status) = load(&wanted.config, folder, &empty, &sandbox).await;
        sandbox.publish(revisions.values().map(|revision| &*revision.plugin));
        recorded::changes(&log, Who::File, &empty, &revisions).await;
        recorded::failures(&log, Who::File, &[], &status).await;
        Ok(Self {
            sandbox,
            log,
            current: ArcSwap::from_pointee(Snapshot {
                config: wanted.config,
                keys: wanted.keys,
                admin_token: wanted.admin_token,
                revisions,
                status,
                config_error: None,
            }),
            file,
            changing: Mutex::new(()),
        })
    }

    /// What serves now.
    pub fn now(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// Reads the files again, and swaps what changed. What is broken stays as it was, with the reason in the snapshot. `who`: for
    /// the audit log.
    pub async fn reload(&self, who: Who) {
        let _one = self.changing.lock().await;
        let before = self.current.load_full();
        let wanted = match read(&self.file)
            .await
            .and_then(|wanted| keep_addresses(wanted, &before))
        {
            Ok(wanted) => wanted,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(file = %self.file.display(), "the configuration is invalid, nothing changes: {error}");
                if before.config_error.as_ref() != Some(&error) {
                    let error = error.clone();
                    recorded::record(&self.log, who, Event::ConfigRefused { error }).await;
                }
                self.current.store(Arc::new(Snapshot {
                    config_error: Some(error),
                    ..(*before).clone()
                }));
                return;
            }
        };
        // Components may take minutes to compile. A key that is gone is gone now.
        let left: Vec<_> = before
            .keys
            .iter()
            .filter_map(|(_, old)| wanted.keys.iter().find(|(_, new)| new == old).cloned())
            .collect();
        if left != before.keys {
            self.current.store(Arc::new(Snapshot {
                keys: left,
                ..(*before).clone()
            }));
        }
        let (revisions, status) = load(
            &wanted.config,
            folder(&self.file),
            &before.revisions,
            &self.sandbox,
        )
        .await;
        for gone in before
            .revisions
            .keys()
            .filter(|name| !revisions.contains_key(*name))
        {
            tracing::info!(plugin = gone, "removed");
        }
        recorded::changes(&self.log, who, &before.revisions, &revisions).await;
        recorded::failures(&self.log, who, &before.status, &status).await;
        self.sandbox
            .publish(revisions.values().map(|revision| &*revision.plugin));
        self.current.store(Arc::new(Snapshot {
            config: wanted.config,
            keys: wanted.keys,
            admin_token: wanted.admin_token,
            revisions,
            status,
            config_error: None,
        }));
    }

    /// The files whose change matters: the configuration, components, secrets.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let now = self.now();
        let folder = folder(&self.file);
        let keys = now.config.keys.iter().map(|key| &key.secret);
        let plugins = now.config.plugins.iter();
        let granted = plugins
            .clone()
            .flat_map(|plugin| plugin.grant.secrets.values().map(|secret| &secret.source));
        let token = now
            .config
            .admin
            .iter()
            .filter_map(|admin| admin.token.as_ref());
        let secrets = keys
            .chain(granted)
            .chain(token)
            .filter_map(|source| match source {
                types::config::SecretSource::File(path) => Some(resolve(folder, path)),
                _ => None,
            });
        let components = plugins.map(|plugin| resolve(folder, &plugin.source));
        std::iter::once(self.file.clone())
            .chain(components)
            .chain(secrets)
            .collect()
    }
}

pub(crate) fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// Reads a configuration file, without what it names.
///
/// # Errors
/// It can't be read or is invalid.
pub fn read_config(file: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} can't be read", file.display()))?;
    Config::parse(&text).with_context(|| format!("{} is invalid", file.display()))
}

async fn read(file: &Path) -> anyhow::Result<Wanted> {
    let config = read_config(file)?;
    let mut keys = Vec::new();
    for key in &config.keys {
        let secret = secrets::read(&key.secret, folder(file)).await;
        let secret = secret.with_context(|| format!("key {:?}", key.name))?;
        keys.push((key.clone(), secret));
    }
    let token = config.admin.as_ref().and_then(|admin| admin.token.as_ref());
    let admin_token = match token {
        Some(source) => {
            let token = secrets::read(source, folder(file)).await;
            Some(token.context("admin.token")?)
        }
        None => None,
    };
    Ok(Wanted {
        config,
        keys,
        admin_token,
    })
}

/// Addresses are bound and the audit log is opened once, at the start: what they ask of the rest of the file (keys, a token) is asked as long as they serve.
fn keep_addresses(mut wanted: Wanted, before: &Snapshot) -> anyhow::Result<Wanted> {
    let asked = wanted.config.clone();
    wanted.config.server.listen = before.config.server.listen;
    wanted.config.audit.clone_from(&before.config.audit);
    wanted.config.store.clone_from(&before.config.store);
    wanted.config.compile.clone_from(&before.config.compile);
    wanted.config.cache.clone_from(&before.config.cache);
    match (&mut wanted.config.admin, &before.config.admin) {
        (Some(admin), Some(bound)) => admin.listen = bound.listen,
        (None, None) => {}
        (admin @ Some(_), None) => *admin = None,
        (None, Some(_)) => anyhow::bail!(
            "[admin] is gone, but the control plane serves until evenhand starts again: put it back, or restart"
        ),
    }
    wanted.config.check().with_context(|| {
        "the addresses to listen on change only when evenhand starts again, and those of now need more".to_owned()
    })?;
    if wanted.config != asked {
        tracing::warn!(
            "an address to listen on, [audit], [store], [compile] or [cache] changed: that takes effect when evenhand starts again"
        );
    }
    Ok(wanted)
}

/// A revision for each entry: the one before where nothing changed or the change is broken.
async fn load(
    config: &Config,
    folder: &Path,
    before: &BTreeMap<String, Arc<Revision>>,
    sandbox: &Sandbox,
) -> (BTreeMap<String, Arc<Revision>>, Vec<Status>) {
    let mut revisions = BTreeMap::new();
    let mut status = Vec::new();
    for entry in &config.plugins {
        let name = &entry.name;
        let old = before.get(name);
        let new = match (Source::read(entry, folder).await, old) {
            (Ok(source), Some(old)) if source.makes(old) => Ok(old.clone()),
            (Ok(source), _) => source.load(sandbox).await.map(|new| {
                tracing::info!(plugin = name, digest = new.digest, "serving");
                Arc::new(new)
            }),
            (Err(error), _) => Err(error),
        };
        let error = new.as_ref().err().map(|error| format!("{error:#}"));
        if let Some(error) = &error {
            let stays = if old.is_some() {
                "; the revision before serves on"
            } else {
                ""
            };
            tracing::error!(plugin = name, "not loaded: {error}{stays}");
        }
        let serving = new.ok().or_else(|| old.cloned());
        status.push(Status {
            name: name.clone(),
            state: if serving.is_some() {
                State::Serving
            } else {
                State::Failed
            },
            digest: serving.as_ref().map(|revision| revision.digest.clone()),
            kind: serving
                .as_ref()
                .map(|revision| match revision.plugin.kind() {
                    Kind::Provider => "provider",
                    Kind::Accelerator => "accelerator",
                    Kind::Tools => "tools",
                }),
            health: serving
                .as_ref()
                .map(|revision| revision.plugin.health().clone()),
            dialects: serving
                .as_ref()
                .map(|revision| revision.plugin.dialects().to_vec())
                .unwrap_or_default(),
            source: resolve(folder, &entry.source),
            error,
        });
        if let Some(revision) = serving {
            revisions.insert(name.clone(), revision);
        }
    }
    (revisions, status)
}

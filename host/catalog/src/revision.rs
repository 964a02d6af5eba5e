//! A plugin, as one digest under one entry of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use sandbox::{Plugin, Sandbox, Secrets};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::timeout;
use types::config::Plugin as Entry;
use types::neutral::ModelInfo;
use types::{Error, ErrorCode};

/// A list of models is asked for again after this time, and after a shorter one where there was none to be had.
const MODELS_FRESH: Duration = Duration::from_secs(60);
const MODELS_MISSING: Duration = Duration::from_secs(5);

/// A plugin that can't list its models in this time is left out of the list.
const MODELS_WAIT: Duration = Duration::from_secs(10);

/// A loaded plugin. It serves as long as somebody holds it.
pub struct Revision {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// SHA-256 of the component's file, in hexadecimal.
    pub digest: String,
    pub(crate) entry: Entry,
    secrets: Secrets,
    models: Mutex<Option<(Instant, Listed)>>,
}

type Listed = Result<Arc<Vec<ModelInfo>>, Error>;

/// All that a revision is made of. Two that are equal make the same plugin.
pub(crate) struct Source {
    entry: Entry,
    secrets: Secrets,
    bytes: Vec<u8>,
    digest: String,
}

impl Source {
    /// Reads an entry's files and secrets.
    pub(crate) async fn read(entry: &Entry, folder: &Path) -> anyhow::Result<Self> {
        let mut entry = entry.clone();
        entry.source = resolve(folder, &entry.source);
        for path in entry.grant.weights.values_mut() {
            *path = resolve(folder, path);
        }
        let mut secrets = BTreeMap::new();
        for (name, granted) in &entry.grant.secrets {
            let value = crate::secrets::read(&granted.source, folder).await;
            let value = value.with_context(|| format!("secret {name:?}"))?;
            secrets.insert(name.clone(), value);
        }
        let bytes = sandbox::read_component(&entry.source)?;
        let digest = digest(&bytes);
        Ok(Self {
            entry,
            secrets,
            bytes,
            digest,
        })
    }

    pub(crate) fn makes(&self, revision: &Revision) -> bool {
        self.digest == revision.digest
            && self.entry == revision.entry
            && self.secrets == revision.secrets
    }

    pub(crate) async fn load(self, sandbox: &Sandbox) -> anyhow::Result<Revision> {
        let plugin = sandbox.load(self.bytes, &self.entry, &self.secrets).await;
        let plugin = plugin.with_context(|| self.entry.source.display().to_string())?;
        Ok(Revision {
            plugin: Arc::new(plugin),
            digest: self.digest,
            entry: self.entry,
            secrets: self.secrets,
            models: Mutex::default(),
        })
    }
}

impl Revision {
    /// The models that the plugin serves; a list is kept for a minute, a failure for some seconds.
    ///
    /// # Errors
    /// The plugin's, or it took too long.
    pub async fn models(&self) -> Result<Arc<Vec<ModelInfo>>, Error> {
        let listed = async {
            // Who comes second waits for the first's answer instead of asking again.
            let mut kept = self.models.lock().await;
            if let Some((asked, listed)) = &*kept {
                let fresh = if listed.is_ok() {
                    MODELS_FRESH
                } else {
                    MODELS_MISSING
                };
                if asked.elapsed() < fresh {
                    return listed.clone();
                }
            }
            let listed = timeout(MODELS_WAIT, self.plugin.models()).await;
            let listed = listed.unwrap_or_else(|_| Err(self.slow())).map(Arc::new);
            *kept = Some((Instant::now(), listed.clone()));
            listed
        };
        timeout(MODELS_WAIT, listed)
            .await
            .unwrap_or_else(|_| Err(self.slow()))
    }

    fn slow(&self) -> Error {
        let name = self.plugin.name();
        let message = format!("the plugin {name:?} did not list its models within {MODELS_WAIT:?}");
        Error::new(ErrorCode::TimedOut, message).of(name)
    }
}

/// A path as the configuration means it: `~/` is the home folder, and the rest is relative to the file.
pub fn resolve(folder: &Path, path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder.join(path),
    }
}

/// SHA-256 of a component, in hexadecimal: what it is told by.
pub fn digest(component: &[u8]) -> String {
    format!("{:x}", Sha256::digest(component))
}

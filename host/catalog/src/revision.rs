//! A plugin, as one digest under one entry of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use sandbox::{Behind, DatabaseUrls, Kind, Plugin, Sandbox, Secrets};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::timeout;
use types::config::Plugin as Entry;
use types::neutral::ModelInfo;
use types::tool::ToolInfo;
use types::{Error, ErrorCode};

/// A list of models or tools is asked for again after this time, and after a shorter one where there was none to be had.
const FRESH: Duration = Duration::from_secs(60);
const MISSING: Duration = Duration::from_secs(5);

/// A plugin that can't list what it has in this time is left out.
const LISTING: Duration = Duration::from_secs(10);

/// A loaded plugin. It serves as long as somebody holds it.
pub struct Revision {
    /// The plugin.
    pub plugin: Arc<Plugin>,
    /// SHA-256 of the component's file, in hexadecimal.
    pub digest: String,
    pub(crate) entry: Entry,
    secrets: Secrets,
    databases: DatabaseUrls,
    models: Listing<ModelInfo>,
    tools: Listing<ToolInfo>,
}

/// What a plugin listed, and when.
type Listing<T> = Mutex<Option<(Instant, Result<Arc<Vec<T>>, Error>)>>;

/// All that a revision is made of. Two that are equal make the same plugin.
pub(crate) struct Source {
    entry: Entry,
    secrets: Secrets,
    databases: DatabaseUrls,
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
        let mut databases = BTreeMap::new();
        for (name, granted) in &entry.grant.sql {
            let url = crate::store::url(&granted.url, folder).await;
            let url = url.with_context(|| format!("grant.sql.{name}"))?;
            databases.insert(name.clone(), url);
        }
        let bytes = sandbox::read_component(&entry.source)?;
        let digest = digest(&bytes);
        Ok(Self {
            entry,
            secrets,
            databases,
            bytes,
            digest,
        })
    }

    pub(crate) fn makes(&self, revision: &Revision) -> bool {
        self.digest == revision.digest
            && self.entry == revision.entry
            && self.secrets == revision.secrets
            && self.databases == revision.databases
    }

    pub(crate) async fn load(self, sandbox: &Sandbox) -> anyhow::Result<Revision> {
        let plugin = sandbox.load(self.bytes, &self.entry, &self.secrets, &self.databases);
        let source = || self.entry.source.display().to_string();
        let plugin = Arc::new(plugin.await.with_context(source)?);
        can_list(&plugin).await.with_context(source)?;
        Ok(Revision {
            plugin,
            digest: self.digest,
            entry: self.entry,
            secrets: self.secrets,
            databases: self.databases,
            models: Mutex::default(),
            tools: Mutex::default(),
        })
    }
}

impl Revision {
    /// The models that the plugin serves; a list is kept for a minute, a failure for some seconds.
    ///
    /// # Errors
    /// The plugin's, or it took too long.
    pub async fn models(&self) -> Result<Arc<Vec<ModelInfo>>, Error> {
        self.listed(&self.models, "models", self.plugin.models())
            .await
    }

    /// The tools that the plugin offers, kept like its models.
    ///
    /// # Errors
    /// The plugin's, or it took too long.
    pub async fn tools(&self, behind: Behind) -> Result<Arc<Vec<ToolInfo>>, Error> {
        self.listed(&self.tools, "tools", self.plugin.tools(behind))
            .await
    }

    /// Does it offer tools, resources or prompts?
    pub fn is_tools(&self) -> bool {
        self.plugin.kind() == Kind::Tools
    }

    /// What is kept of a listing, or a new one.
    async fn listed<T>(
        &self,
        kept: &Listing<T>,
        what: &str,
        ask: impl Future<Output = Result<Vec<T>, Error>>,
    ) -> Result<Arc<Vec<T>>, Error> {
        let slow = || {
            let name = self.plugin.name();
            let message = format!("the plugin {name:?} did not list its {what} within {LISTING:?}");
            Error::new(ErrorCode::TimedOut, message).of(name)
        };
        let listed = async {
            // Who comes second waits for the first's answer instead of asking again.
            let mut kept = kept.lock().await;
            if let Some((asked, listed)) = &*kept {
                let fresh = if listed.is_ok() { FRESH } else { MISSING };
                if asked.elapsed() < fresh {
                    return listed.clone();
                }
            }
            let listed = timeout(LISTING, ask).await;
            let listed = listed.unwrap_or_else(|_| Err(slow())).map(Arc::new);
            *kept = Some((Instant::now(), listed.clone()));
            listed
        };
        timeout(LISTING, listed)
            .await
            .unwrap_or_else(|_| Err(slow()))
    }
}

/// A tool component that can't say what it has, through its own or its configuration's fault, is not loaded. What it asks may be
/// down today: that is no fault of either.
async fn can_list(plugin: &Arc<Plugin>) -> Result<(), Error> {
    match timeout(LISTING, plugin.tools(Behind::nobody())).await {
        Ok(Err(error)) if error.code == ErrorCode::PluginFailed => Err(error),
        _ => Ok(()),
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

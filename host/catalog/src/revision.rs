//! A plugin, as one digest under one entry of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use manifest::Manifest;
use registry::Trust;
use sandbox::{Behind, Compiled, DatabaseUrls, Kind, Plugin, Sandbox, Secrets};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;
use types::config::Plugin as Entry;
use types::neutral::ModelInfo;
use types::tool::ToolInfo;
use types::{Error, ErrorCode};

use crate::canary::Outcomes;
use crate::history::About;

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
    /// Its place in the plugin's line.
    pub number: u64,
    /// What it is.
    pub about: About,
    /// What it says of itself.
    pub manifest: Option<Manifest>,
    pub(crate) parts: Parts,
    /// Whom operators trusted when it was verified.
    pub(crate) trust: Option<Trust>,
    pub(crate) outcomes: Outcomes,
    models: Listing<ModelInfo>,
    tools: Listing<ToolInfo>,
}

/// What a plugin listed, and when.
type Listing<T> = Mutex<Option<(Instant, Result<Arc<Vec<T>>, Error>)>>;

/// All that a revision is made of, beside its component. Two that are equal make the same plugin of the same component.
#[derive(PartialEq)]
pub(crate) struct Parts {
    pub(crate) entry: Entry,
    secrets: Secrets,
    databases: DatabaseUrls,
}

impl Parts {
    /// Reads an entry's secrets.
    pub(crate) async fn read(entry: &Entry, folder: &Path) -> anyhow::Result<Self> {
        let mut entry = entry.clone();
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
        Ok(Self {
            entry,
            secrets,
            databases,
        })
    }

    /// Do they make the same plugin of the same component? Where it comes from and how it begins are no parts of it.
    pub(crate) fn makes(&self, revision: &Revision) -> bool {
        let other = &revision.parts;
        let same = Entry {
            source: other.entry.source.clone(),
            digest: other.entry.digest.clone(),
            canary: other.entry.canary,
            ..self.entry.clone()
        };
        same == other.entry && self.secrets == other.secrets && self.databases == other.databases
    }

    /// Makes code of a component.
    pub(crate) async fn compile(
        &self,
        bytes: Vec<u8>,
        sandbox: &Sandbox,
    ) -> anyhow::Result<Compiled> {
        sandbox.compile(bytes, self.entry.grant.keep).await
    }

    /// Gives it what is granted, and asks it the first questions.
    pub(crate) async fn probe(
        &self,
        compiled: Compiled,
        sandbox: &Sandbox,
    ) -> anyhow::Result<Arc<Plugin>> {
        let plugin = sandbox.link(compiled, &self.entry, &self.secrets, &self.databases);
        let plugin = Arc::new(plugin.await?);
        can_list(&plugin).await?;
        Ok(plugin)
    }
}

/// A loaded plugin and what is known of it.
pub(crate) struct Loaded {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) digest: String,
    pub(crate) number: u64,
    pub(crate) about: About,
    pub(crate) manifest: Option<Manifest>,
    pub(crate) parts: Parts,
    pub(crate) trust: Option<Trust>,
    pub(crate) judge: Arc<Notify>,
}

impl From<Loaded> for Revision {
    fn from(loaded: Loaded) -> Self {
        Self {
            plugin: loaded.plugin,
            digest: loaded.digest,
            number: loaded.number,
            about: loaded.about,
            manifest: loaded.manifest,
            parts: loaded.parts,
            trust: loaded.trust,
            outcomes: Outcomes::new(loaded.judge),
            models: Mutex::default(),
            tools: Mutex::default(),
        }
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

    /// Counts what came of a call. A client that went away says nothing.
    pub fn count(&self, failed: bool) {
        self.outcomes.count(failed);
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

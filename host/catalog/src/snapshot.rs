//! What serves, as of the last change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use manifest::Ask;
use registry::Trust;
use sandbox::{Gate, Kind};
use serde::Serialize;
use types::config::{Config, Key, Percent, Plugin};
use zeroize::Zeroizing;

use crate::canary::{Canary, Counts};
use crate::history::About;
use crate::kept::AllKept;
use crate::revision::Revision;
use crate::settings::InFile;

/// What serves, as of the last change. Swapped as a whole: a call sees one.
#[derive(Clone)]
pub struct Snapshot {
    /// The configuration that serves.
    pub config: Config,
    /// Its keys, with their secrets.
    pub keys: Vec<(Key, Zeroizing<String>)>,
    /// What the control plane's clients must show.
    pub admin_token: Option<Zeroizing<String>>,
    /// Plugins that serve, by name. Calls are for [`Self::pick`].
    pub revisions: BTreeMap<String, Arc<Revision>>,
    /// Why the newest file or entry of a plugin does not serve, by plugin.
    pub(crate) errors: BTreeMap<String, String>,
    /// Why the last change of the configuration file changed nothing.
    pub config_error: Option<String>,
    /// The configuration file, as it stands there.
    pub(crate) file: Arc<InFile>,
    pub(crate) trust: Option<Trust>,
    pub(crate) kept: AllKept,
    /// Revisions that served before, ready to serve again.
    pub(crate) standby: BTreeMap<String, Arc<Revision>>,
    pub(crate) canaries: BTreeMap<String, Canary>,
}

impl Snapshot {
    /// The revision that takes the next call of a plugin: the one that serves or, for its share of them, the one on trial.
    pub fn pick(&self, plugin: &str) -> Option<&Arc<Revision>> {
        match self.canaries.get(plugin) {
            Some(canary) if rand::random_range(0..100) < canary.trial.share.of_hundred() => {
                Some(&canary.revision)
            }
            _ => self.revisions.get(plugin),
        }
    }

    /// Every plugin of the configuration, whether it serves or not.
    pub fn status(&self) -> Vec<Status> {
        let all = self.config.plugins.iter();
        all.map(|entry| Status::new(self, entry)).collect()
    }

    /// One of them.
    pub fn status_of(&self, plugin: &str) -> Option<Status> {
        let mut all = self.config.plugins.iter();
        let entry = all.find(|entry| entry.name == plugin)?;
        Some(Status::new(self, entry))
    }

    /// Does this number of a plugin take calls?
    pub(crate) fn takes_calls(&self, plugin: &str, number: u64) -> bool {
        let serving = self.revisions.get(plugin);
        let canary = self.canaries.get(plugin).map(|canary| &canary.revision);
        let mut both = serving.into_iter().chain(canary);
        both.any(|revision| revision.number == number)
    }
}

/// A plugin, as an operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The operator's name of it.
    pub name: String,
    /// Does it serve?
    pub state: State,
    /// The number of the revision that serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The one that a rollback goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
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
    /// Where its components come from.
    pub source: String,
    /// What the revision that serves says of itself, who signed it, and who brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// It was added by the API, and is not in the file.
    pub added: bool,
    /// It serves this revision whatever is at its source.
    pub held: bool,
    /// The revision on trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryStatus>,
    /// What the revision that serves asks for and is not granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<Ask>,
    /// What it is granted and does not ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unasked: Vec<String>,
    /// Why the newest file or entry of it does not serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A revision on trial, as an operator sees it.
#[derive(Debug, Clone, Serialize)]
pub struct CanaryStatus {
    /// Its number.
    pub revision: u64,
    /// Its component.
    pub digest: String,
    /// Its share of the calls.
    pub share: Percent,
    /// It gets all after so many calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promote_after: Option<u64>,
    /// What came of its calls.
    pub new: Counts,
    /// What came of the other's, in the same time.
    pub old: Counts,
    /// What it asks for and is not granted.
    pub unmet: Vec<Ask>,
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

impl Status {
    fn new(now: &Snapshot, entry: &Plugin) -> Self {
        let name = &entry.name;
        let serving = now.revisions.get(name);
        let kept = now.kept.get(name);
        let unmet = |revision: &Revision| {
            let manifest = revision.manifest.as_ref();
            manifest.map_or_else(Vec::new, |manifest| manifest.unmet(entry))
        };
        let manifest = serving.and_then(|revision| revision.manifest.as_ref());
        Self {
            name: name.clone(),
            state: match serving {
                Some(_) => State::Serving,
                None => State::Failed,
            },
            revision: serving.map(|revision| revision.number),
            previous: kept.and_then(|kept| kept.previous),
            digest: serving.map(|revision| revision.digest.clone()),
            kind: serving.map(|revision| match revision.plugin.kind() {
                Kind::Provider => "provider",
                Kind::Accelerator => "accelerator",
                Kind::Tools => "tools",
            }),
            health: serving.map(|revision| revision.plugin.health().clone()),
            dialects: serving.map_or_else(Vec::new, |revision| revision.plugin.dialects().to_vec()),
            source: now.file.told(&entry.source),
            about: serving.map(|revision| revision.about.told()),
            added: kept.is_some_and(|kept| kept.base.is_none()),
            held: kept.is_some_and(|kept| kept.held),
            canary: now.canaries.get(name).map(|canary| {
                let (new, old) = canary.counts();
                CanaryStatus {
                    revision: canary.revision.number,
                    digest: canary.revision.digest.clone(),
                    share: canary.trial.share,
                    promote_after: canary.trial.promote_after,
                    new,
                    old,
                    unmet: unmet(&canary.revision),
                }
            }),
            unmet: serving.map_or_else(Vec::new, |revision| unmet(revision)),
            unasked: manifest.map_or_else(Vec::new, |manifest| manifest.unasked(&entry.grant)),
            error: now.errors.get(name).cloned(),
        }
    }
}

//! The line of each plugin's revisions, in the store: what came, from where, signed by whom, and how far it got.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use audit::Who;
use manifest::Manifest;
use registry::{Signature, Signer};
use serde::{Deserialize, Serialize};
use store::{RevisionRow, Step, Store, Value};

use crate::fetch::Fetched;
use crate::kept::{AllKept, Kept};

/// Where a revision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Its bytes are here.
    Loading,
    /// It may be loaded: signature, manifest and digest are as they must be.
    Verified,
    /// It is machine code.
    Compiled,
    /// It answered the first questions.
    Probed,
    /// Calls reach it.
    Serving,
    /// Calls that it took before may end.
    Draining,
    /// It did serve.
    Retired,
    /// It does not serve, for a reason that is told.
    Failed,
}

impl Stage {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Loading, "loading"),
        (Self::Verified, "verified"),
        (Self::Compiled, "compiled"),
        (Self::Probed, "probed"),
        (Self::Serving, "serving"),
        (Self::Draining, "draining"),
        (Self::Retired, "retired"),
        (Self::Failed, "failed"),
    ];

    fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(stage, _)| *stage == self);
        found.map_or("failed", |(_, word)| word)
    }

    fn of(word: &str) -> Self {
        let found = Self::ALL.iter().find(|(_, known)| *known == word);
        found.map_or(Self::Failed, |(stage, _)| *stage)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a revision is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Where it came from.
    pub source: String,
    /// Its own name of itself, `publisher/plugin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its own version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The fingerprint of the key that signed it, where a signature is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// Who brought it.
    pub by: String,
    /// The digest of the artifact that it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The signatures that came with it, whoever made them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) signatures: Vec<Signature>,
}

/// A revision in its plugin's line.
#[derive(Debug, Clone, Serialize)]
pub struct Recorded {
    /// Counted from 1.
    pub number: u64,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// Where it stands.
    pub state: Stage,
    /// Why it failed, or was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it came, in milliseconds since 1970.
    pub created: i64,
    /// When its state last changed.
    pub changed: i64,
    /// What it is.
    #[serde(flatten)]
    pub about: About,
}

impl From<RevisionRow> for Recorded {
    fn from(row: RevisionRow) -> Self {
        Self {
            number: row.number,
            digest: row.digest,
            state: Stage::of(&row.state),
            reason: row.reason,
            created: row.created,
            changed: row.changed,
            about: serde_json::from_str(&row.about).unwrap_or_default(),
        }
    }
}

/// Where the lines are kept.
#[derive(Clone)]
pub(crate) struct History {
    store: Store,
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Who brought a revision, as a word.
pub(crate) fn by(who: Who) -> String {
    let word = serde_json::to_value(who).ok();
    let word = word.as_ref().and_then(|word| word.as_str());
    word.unwrap_or("host").to_owned()
}

impl History {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// What is kept of all plugins. What a host was about to do when it was killed has failed.
    pub(crate) async fn open(&self) -> anyhow::Result<AllKept> {
        let mut all = AllKept::new();
        for (plugin, value) in self.store.plugins().await? {
            let kept: Kept = serde_json::from_str(&value)
                .with_context(|| format!("what is kept of the plugin {plugin:?}"))?;
            let stopped = "the host stopped before it served";
            let rows = self.of(&plugin).await?;
            let steps: Vec<Step<'_>> = rows
                .iter()
                .filter_map(|row| {
                    let on_trial = kept.canary.is_some_and(|(number, _)| number == row.number);
                    let serves = kept.serving == Some(row.number) || on_trial;
                    let (stage, reason) = match row.state {
                        Stage::Loading | Stage::Verified | Stage::Compiled | Stage::Probed => {
                            (Stage::Failed, Some(stopped))
                        }
                        Stage::Draining => (Stage::Retired, None),
                        Stage::Serving if !serves => (Stage::Retired, None),
                        _ => return None,
                    };
                    Some(step(row.number, stage, reason))
                })
                .collect();
            if !steps.is_empty() {
                let store = &self.store;
                store
                    .plugin_change(&plugin, Value::Same, &steps, now())
                    .await?;
            }
            all.insert(plugin, kept);
        }
        Ok(all)
    }

    /// The line of a plugin, the newest first.
    pub(crate) async fn of(&self, plugin: &str) -> anyhow::Result<Vec<Recorded>> {
        let rows = self.store.revisions(plugin).await?;
        Ok(rows.into_iter().map(Recorded::from).collect())
    }

    /// One of them.
    pub(crate) async fn revision(&self, plugin: &str, number: u64) -> anyhow::Result<Recorded> {
        let line = self.of(plugin).await?;
        let found = line.into_iter().find(|row| row.number == number);
        found.with_context(|| format!("the plugin {plugin:?} has no revision {number}"))
    }

    /// The component of a revision, as it came.
    pub(crate) async fn component(&self, row: &Recorded) -> anyhow::Result<Fetched> {
        let bytes = self.store.component(&row.digest).await?;
        let bytes = bytes.with_context(|| {
            format!(
                "the component of revision {} is not kept any more",
                row.number
            )
        })?;
        let about = &row.about;
        let fetched = Fetched::new(bytes, about.image.clone(), about.signatures.clone());
        anyhow::ensure!(
            fetched.digest == row.digest,
            "the store has another component under the digest {}",
            row.digest
        );
        Ok(fetched)
    }

    /// The revision of a component that came: its own, if it is in the line and came in the same way. Bytes that may not be loaded are
    /// not kept. `needed`: numbers that are not forgotten.
    pub(crate) async fn begin(
        &self,
        plugin: &str,
        fetched: &Fetched,
        about: &About,
        may_load: bool,
        needed: [u64; 3],
    ) -> anyhow::Result<(u64, Stage)> {
        let store = &self.store;
        let same = |row: &Recorded| {
            row.digest == fetched.digest
                && row.about.signatures == about.signatures
                && row.about.image == about.image
        };
        let known = self.of(plugin).await?.into_iter().find(same);
        let begun = match known {
            Some(row) => (row.number, row.state),
            None => {
                let about = serde_json::to_string(about)?;
                let word = Stage::Loading.word();
                let number = store
                    .revision_add(plugin, &fetched.digest, &about, word, now(), needed)
                    .await?;
                (number, Stage::Loading)
            }
        };
        // After its row, without which it would be forgotten.
        if may_load {
            store.component_put(&fetched.digest, &fetched.bytes).await?;
        }
        Ok(begun)
    }

    /// Records how far a revision got.
    pub(crate) async fn step(
        &self,
        plugin: &str,
        number: u64,
        stage: Stage,
        reason: Option<&str>,
    ) -> anyhow::Result<()> {
        let steps = [step(number, stage, reason)];
        let store = &self.store;
        Ok(store
            .plugin_change(plugin, Value::Same, &steps, now())
            .await?)
    }

    /// Records that a revision serves no more and has no calls.
    pub(crate) async fn retire(&self, plugin: &str, number: u64) -> anyhow::Result<()> {
        let (from, to) = (Stage::Draining.word(), Stage::Retired.word());
        let store = &self.store;
        Ok(store.revision_from(plugin, number, from, to, now()).await?)
    }

    /// Records what is kept of a plugin from now on, and with it where its revisions stand: all of it, or nothing.
    pub(crate) async fn change(
        &self,
        plugin: &str,
        kept: &Kept,
        steps: &[(u64, Stage, Option<&str>)],
    ) -> anyhow::Result<()> {
        let value = serde_json::to_string(kept)?;
        let steps: Vec<Step<'_>> = steps
            .iter()
            .map(|(number, stage, reason)| step(*number, *stage, *reason))
            .collect();
        let store = &self.store;
        store
            .plugin_change(plugin, Value::New(&value), &steps, now())
            .await?;
        Ok(())
    }

    /// Forgets what is kept of a plugin; its line stays.
    pub(crate) async fn forget(&self, plugin: &str, served: &[u64]) -> anyhow::Result<()> {
        let steps: Vec<Step<'_>> = served
            .iter()
            .map(|number| step(*number, Stage::Retired, None))
            .collect();
        let store = &self.store;
        store
            .plugin_change(plugin, Value::Gone, &steps, now())
            .await?;
        Ok(())
    }
}

fn step(number: u64, stage: Stage, reason: Option<&str>) -> Step<'_> {
    Step {
        number,
        state: stage.word(),
        reason,
    }
}

impl About {
    /// Without the signatures' text.
    pub(crate) fn told(&self) -> Self {
        Self {
            signatures: Vec::new(),
            ..self.clone()
        }
    }

    pub(crate) fn new(
        source: String,
        who: Who,
        fetched: &Fetched,
        manifest: Option<&Manifest>,
        signer: Option<&Signer>,
    ) -> Self {
        Self {
            source,
            name: manifest.map(|manifest| manifest.name.to_string()),
            version: manifest.map(|manifest| manifest.version.to_string()),
            signer: signer.map(|signer| signer.fingerprint.clone()),
            by: by(who),
            image: fetched.image.clone(),
            signatures: fetched.signatures.clone(),
        }
    }
}

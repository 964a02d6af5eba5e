//! From an entry of the configuration to the revision that serves it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use audit::Who;
use sandbox::Kind;
use tokio::time::timeout;
use types::config::{Canary as Trial, Plugin, Source};

use crate::canary::Canary;
use crate::catalog::{Catalog, StepOf};
use crate::fetch::{Fetched, fetch};
use crate::history::{About, Recorded, Stage};
use crate::kept::Kept;
use crate::revision::{Loaded, Parts, Revision};
use crate::settings::Wanted;
use crate::snapshot::Snapshot;
use crate::verify::verify;

/// How long a reload waits for a component.
const FETCH: Duration = Duration::from_secs(60);

/// What an entry comes to.
pub(crate) struct Brought {
    pub(crate) serving: Option<Arc<Revision>>,
    /// The one that served before, ready to serve again.
    pub(crate) standby: Option<Arc<Revision>>,
    pub(crate) canary: Option<Canary>,
    pub(crate) kept: Kept,
    /// Why the newest component or entry does not serve.
    pub(crate) error: Option<String>,
    /// A revision on trial that was given up.
    pub(crate) given_up: Option<u64>,
}

/// What an entry is brought for.
pub(crate) struct Wish<'a> {
    pub(crate) entry: &'a Plugin,
    pub(crate) wanted: &'a Wanted,
    pub(crate) before: &'a Snapshot,
    pub(crate) who: Who,
    /// Its source is asked, whatever is known of it.
    pub(crate) anew: bool,
    /// A new revision is on trial first; absent: as the entry says.
    pub(crate) trial: Option<Trial>,
}

impl Brought {
    /// Where its revisions stand then, as far as that changes. `old`: which served before.
    pub(crate) fn steps(&self, old: Option<&Arc<Revision>>) -> Vec<StepOf> {
        let (old, new) = (
            old.map(|old| old.number),
            self.serving.as_ref().map(|new| new.number),
        );
        let mut steps: Vec<StepOf> = Vec::new();
        if old != new {
            steps.extend(old.map(|old| (old, Stage::Draining, None)));
            steps.extend(new.map(|new| (new, Stage::Serving, None)));
        }
        let canary = self.canary.as_ref().map(|canary| canary.revision.number);
        steps.extend(canary.map(|number| (number, Stage::Serving, None)));
        let reason = "another took its place on trial".to_owned();
        steps.extend(
            self.given_up
                .map(|number| (number, Stage::Failed, Some(reason))),
        );
        steps
    }
}

impl Catalog {
    /// Brings the revision of an entry. What is broken leaves the one before serving, if that may serve.
    pub(crate) async fn bring(&self, wish: Wish<'_>) -> Brought {
        let name = &wish.entry.name;
        let mut kept = wish.wanted.kept.get(name).cloned().unwrap_or_default();
        let (mut serving, mut on_trial, mut error) = (None, None, None);
        match self.find(&wish, &kept).await {
            Ok(new) => {
                let going = kept.canary.filter(|(number, _)| *number == new.number);
                let going = going.map(|(_, trial)| trial);
                let trial = wish.trial.or(going).or(wish.entry.canary);
                let is_new = kept.serving.is_some_and(|number| number != new.number);
                let old = match trial {
                    Some(trial) if is_new && !kept.held => {
                        let old = self.served(&wish, &kept).await.ok();
                        old.map(|old| (old, trial))
                    }
                    _ => None,
                };
                match old {
                    Some((old, trial)) => {
                        serving = Some(old);
                        on_trial = Some((new, trial));
                    }
                    None => serving = Some(new),
                }
            }
            Err(why) => {
                let told = format!("{why:#}");
                match self.served(&wish, &kept).await {
                    Ok(old) => {
                        tracing::error!(
                            plugin = name,
                            "not loaded: {told}; the revision before serves on"
                        );
                        serving = Some(old);
                    }
                    Err(_) => tracing::error!(plugin = name, "not loaded: {told}"),
                }
                error = Some(told);
            }
        }
        if let (Some(serving), Some(number)) = (&serving, kept.serving)
            && serving.number != number
        {
            kept.previous = Some(number);
        }
        let was_on_trial = kept.canary.take().map(|(number, _)| number);
        if let Some(serving) = &serving {
            kept.serving = Some(serving.number);
        }
        let canary = match (&serving, on_trial) {
            (Some(serving), Some((new, trial))) => {
                kept.canary = Some((new.number, trial));
                let going = wish.before.canaries.get(name);
                let going = going
                    .filter(|going| going.is(&new, serving, trial))
                    .cloned();
                Some(going.unwrap_or_else(|| Canary::begin(new, serving.clone(), trial)))
            }
            _ => None,
        };
        let given_up = was_on_trial.filter(|number| {
            Some(*number) != kept.serving && Some(*number) != kept.canary.map(|(number, _)| number)
        });
        Brought {
            standby: standby(&wish, &kept, serving.as_ref()),
            serving,
            canary,
            kept,
            error,
            given_up,
        }
    }

    /// The revision that an entry means now.
    async fn find(&self, wish: &Wish<'_>, kept: &Kept) -> anyhow::Result<Arc<Revision>> {
        let (entry, wanted) = (wish.entry, wish.wanted);
        let parts = Parts::read(entry, wanted.file.folder()).await?;
        let known = match wish.anew {
            true => None,
            false => self.known(entry, kept).await?,
        };
        if let Some(row) = known {
            let is_it = |old: &Revision| old.number == row.number;
            return match ready(wish, &parts, is_it) {
                Some(old) => Ok(old),
                None => self.again(wish, parts, &row).await,
            };
        }
        let source = wanted.file.told(&entry.source);
        let fetched = fetch(&entry.source, wanted.file.folder(), self.builtin);
        let fetched = match wish.anew {
            true => fetched.await?,
            // A registry that trickles must not hold up a reload, nor what waits for it.
            false => timeout(FETCH, fetched)
                .await
                .with_context(|| format!("{source} did not come within {FETCH:?}"))??,
        };
        if !wish.anew && kept.refused.as_ref() == Some(&fetched.digest) {
            return self.served(wish, kept).await;
        }
        match ready(wish, &parts, |old| old.digest == fetched.digest) {
            Some(old) => Ok(old),
            None => self.make(wish, parts, fetched, source).await,
        }
    }

    /// The revision of the line that an entry means without a look at its source: one that is held, or one that a registry gave
    /// before.
    async fn known(&self, entry: &Plugin, kept: &Kept) -> anyhow::Result<Option<Recorded>> {
        let Some(number) = kept.serving else {
            return Ok(None);
        };
        if kept.held {
            let row = self.history.revision(&entry.name, number).await?;
            return Ok(Some(row));
        }
        let Source::Oci(reference) = &entry.source else {
            return Ok(None);
        };
        let on_trial = kept.canary.map(|(number, _)| number);
        let line = self.history.of(&entry.name).await?;
        let of_it = |row: &&Recorded| row.about.source == *reference;
        // What the tag gave was taken back: whatever it gives by now was not asked for.
        let is_refused = |row: &Recorded| Some(&row.digest) == kept.refused.as_ref();
        if line.iter().filter(of_it).any(is_refused) {
            return Ok(line.into_iter().find(|row| row.number == number));
        }
        Ok(line.into_iter().find(|row| {
            let may_serve = row.number == number || Some(row.number) == on_trial;
            may_serve && of_it(&row)
        }))
    }

    /// The revision that serves, or that served when the host stopped. Where others are trusted than then, it is looked at anew.
    async fn served(&self, wish: &Wish<'_>, kept: &Kept) -> anyhow::Result<Arc<Revision>> {
        let name = &wish.entry.name;
        match wish.before.revisions.get(name) {
            Some(old) if old.trust == wish.wanted.trust => Ok(old.clone()),
            _ => {
                let number = kept.serving.context("there is none")?;
                let row = self.history.revision(name, number).await?;
                let parts = Parts::read(wish.entry, wish.wanted.file.folder()).await?;
                self.again(wish, parts, &row).await
            }
        }
    }

    /// A revision of the line.
    async fn again(
        &self,
        wish: &Wish<'_>,
        parts: Parts,
        row: &Recorded,
    ) -> anyhow::Result<Arc<Revision>> {
        let fetched = self.history.component(row).await?;
        let source = row.about.source.clone();
        self.make(wish, parts, fetched, source).await
    }

    /// Verifies, compiles and probes a component, and records how far it got.
    async fn make(
        &self,
        wish: &Wish<'_>,
        parts: Parts,
        fetched: Fetched,
        source: String,
    ) -> anyhow::Result<Arc<Revision>> {
        let name = &wish.entry.name;
        let verified = verify(&fetched, wish.entry, wish.wanted.trust.as_ref());
        let (manifest, signer) = match &verified {
            Ok(verified) => (verified.manifest.clone(), verified.signer.as_ref()),
            Err(_) => (manifest::read(&fetched.bytes).ok().flatten(), None),
        };
        let about = About::new(
            source.clone(),
            wish.who,
            &fetched,
            manifest.as_ref(),
            signer,
        );
        let may_load = verified.is_ok();
        let kept = wish.wanted.kept.get(name).cloned().unwrap_or_default();
        let begun = self
            .history
            .begin(name, &fetched, &about, may_load, kept.numbers())
            .await;
        let (number, stage) = begun?;
        // What serves goes on serving while it is loaded anew, for another grant.
        let record = match stage {
            Stage::Serving | Stage::Draining => None,
            _ => Some(number),
        };
        let digest = fetched.digest;
        let loaded = match verified {
            Ok(_) => self.load(name, record, &parts, fetched.bytes).await,
            Err(error) => Err(error),
        };
        match loaded.context(source) {
            Ok(plugin) => Ok(Arc::new(Revision::from(Loaded {
                plugin,
                digest,
                number,
                about,
                manifest,
                parts,
                trust: wish.wanted.trust.clone(),
                judge: self.judge.clone(),
            }))),
            Err(error) => {
                let reason = format!("{error:#}");
                self.step(name, record, Stage::Failed, Some(&reason))
                    .await?;
                Err(error)
            }
        }
    }

    /// Compiles and probes a component that may be loaded.
    async fn load(
        &self,
        name: &str,
        record: Option<u64>,
        parts: &Parts,
        bytes: Vec<u8>,
    ) -> anyhow::Result<Arc<sandbox::Plugin>> {
        self.step(name, record, Stage::Verified, None).await?;
        let compiled = parts.compile(bytes, &self.sandbox).await?;
        self.step(name, record, Stage::Compiled, None).await?;
        let plugin = parts.probe(compiled, &self.sandbox).await?;
        self.step(name, record, Stage::Probed, None).await?;
        Ok(plugin)
    }

    /// Records how far a revision got, if that is of interest.
    async fn step(
        &self,
        name: &str,
        record: Option<u64>,
        stage: Stage,
        reason: Option<&str>,
    ) -> anyhow::Result<()> {
        match record {
            Some(number) => self.history.step(name, number, stage, reason).await,
            None => Ok(()),
        }
    }
}

/// A revision that is loaded as the entry wants it.
fn ready(
    wish: &Wish<'_>,
    parts: &Parts,
    is_it: impl Fn(&Revision) -> bool,
) -> Option<Arc<Revision>> {
    let (before, name) = (wish.before, &wish.entry.name);
    let canary = before.canaries.get(name).map(|canary| &canary.revision);
    let loaded = before.revisions.get(name).into_iter().chain(canary);
    let mut loaded = loaded.chain(before.standby.get(name));
    let wanted = &wish.entry.digest;
    let fits = |old: &&Arc<Revision>| {
        let is_trusted = old.trust == wish.wanted.trust;
        is_trusted
            && is_it(old)
            && parts.makes(old)
            && wanted.as_ref().is_none_or(|d| *d == old.digest)
    };
    loaded.find(fits).cloned()
}

/// What a rollback finds ready: the one that served before, as long as it is of the same entry.
fn standby(wish: &Wish<'_>, kept: &Kept, serving: Option<&Arc<Revision>>) -> Option<Arc<Revision>> {
    let (before, name) = (wish.before, &wish.entry.name);
    let serving = serving?;
    let old = before.revisions.get(name).into_iter();
    let mut both = old.chain(before.standby.get(name));
    let fits = |old: &&Arc<Revision>| {
        Some(old.number) == kept.previous
            && old.trust == wish.wanted.trust
            && serving.parts.makes(old)
            && wish.entry.digest.as_ref().is_none_or(|wanted| *wanted == old.digest)
            // An instance that is kept holds its weights in memory.
            && old.plugin.kind() != Kind::Accelerator
    };
    both.find(fits).cloned()
}

//! What operators change by the API. A change is on record before it serves, and whoever is told of it finds it after a restart.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use audit::Who;
use serde_json::Value;
use types::config::{Canary as Trial, Source};

use crate::bring::Wish;
use crate::catalog::Catalog;
use crate::history::Stage;
use crate::kept::{self, AllKept, Kept};
use crate::recorded;
use crate::settings::Wanted;
use crate::snapshot::{Snapshot, Status};
use crate::widen::widen;

/// How a plugin is brought after a change of what is kept of it.
#[derive(Default)]
struct How {
    anew: bool,
    trial: Option<Trial>,
}

impl Catalog {
    /// Adds a plugin; `entry` is what the file would have as `[[plugin]]`.
    ///
    /// # Errors
    /// There is one of its name, or it can't be loaded: then nothing is added.
    pub async fn add(&self, entry: Value, who: Who) -> anyhow::Result<Status> {
        let name = kept::parse(&entry).context("the entry")?.name;
        self.change(&name.clone(), who, move |now, kept| {
            if now.file.entries.contains_key(&name) {
                bail!("the plugin {name:?} is in the configuration file: change it there, or upgrade it");
            }
            ensure!(!kept.contains_key(&name), "there is a plugin {name:?}: upgrade it");
            let added = Kept {
                entry: Some(entry),
                ..Kept::default()
            };
            kept.insert(name, added);
            Ok(How::default())
        })
        .await
    }

    /// Brings what is at a plugin's source now, or at another. The grant stays as it is.
    ///
    /// # Errors
    /// There is no such plugin, or the component can't be loaded: then what served serves on.
    pub async fn upgrade(
        &self,
        name: &str,
        source: Option<Source>,
        trial: Option<Trial>,
        who: Who,
    ) -> anyhow::Result<Status> {
        self.change(name, who, |now, all| {
            let kept = existing(all, name)?;
            if let Some(source) = source {
                let mut entry = entry_of(now, name, kept)?;
                entry["source"] = Value::String(source.to_string());
                // It is of the component before.
                if let Some(fields) = entry.as_object_mut() {
                    fields.remove("digest");
                }
                kept.entry = Some(entry);
            }
            kept.held = false;
            kept.refused = None;
            Ok(How { anew: true, trial })
        })
        .await
    }

    /// Gives calls back to the revision that served before, or to another of the line; a revision on trial is given up. It holds until
    /// the next upgrade.
    ///
    /// # Errors
    /// There is no such plugin or revision, or it can't be loaded any more.
    pub async fn rollback(&self, name: &str, to: Option<u64>, who: Who) -> anyhow::Result<Status> {
        if let Some(status) = self.rollback_to_ready(name, to, who).await? {
            return Ok(status);
        }
        self.change(name, who, |_, all| {
            let kept = existing(all, name)?;
            let to = to.or(kept.previous);
            let to = to.with_context(|| format!("no revision of {name:?} served before"))?;
            kept.held = true;
            if let Some(serving) = kept.serving.replace(to)
                && serving != to
            {
                kept.previous = Some(serving);
            }
            Ok(How::default())
        })
        .await
    }

    /// The part of a rollback that waits for nothing but the record.
    async fn rollback_to_ready(
        &self,
        name: &str,
        to: Option<u64>,
        who: Who,
    ) -> anyhow::Result<Option<Status>> {
        let _swap = self.swapping.lock().await;
        let now = self.current.load_full();
        self.may_change()?;
        let Some(mut kept) = now.kept.get(name).cloned() else {
            bail!("there is no plugin {name:?}");
        };
        let mut next = (*now).clone();
        let canary = next.canaries.remove(name).map(|canary| canary.revision);
        let mut steps = Vec::new();
        if let Some(canary) = &canary {
            kept.canary = None;
            kept.refused = Some(canary.digest.clone());
            steps.push((
                canary.number,
                Stage::Failed,
                Some("an operator took it back"),
            ));
        }
        if canary.is_none() || to.is_some() {
            let to = to.or(kept.previous);
            let ready = next
                .standby
                .get(name)
                .filter(|ready| Some(ready.number) == to && ready.trust == now.trust);
            let (Some(ready), Some(serving)) = (ready.cloned(), next.revisions.get(name).cloned())
            else {
                return Ok(None);
            };
            steps.push((serving.number, Stage::Draining, None));
            steps.push((ready.number, Stage::Serving, None));
            kept.serving = Some(ready.number);
            kept.previous = Some(serving.number);
            kept.held = true;
            next.revisions.insert(name.into(), ready);
            next.standby.insert(name.into(), serving);
        }
        next.errors.remove(name);
        self.history.change(name, &kept, &steps).await?;
        next.kept.insert(name.into(), kept);
        self.replace(&now, next, who).await;
        Ok(self.now().status_of(name))
    }

    /// Gives all calls to the revision on trial.
    ///
    /// # Errors
    /// There is no such plugin, or nothing on trial.
    pub async fn promote(&self, name: &str, who: Who) -> anyhow::Result<Status> {
        self.may_change()?;
        self.promote_one(name, None, who).await
    }

    /// The same, of no other revision than that of this number.
    pub(crate) async fn promote_one(
        &self,
        name: &str,
        number: Option<u64>,
        who: Who,
    ) -> anyhow::Result<Status> {
        let _swap = self.swapping.lock().await;
        let now = self.current.load_full();
        let mut next = (*now).clone();
        let (Some(canary), Some(old)) = (
            next.canaries.remove(name),
            next.revisions.get(name).cloned(),
        ) else {
            bail!("no revision of {name:?} is on trial");
        };
        let new = canary.revision;
        ensure!(
            new.trust == now.trust,
            "other keys are trusted than when it was verified: upgrade again"
        );
        ensure!(
            number.is_none_or(|number| number == new.number),
            "another revision is on trial"
        );
        let mut kept = now.kept.get(name).cloned().unwrap_or_default();
        kept.canary = None;
        kept.serving = Some(new.number);
        kept.previous = Some(old.number);
        let steps = [
            (old.number, Stage::Draining, None),
            (new.number, Stage::Serving, None),
        ];
        self.history.change(name, &kept, &steps).await?;
        next.kept.insert(name.into(), kept);
        next.revisions.insert(name.into(), new);
        next.standby.insert(name.into(), old);
        self.replace(&now, next, who).await;
        self.now().status_of(name).context("it is gone")
    }

    /// Takes the revision on trial back, for a reason.
    pub(crate) async fn take_back(&self, name: &str, number: u64, reason: &str) {
        let _swap = self.swapping.lock().await;
        let now = self.current.load_full();
        let canary = now.canaries.get(name).map(|canary| &canary.revision);
        let Some(canary) = canary.filter(|canary| canary.number == number).cloned() else {
            return;
        };
        let mut next = (*now).clone();
        next.canaries.remove(name);
        let mut kept = now.kept.get(name).cloned().unwrap_or_default();
        kept.canary = None;
        kept.refused = Some(canary.digest.clone());
        let told = format!("revision {number} was taken back: {reason}");
        tracing::error!(plugin = name, "{told}");
        next.errors.insert(name.into(), told);
        let steps = [(number, Stage::Failed, Some(reason))];
        if let Err(error) = self.history.change(name, &kept, &steps).await {
            // Its calls fail: they must go back all the same.
            tracing::error!(plugin = name, "that is not on record: {error:#}");
        }
        next.kept.insert(name.into(), kept);
        self.replace(&now, next, Who::Host).await;
        recorded::taken_back(&self.log, name, &canary.digest, reason).await;
    }

    /// Holds a plugin at the revision that serves, or lets it follow its source again.
    ///
    /// # Errors
    /// There is no such plugin, or what is at its source can't be loaded.
    pub async fn pin(&self, name: &str, held: bool, who: Who) -> anyhow::Result<Status> {
        self.change(name, who, |_, all| {
            let kept = existing(all, name)?;
            ensure!(
                !held || kept.serving.is_some(),
                "no revision of {name:?} serves that could be held"
            );
            kept.held = held;
            Ok(How::default())
        })
        .await
    }

    /// Grants a plugin what the newest of its revisions asks for. `secrets`: for each secret that is not granted yet, where its value
    /// comes from, as in a grant.
    ///
    /// # Errors
    /// There is no such plugin or manifest; it asks for what only an entry can say.
    pub async fn accept(
        &self,
        name: &str,
        secrets: &BTreeMap<String, Value>,
        who: Who,
    ) -> anyhow::Result<Status> {
        self.change(name, who, |now, all| {
            let kept = existing(all, name)?;
            let canary = now.canaries.get(name).map(|canary| &canary.revision);
            let newest = canary.or_else(|| now.revisions.get(name));
            let manifest = newest.and_then(|revision| revision.manifest.as_ref());
            let manifest = manifest
                .with_context(|| format!("no revision of {name:?} has a manifest that asks"))?;
            let mut entry = entry_of(now, name, kept)?;
            let unmet = manifest.unmet(&kept::parse(&entry)?);
            widen(&mut entry, &unmet, secrets)?;
            kept.entry = Some(entry);
            Ok(How::default())
        })
        .await
    }

    /// Removes a plugin that was added by the API.
    ///
    /// # Errors
    /// There is none, it is in the file, or others need it.
    pub async fn remove(&self, name: &str, who: Who) -> anyhow::Result<()> {
        let _one = self.changing.lock().await;
        self.may_change()?;
        let before = self.current.load_full();
        let mut all = before.kept.clone();
        if before.file.entries.contains_key(name) {
            bail!("the plugin {name:?} is in the configuration file: remove it there");
        }
        existing(&mut all, name)?;
        all.remove(name);
        let wanted = Wanted::with(&before, &all)?;
        let _swap = self.swapping.lock().await;
        let now = self.current.load_full();
        let mut next = Snapshot {
            config: wanted.config,
            ..(*now).clone()
        };
        self.remove_from(&mut next, name).await?;
        self.replace(&now, next, who).await;
        Ok(())
    }

    /// Changes what is kept, and brings the plugin; where that fails, nothing changes.
    async fn change(
        &self,
        name: &str,
        who: Who,
        edit: impl FnOnce(&Snapshot, &mut AllKept) -> anyhow::Result<How>,
    ) -> anyhow::Result<Status> {
        let _one = self.changing.lock().await;
        self.may_change()?;
        let before = self.current.load_full();
        let mut all = before.kept.clone();
        let how = edit(&before, &mut all)?;
        let wanted = Wanted::with(&before, &all)?;
        let entry = wanted
            .config
            .plugins
            .iter()
            .find(|entry| entry.name == name);
        let entry = entry.with_context(|| format!("there is no plugin {name:?}"))?;
        let wish = Wish {
            entry,
            wanted: &wanted,
            before: &before,
            who,
            anew: how.anew,
            trial: how.trial,
        };
        let brought = self.bring(wish).await;
        if let Some(error) = &brought.error {
            bail!("nothing changes: {error}");
        }
        let meant = brought.kept.clone();
        let all = BTreeMap::from([(name.to_owned(), brought)]);
        self.publish(wanted, all, &before, who).await;
        let now = self.now();
        match (now.status_of(name), now.errors.get(name)) {
            (_, Some(error)) => bail!("{error}"),
            (Some(status), None) if now.kept.get(name) == Some(&meant) => Ok(status),
            _ => bail!("another change of {name:?} came first: look at it, and try again"),
        }
    }

    /// What is told must be there after a restart.
    fn may_change(&self) -> anyhow::Result<()> {
        ensure!(
            self.lasts,
            "without a [store] a change by the API would be gone after a restart: add one to the configuration file, or change the file"
        );
        Ok(())
    }
}

fn existing<'a>(all: &'a mut AllKept, name: &str) -> anyhow::Result<&'a mut Kept> {
    all.get_mut(name)
        .with_context(|| format!("there is no plugin {name:?}"))
}

/// An entry as it holds now.
fn entry_of(now: &Snapshot, name: &str, kept: &Kept) -> anyhow::Result<Value> {
    let entry = kept.entry.as_ref().or_else(|| now.file.entries.get(name));
    entry
        .cloned()
        .with_context(|| format!("there is no plugin {name:?}"))
}

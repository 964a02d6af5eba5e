use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use audit::{Event, Log, Who};
use sandbox::Sandbox;
use store::Store;
use tokio::sync::{Mutex, Notify};

use crate::bring::{Brought, Wish};
use crate::fetch::Builtin;
use crate::history::{History, Recorded, Stage};
use crate::settings::{self, Wanted, keep_addresses};
use crate::snapshot::Snapshot;
use crate::{drain, kept, recorded};

/// The plugins of a configuration file, and what operators changed of them.
pub struct Catalog {
    pub(crate) sandbox: Sandbox,
    pub(crate) log: Log,
    pub(crate) builtin: Builtin,
    file: PathBuf,
    pub(crate) history: History,
    /// What is kept survives this process.
    pub(crate) lasts: bool,
    pub(crate) current: Arc<ArcSwap<Snapshot>>,
    /// Changes come one after the other.
    pub(crate) changing: Mutex<()>,
    /// The moment in which a snapshot takes the other's place. It waits for no compiler.
    pub(crate) swapping: Mutex<()>,
    pub(crate) judge: Arc<Notify>,
}

impl Catalog {
    /// Loads what a configuration file names. A plugin that can't be loaded is reported and doesn't stop the others. What serves and
    /// what changes is recorded in `log`, and kept in `store`; without one, in this process. `builtin`: components inside the program.
    ///
    /// # Errors
    /// The file can't be read, is invalid, or names a key's secret that isn't set; the store's.
    pub async fn open(
        file: PathBuf,
        sandbox: Sandbox,
        log: Log,
        store: Option<Store>,
        builtin: Builtin,
    ) -> anyhow::Result<Self> {
        let lasts = store.is_some();
        let history = History::new(match store {
            Some(store) => store,
            None => Store::in_memory().await?,
        });
        let kept = history.open().await?;
        let (wanted, kept) = match settings::read(&file, &kept).await {
            Ok(wanted) => (wanted, kept),
            Err(error) => {
                // The file alone must be able to start a host.
                let alone = kept::of_the_file(kept);
                let wanted = settings::read(&file, &alone).await?;
                tracing::error!("what was changed by the API is left out: {error:#}");
                (wanted, alone)
            }
        };
        let nothing = Snapshot {
            config: wanted.config.clone(),
            keys: Vec::new(),
            admin_token: None,
            revisions: BTreeMap::new(),
            errors: BTreeMap::new(),
            config_error: None,
            file: wanted.file.clone(),
            trust: wanted.trust.clone(),
            kept,
            standby: BTreeMap::new(),
            canaries: BTreeMap::new(),
        };
        let catalog = Self {
            sandbox,
            log,
            builtin,
            file,
            history,
            lasts,
            current: Arc::new(ArcSwap::from_pointee(nothing)),
            changing: Mutex::new(()),
            swapping: Mutex::new(()),
            judge: Arc::new(Notify::new()),
        };
        let nothing = catalog.current.load_full();
        catalog.bring_all(wanted, nothing, Who::File).await;
        Ok(catalog)
    }

    /// What serves now.
    pub fn now(&self) -> Guard<Arc<Snapshot>> {
        self.current.load()
    }

    /// The line of a plugin's revisions, the newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn revisions(&self, plugin: &str) -> anyhow::Result<Vec<Recorded>> {
        let mut line = self.history.of(plugin).await?;
        for row in &mut line {
            row.about = row.about.told();
        }
        Ok(line)
    }

    /// Reads the files again, and swaps what changed. What is broken stays as it was, with the reason in the snapshot. `who`: for
    /// the audit log.
    pub async fn reload(&self, who: Who) {
        let _one = self.changing.lock().await;
        let before = self.current.load_full();
        let wanted = match settings::read(&self.file, &before.kept)
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
                self.rewrite(|now| now.config_error = Some(error)).await;
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
            self.rewrite(|now| now.keys = left).await;
        }
        self.bring_all(wanted, before, who).await;
    }

    /// The files whose change matters: the configuration, components, keys, secrets.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        settings::files(&self.now())
    }

    async fn rewrite(&self, change: impl FnOnce(&mut Snapshot)) {
        let _swap = self.swapping.lock().await;
        let mut next = (*self.current.load_full()).clone();
        change(&mut next);
        self.current.store(Arc::new(next));
    }

    /// A revision for each entry: the one before where nothing changed or the change is broken. `before`: what `wanted` was made over.
    async fn bring_all(&self, mut wanted: Wanted, mut before: Arc<Snapshot>, who: Who) {
        while self.bring_over(&wanted, &before, who).await {
            // Somebody rolled back meanwhile: what they did stands, under the configuration that is wanted now.
            before = self.current.load_full();
            match wanted.over(&before) {
                Ok(again) => wanted = again,
                Err(error) => {
                    tracing::error!("the configuration contradicts a change by the API: {error:#}");
                    return;
                }
            }
        }
    }

    /// Brings all, and says whether somebody else changed a plugin meanwhile, which then stays as it is.
    async fn bring_over(&self, wanted: &Wanted, before: &Arc<Snapshot>, who: Who) -> bool {
        let mut all = BTreeMap::new();
        for entry in &wanted.config.plugins {
            let wish = Wish {
                entry,
                wanted,
                before,
                who,
                anew: false,
                trial: None,
            };
            let brought = self.bring(wish).await;
            all.insert(entry.name.clone(), brought);
        }
        self.publish(wanted.clone(), all, before, who).await
    }

    /// Makes what was brought serve, beside what serves already. Plugins that changed since `before` stay as they are by now; says
    /// whether there are any.
    pub(crate) async fn publish(
        &self,
        wanted: Wanted,
        mut brought: BTreeMap<String, Brought>,
        before: &Arc<Snapshot>,
        who: Who,
    ) -> bool {
        let _swap = self.swapping.lock().await;
        let now = self.current.load_full();
        let mut next = Snapshot {
            config: wanted.config,
            keys: wanted.keys,
            admin_token: wanted.admin_token,
            file: wanted.file,
            trust: wanted.trust,
            config_error: wanted.config_error,
            ..(*now).clone()
        };
        let many = brought.len();
        brought.retain(|name, _| before.kept.get(name) == now.kept.get(name));
        let was_changed = brought.len() < many;
        let names: BTreeSet<&String> = next.config.plugins.iter().map(|p| &p.name).collect();
        let gone: Vec<String> = now
            .revisions
            .keys()
            .chain(now.kept.keys())
            .filter(|name| !names.contains(name))
            .cloned()
            .collect();
        for name in gone {
            if let Err(error) = self.remove_from(&mut next, &name).await {
                tracing::error!(
                    plugin = name,
                    "it stays, since its end is not on record: {error:#}"
                );
            }
        }
        for (name, mine) in brought {
            self.put_into(&mut next, &now, name, mine).await;
        }
        self.replace(&now, next, who).await;
        was_changed
    }

    /// Puts a plugin into what will serve, once that is on record.
    async fn put_into(&self, next: &mut Snapshot, now: &Snapshot, name: String, mine: Brought) {
        let steps = mine.steps(now.revisions.get(&name));
        let steps: Vec<_> = steps
            .iter()
            .map(|(number, stage, reason)| (*number, *stage, reason.as_deref()))
            .collect();
        let known = now.kept.get(&name) == Some(&mine.kept) && steps.is_empty();
        let recorded = match known {
            true => Ok(()),
            false => self.history.change(&name, &mine.kept, &steps).await,
        };
        if let Err(error) = recorded {
            // What is not on record must not serve: after a restart it would be gone.
            let error = format!("the change is not on record, so that nothing changes: {error:#}");
            tracing::error!(plugin = name, "{error}");
            if mine.serving.is_none() {
                // What nobody may trust any more goes, on record or not.
                next.revisions.remove(&name);
                next.canaries.remove(&name);
                next.standby.remove(&name);
            }
            next.errors.insert(name, error);
            return;
        }
        next.kept.insert(name.clone(), mine.kept);
        set(&mut next.revisions, &name, mine.serving);
        set(&mut next.standby, &name, mine.standby);
        set(&mut next.canaries, &name, mine.canary);
        set(&mut next.errors, &name, mine.error);
    }

    /// Takes a plugin out of what will serve, once that is on record.
    pub(crate) async fn remove_from(&self, next: &mut Snapshot, name: &str) -> anyhow::Result<()> {
        let canary = next.canaries.get(name).map(|canary| &canary.revision);
        let served = next.revisions.get(name).into_iter().chain(canary);
        let numbers: Vec<u64> = served.map(|revision| revision.number).collect();
        self.history.forget(name, &numbers).await?;
        next.revisions.remove(name);
        next.canaries.remove(name);
        next.kept.remove(name);
        next.standby.remove(name);
        next.errors.remove(name);
        tracing::info!(plugin = name, "removed");
        Ok(())
    }

    /// The swap: from here on calls go to what is in `next`. Called with `swapping` held.
    pub(crate) async fn replace(&self, now: &Arc<Snapshot>, next: Snapshot, who: Who) {
        let next = Arc::new(next);
        self.sandbox
            .publish(next.revisions.values().map(|revision| &*revision.plugin));
        self.current.store(next.clone());
        for (name, new) in &next.revisions {
            let same = now
                .revisions
                .get(name)
                .is_some_and(|old| Arc::ptr_eq(old, new));
            if !same {
                let number = new.number;
                tracing::info!(
                    plugin = name,
                    revision = number,
                    digest = new.digest,
                    "serving"
                );
            }
        }
        for gone in drain::gone(now, &next) {
            let (history, current) = (self.history.clone(), self.current.clone());
            tokio::spawn(drain::drain(gone, history, current));
        }
        recorded::changes(&self.log, who, now, &next).await;
    }
}

fn set<T>(map: &mut BTreeMap<String, T>, name: &str, value: Option<T>) {
    match value {
        Some(value) => map.insert(name.to_owned(), value),
        None => map.remove(name),
    };
}

/// How far a revision got, and why no further.
pub(crate) type StepOf = (u64, Stage, Option<String>);

//! What the audit log tells of a change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Event, Log, Who};

use crate::revision::{Revision, resolve};
use crate::settings::{folder, read_config};
use crate::snapshot::Snapshot;

/// Where a configuration file wants the audit log; `None` where it wants none.
///
/// # Errors
/// The file can't be read, or is invalid.
pub fn audit_log(file: &Path) -> anyhow::Result<Option<PathBuf>> {
    let config = read_config(file)?;
    Ok(config.audit.map(|audit| resolve(folder(file), &audit.path)))
}

/// Writes a row, and says so where it can't: a plugin that serves must not stop for a full disk.
pub(crate) async fn record(log: &Log, who: Who, event: Event) {
    if let Err(error) = log.record(who, event).await {
        tracing::error!("a row of the audit log is lost: {error}");
    }
}

/// Writes what a change did to the plugins.
pub(crate) async fn changes(log: &Log, who: Who, before: &Snapshot, now: &Snapshot) {
    for (plugin, gone) in &before.revisions {
        if !now.revisions.contains_key(plugin) {
            let (plugin, digest) = (plugin.clone(), gone.digest.clone());
            record(log, who, Event::PluginRemoved { plugin, digest }).await;
        }
    }
    for (plugin, new) in &now.revisions {
        for event in swapped(plugin, before.revisions.get(plugin), new) {
            record(log, who, event).await;
        }
    }
    for (plugin, canary) in &now.canaries {
        let old = before.canaries.get(plugin);
        if old.is_none_or(|old| old.revision.number != canary.revision.number) {
            let began = Event::CanaryBegan {
                plugin: plugin.clone(),
                digest: canary.revision.digest.clone(),
                share: canary.trial.share.to_string(),
            };
            record(log, who, began).await;
        }
    }
    // Plugins that don't serve as they should, unless that is known from before.
    for (plugin, error) in &now.errors {
        if before.errors.get(plugin) != Some(error) {
            let (plugin, error) = (plugin.clone(), error.clone());
            record(log, who, Event::PluginFailed { plugin, error }).await;
        }
    }
}

fn swapped(plugin: &str, old: Option<&Arc<Revision>>, new: &Arc<Revision>) -> Vec<Event> {
    let (plugin, digest) = (plugin.to_owned(), new.digest.clone());
    let grant = new.parts.entry.grant.powers();
    let Some(old) = old else {
        return vec![Event::PluginLoaded {
            plugin,
            digest,
            grant,
        }];
    };
    if Arc::ptr_eq(old, new) {
        return Vec::new();
    }
    let mut events = vec![Event::PluginSwapped {
        plugin: plugin.clone(),
        before: old.digest.clone(),
        digest,
        grant: grant.clone(),
    }];
    let before = old.parts.entry.grant.powers();
    if before != grant {
        events.push(Event::GrantChanged {
            plugin,
            before,
            grant,
        });
    }
    events
}

/// Writes that a revision on trial was taken back.
pub(crate) async fn taken_back(log: &Log, plugin: &str, digest: &str, reason: &str) {
    let taken = Event::CanaryTakenBack {
        plugin: plugin.into(),
        digest: digest.into(),
        reason: reason.into(),
    };
    record(log, Who::Host, taken).await;
}

//! What the audit log tells of a change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Event, Log, Who};

use crate::catalog::{Status, folder, read_config};
use crate::revision::{Revision, resolve};

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
pub(crate) async fn changes(
    log: &Log,
    who: Who,
    before: &BTreeMap<String, Arc<Revision>>,
    now: &BTreeMap<String, Arc<Revision>>,
) {
    for (plugin, gone) in before {
        if !now.contains_key(plugin) {
            let (plugin, digest) = (plugin.clone(), gone.digest.clone());
            record(log, who, Event::PluginRemoved { plugin, digest }).await;
        }
    }
    for (plugin, new) in now {
        let (plugin, digest) = (plugin.clone(), new.digest.clone());
        let grant = new.entry.grant.powers();
        match before.get(&plugin) {
            None => {
                let loaded = Event::PluginLoaded {
                    plugin,
                    digest,
                    grant,
                };
                record(log, who, loaded).await;
            }
            Some(old) if !Arc::ptr_eq(old, new) => {
                let swapped = Event::PluginSwapped {
                    plugin: plugin.clone(),
                    before: old.digest.clone(),
                    digest,
                    grant: grant.clone(),
                };
                record(log, who, swapped).await;
                let before = old.entry.grant.powers();
                if before != grant {
                    let changed = Event::GrantChanged {
                        plugin,
                        before,
                        grant,
                    };
                    record(log, who, changed).await;
                }
            }
            Some(_) => {}
        }
    }
}

/// Writes which plugins don't serve as they should, unless that is known from before.
pub(crate) async fn failures(log: &Log, who: Who, before: &[Status], now: &[Status]) {
    for failed in now {
        let known = before
            .iter()
            .any(|known| known.name == failed.name && known.error == failed.error);
        if let (Some(error), false) = (failed.error.clone(), known) {
            let plugin = failed.name.clone();
            record(log, who, Event::PluginFailed { plugin, error }).await;
        }
    }
}

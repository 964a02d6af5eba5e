//! Changes of files, as reloads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::Catalog;

/// A file is read when nothing was written for this long: a copy comes in several writes.
const QUIET: Duration = Duration::from_millis(100);

/// Reloads the catalog whenever one of its files changes, until the future is dropped.
///
/// # Errors
/// The system gives no notice of changes.
pub async fn watch(catalog: Arc<Catalog>) -> anyhow::Result<()> {
    let (send, mut changes) = mpsc::unbounded_channel();
    let mut watcher =
        notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            Ok(event) => drop(send.send(event.paths)),
            Err(error) => tracing::warn!(%error, "watching files"),
        })
        .context("changes of files can't be watched")?;
    let mut watched = BTreeSet::new();
    loop {
        let files = catalog.files();
        follow(&mut watcher, &mut watched, &files);
        let Some(paths) = changes.recv().await else {
            return Ok(());
        };
        if !matters(&paths, &files) {
            continue;
        }
        while let Ok(Some(_)) = tokio::time::timeout(QUIET, changes.recv()).await {}
        catalog.reload().await;
    }
}

/// Watches the folders, since editors replace files.
fn follow(
    watcher: &mut RecommendedWatcher,
    watched: &mut BTreeSet<PathBuf>,
    files: &BTreeSet<PathBuf>,
) {
    let folders: BTreeSet<PathBuf> = files
        .iter()
        .filter_map(|file| file.parent())
        .map(Path::to_owned)
        .collect();
    for gone in watched.difference(&folders) {
        let _ = watcher.unwatch(gone);
    }
    watched.retain(|folder| folders.contains(folder));
    for folder in folders {
        if !watched.contains(&folder) {
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder)),
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "changes in this folder are not seen")
                }
            }
        }
    }
}

/// Does a change concern one of the files?
fn matters(paths: &[PathBuf], files: &BTreeSet<PathBuf>) -> bool {
    paths.is_empty()
        || paths.iter().any(|path| {
            files
                .iter()
                .any(|file| file.file_name() == path.file_name())
        })
}

//! Changes of files, as reloads.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::Who;

use crate::Catalog;

/// How often the files are looked at. Looking is a `stat` for each: it sees what a notice of changes misses, such as links that
/// are turned elsewhere, folders that are replaced, network file systems. See docs/decisions/006.
const LOOK: Duration = Duration::from_millis(100);

/// What tells one state of a file from another; `None` where there is none.
type Mark = Option<(u64, u64, u64, i64, i64)>;

/// Reloads the catalog whenever one of its files has changed and then kept still for a moment, since a copy comes in several
/// writes. Runs until it is dropped.
pub async fn watch(catalog: Arc<Catalog>) {
    // Empty: what changed while the catalog was opened is found too.
    let mut loaded = BTreeMap::new();
    let mut seen = BTreeMap::new();
    loop {
        let now = marks(&catalog).await;
        if now != loaded && now == seen {
            catalog.reload(Who::File).await;
            loaded = now;
        } else {
            seen = now;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn marks(catalog: &Catalog) -> BTreeMap<PathBuf, Mark> {
    let files = catalog.files();
    // A file system that hangs must not hold a thread that serves.
    let looked = tokio::task::spawn_blocking(|| {
        files
            .into_iter()
            .map(|file| {
                let mark = std::fs::metadata(&file).ok().map(|found| {
                    let changed = (found.mtime(), found.mtime_nsec());
                    (found.dev(), found.ino(), found.size(), changed.0, changed.1)
                });
                (file, mark)
            })
            .collect()
    });
    looked.await.unwrap_or_default()
}

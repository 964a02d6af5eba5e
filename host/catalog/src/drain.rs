//! The end of a revision that serves no more: the calls that it took may end, within a limit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::history::History;
use crate::revision::Revision;
use crate::snapshot::Snapshot;

/// How often it is looked whether calls still run.
const LOOK: Duration = Duration::from_millis(20);

/// Revisions that took calls before a change and take none after it.
pub(crate) fn gone(before: &Snapshot, after: &Snapshot) -> Vec<Arc<Revision>> {
    let all = |snapshot: &Snapshot| -> Vec<Arc<Revision>> {
        let canaries = snapshot.canaries.values().map(|canary| &canary.revision);
        snapshot
            .revisions
            .values()
            .chain(canaries)
            .cloned()
            .collect()
    };
    let left = all(after);
    let mut gone = all(before);
    gone.retain(|old| !left.iter().any(|new| Arc::ptr_eq(old, new)));
    gone
}

/// Waits for the calls of a revision, ends those that take too long, and records its end. It may be called back meanwhile.
pub(crate) async fn drain(
    revision: Arc<Revision>,
    history: History,
    current: Arc<ArcSwap<Snapshot>>,
) {
    let name = revision.plugin.name().to_owned();
    let limit = revision.parts.entry.limits.drain;
    let begun = Instant::now();
    let is_back = || {
        let now = current.load();
        let serving = now.revisions.get(&name);
        let canary = now.canaries.get(&name).map(|canary| &canary.revision);
        let mut both = serving.into_iter().chain(canary);
        both.any(|other| Arc::ptr_eq(other, &revision))
    };
    while revision.plugin.in_flight() > 0 {
        if is_back() {
            return;
        }
        if begun.elapsed() >= limit {
            let calls = revision.plugin.in_flight();
            tracing::warn!(
                plugin = name,
                revision = revision.number,
                calls,
                "its calls did not end within limits.drain, and are ended"
            );
            revision.plugin.end_calls();
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    if current.load().takes_calls(&name, revision.number) {
        return;
    }
    let retired = history.retire(&name, revision.number).await;
    if let Err(error) = retired {
        tracing::warn!(
            plugin = name,
            "the end of a revision is not on record: {error:#}"
        );
    }
}

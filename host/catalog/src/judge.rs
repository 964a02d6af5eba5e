//! Looks at revisions on trial, whenever one of their calls has ended.

use std::sync::Arc;

use audit::Who;

use crate::Catalog;
use crate::canary::Verdict;

/// Takes back revisions on trial that are worse than those that serve, and promotes those that are as good, where that is wanted. Runs
/// until it is dropped.
pub async fn judge(catalog: Arc<Catalog>) {
    loop {
        let now = catalog.current.load_full();
        for (name, canary) in &now.canaries {
            match canary.verdict() {
                Verdict::Wait => {}
                Verdict::TakeBack(reason) => {
                    let number = canary.revision.number;
                    catalog.take_back(name, number, &reason).await;
                }
                Verdict::Promote => {
                    let number = Some(canary.revision.number);
                    if let Err(error) = catalog.promote_one(name, number, Who::Host).await {
                        tracing::error!(plugin = name, "not promoted: {error:#}");
                    }
                }
            }
        }
        drop(now);
        catalog.judge.notified().await;
    }
}

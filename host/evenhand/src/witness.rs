//! What plugins tried, as the operator gets to know it.

use std::sync::Arc;

use audit::{Event, Log, Who};
use metrics::Metrics;
use sandbox::Replaced;

/// Records and counts what plugins were refused and which limits they ran into.
pub(crate) struct Witness {
    pub(crate) log: Log,
    pub(crate) metrics: Arc<Metrics>,
}

impl sandbox::Witness for Witness {
    fn refused(&self, plugin: &str, to: &str, reason: &str) {
        self.metrics.refused(plugin);
        let denial = Event::Denial {
            plugin: plugin.into(),
            to: to.into(),
            reason: reason.into(),
        };
        self.log.note(Who::Plugin, denial);
    }

    fn limited(&self, plugin: &str, limit: &'static str) {
        self.metrics.limited(plugin, limit);
        let plugin = plugin.into();
        self.log
            .note(Who::Plugin, Event::LimitHit { plugin, limit });
    }

    fn replaced(&self, replaced: &Replaced) {
        let file = replaced.file.display().to_string();
        let reason = replaced.reason.clone();
        let event = match replaced.is_key {
            true => Event::CacheKeyReplaced { file, reason },
            false => Event::CacheEntryRefused { file, reason },
        };
        self.log.note(Who::Host, event);
    }

    fn quarantined(&self, plugin: &str, reason: Option<&str>) {
        let plugin = plugin.into();
        let event = match reason {
            Some(reason) => Event::QuarantineEntered {
                plugin,
                reason: reason.into(),
            },
            None => Event::QuarantineLeft { plugin },
        };
        self.log.note(Who::Plugin, event);
    }
}

//! What plugins tried, as the operator gets to know it.

use audit::{Event, Log, Who};

/// Tells the audit log what plugins were refused and which limits they ran into.
pub(crate) struct Witness {
    pub(crate) log: Log,
}

impl sandbox::Witness for Witness {
    fn refused(&self, plugin: &str, to: &str, reason: &str) {
        let denial = Event::Denial {
            plugin: plugin.into(),
            to: to.into(),
            reason: reason.into(),
        };
        self.log.note(Who::Plugin, denial);
    }

    fn limited(&self, plugin: &str, limit: &'static str) {
        let plugin = plugin.into();
        self.log
            .note(Who::Plugin, Event::LimitHit { plugin, limit });
    }
}

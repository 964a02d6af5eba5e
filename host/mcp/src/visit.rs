//! Who sends a request, and where to.

use std::sync::Arc;

use calls::Caller;

/// Who sends a request, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) caller: Caller,
    /// The plugin that they came for; all, where there is none.
    pub(crate) plugin: Option<Arc<str>>,
}

impl Visit {
    /// May they use this here, `plugin/tool`, or all that a plugin has, `plugin/`?
    pub(crate) fn may(&self, id: &str) -> bool {
        let here = match &self.plugin {
            Some(plugin) => id
                .strip_prefix(&**plugin)
                .is_some_and(|rest| rest.starts_with('/')),
            None => true,
        };
        here && self.caller.may_call(id)
    }

    /// Is it the same key, at the same place?
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.owner() == other.owner() && self.plugin == other.plugin
    }

    /// The key's name; empty where none is asked for.
    pub(crate) fn owner(&self) -> &str {
        self.caller.name()
    }
}

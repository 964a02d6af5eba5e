//! What is recorded.

use serde::Serialize;

/// Most characters of a reason that somebody else wrote: a component must fill neither memory nor disk.
const REASON: usize = 1000;

/// Most characters of what makes a row of its own.
const SUBJECT: usize = 200;

/// In place of what doesn't get a row of its own.
const OTHERS: &str = "others";

/// [`Event::ChainBroken`] in a row.
pub(crate) const CHAIN_BROKEN: &str = "chain-broken";

/// Who made it happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// The host itself.
    Host,
    /// A change of the configuration or of a file that it names.
    File,
    /// Somebody who sent SIGHUP.
    Sighup,
    /// An operator with the admin token.
    Token,
    /// An operator on this machine, where no token is asked for.
    Local,
    /// Somebody who was not let in.
    Stranger,
    /// The plugin of the row.
    Plugin,
}

/// A thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "what", content = "details", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "fields say what they are; texts are cut")]
pub enum Event {
    /// The log begins, or goes on after a restart.
    HostStarted { version: &'static str },
    /// The host was told to stop.
    HostStopped {},
    /// The host was killed while it wrote a row; what there was of it is gone.
    LogRepaired { bytes: u64 },
    /// At the start the log was not as it was left.
    ChainBroken { fault: String },
    /// More happened in a minute than is kept of one.
    EventsDropped { count: u64 },
    /// A plugin serves that didn't.
    PluginLoaded {
        plugin: String,
        digest: String,
        grant: Vec<String>,
    },
    /// Another component, secret or setting serves under the name.
    PluginSwapped {
        plugin: String,
        before: String,
        digest: String,
        grant: Vec<String>,
    },
    /// A plugin serves no more.
    PluginRemoved { plugin: String, digest: String },
    /// A component or entry that doesn't serve.
    PluginFailed { plugin: String, error: String },
    /// A plugin may do other things than before.
    GrantChanged {
        plugin: String,
        before: Vec<String>,
        grant: Vec<String>,
    },
    /// A new component gets a share of the calls.
    CanaryBegan {
        plugin: String,
        digest: String,
        share: String,
    },
    /// It gets none any more: its calls failed more often than the other's.
    CanaryTakenBack {
        plugin: String,
        digest: String,
        reason: String,
    },
    /// A change of the configuration that changed nothing.
    ConfigRefused { error: String },
    /// A plugin wanted what it isn't granted. `to` is what one row a minute stands for.
    Denial {
        plugin: String,
        to: String,
        reason: String,
    },
    /// A plugin ran into a limit, named as in the configuration.
    LimitHit { plugin: String, limit: &'static str },
    /// A plugin that kept failing gets no calls for a while.
    QuarantineEntered { plugin: String, reason: String },
    /// It gets calls again.
    QuarantineLeft { plugin: String },
    /// A call of the control plane.
    AdminCall {
        method: String,
        path: String,
        status: u16,
    },
    /// A compiled form that is not used, since it isn't as the cache wrote it.
    CacheEntryRefused { file: String, reason: String },
    /// The cache's key could not be used: with it all compiled forms from before are refused.
    CacheKeyReplaced { file: String, reason: String },
}

/// Whose noise it is. Each has a share of its own, so that none takes another's rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Plugin(String),
    Strangers,
    Host,
}

impl Event {
    /// With no text longer than is kept.
    pub(crate) fn cut(mut self) -> Self {
        let (subjects, reason): (&mut [&mut String], _) = match &mut self {
            Self::ChainBroken { fault: reason }
            | Self::PluginFailed { error: reason, .. }
            | Self::ConfigRefused { error: reason }
            | Self::CanaryTakenBack { reason, .. }
            | Self::QuarantineEntered { reason, .. } => (&mut [], Some(reason)),
            Self::Denial { to, reason, .. } => (&mut [to], Some(reason)),
            Self::AdminCall { method, path, .. } => (&mut [method, path], None),
            Self::CacheEntryRefused { file, reason } | Self::CacheKeyReplaced { file, reason } => {
                shorten(file, REASON);
                (&mut [], Some(reason))
            }
            Self::HostStarted { .. }
            | Self::HostStopped {}
            | Self::LogRepaired { .. }
            | Self::EventsDropped { .. }
            | Self::PluginLoaded { .. }
            | Self::PluginSwapped { .. }
            | Self::PluginRemoved { .. }
            | Self::GrantChanged { .. }
            | Self::CanaryBegan { .. }
            | Self::LimitHit { .. }
            | Self::QuarantineLeft { .. } => (&mut [], None),
        };
        for subject in subjects {
            shorten(subject, SUBJECT);
        }
        if let Some(reason) = reason {
            shorten(reason, REASON);
        }
        self
    }

    /// What makes two events the same for counting: an event without its reason.
    pub(crate) fn subject(&self) -> Self {
        let mut subject = self.clone();
        match &mut subject {
            Self::Denial { reason, .. }
            | Self::QuarantineEntered { reason, .. }
            | Self::CacheEntryRefused { reason, .. }
            | Self::CacheKeyReplaced { reason, .. } => reason.clear(),
            _ => {}
        }
        subject
    }

    /// Whose share of different subjects a minute it takes.
    pub(crate) fn owner(&self) -> Owner {
        match self {
            Self::Denial { plugin, .. }
            | Self::LimitHit { plugin, .. }
            | Self::QuarantineEntered { plugin, .. }
            | Self::QuarantineLeft { plugin } => Owner::Plugin(plugin.clone()),
            Self::AdminCall { .. } => Owner::Strangers,
            _ => Owner::Host,
        }
    }

    /// Are there only a few subjects of it for each owner, whatever somebody makes up?
    pub(crate) fn is_of_few(&self) -> bool {
        matches!(
            self,
            Self::LimitHit { .. } | Self::QuarantineEntered { .. } | Self::QuarantineLeft { .. }
        )
    }

    /// The event that stands for all of its owner that don't get rows of their own; what can't be told so is dropped and counted.
    pub(crate) fn other(self) -> Option<Self> {
        let others = || OTHERS.to_owned();
        match self {
            Self::Denial { plugin, reason, .. } => Some(Self::Denial {
                plugin,
                to: others(),
                reason,
            }),
            Self::AdminCall { status, .. } => Some(Self::AdminCall {
                method: others(),
                path: others(),
                status,
            }),
            Self::CacheEntryRefused { reason, .. } => Some(Self::CacheEntryRefused {
                file: others(),
                reason,
            }),
            few if few.is_of_few() => Some(few),
            _ => None,
        }
    }
}

/// The rest of the text is given back, not kept behind its end.
fn shorten(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most)
        && text.get(end..) != Some("…")
    {
        *text = format!("{}…", &text[..end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_before_they_are_kept() {
        let long = "ä".repeat(1_000_000);
        let denial = Event::Denial {
            plugin: "p".into(),
            to: long.clone(),
            reason: long,
        };
        let cut = denial.cut();
        assert_eq!(cut.clone().cut(), cut, "once");
        let Event::Denial { to, reason, .. } = cut else {
            panic!("another event")
        };
        assert_eq!(to, "ä".repeat(SUBJECT) + "…");
        assert_eq!(reason, "ä".repeat(REASON) + "…");
        assert!(to.capacity() + reason.capacity() < 8 * (SUBJECT + REASON));
    }

    #[test]
    fn what_fits_stays() {
        let mut text = "a".repeat(SUBJECT);
        shorten(&mut text, SUBJECT);
        assert_eq!(text, "a".repeat(SUBJECT));
    }

    #[test]
    fn the_row_that_verification_looks_for_is_named_so() {
        let event = Event::ChainBroken { fault: "f".into() };
        assert_eq!(serde_json::to_value(event).unwrap()["what"], CHAIN_BROKEN);
    }
}

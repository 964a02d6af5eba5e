//! What is recorded.

use serde::{Serialize, Serializer};

/// Most characters of a text that somebody else wrote: a component must not fill the disk.
const TEXT: usize = 1000;

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
    ChainBroken {
        #[serde(serialize_with = "short")]
        fault: String,
    },
    /// More happened than could be written down.
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
    PluginFailed {
        plugin: String,
        #[serde(serialize_with = "short")]
        error: String,
    },
    /// A plugin may do other things than before.
    GrantChanged {
        plugin: String,
        before: Vec<String>,
        grant: Vec<String>,
    },
    /// A change of the configuration that changed nothing.
    ConfigRefused {
        #[serde(serialize_with = "short")]
        error: String,
    },
    /// A plugin wanted what it isn't granted. `to` is what one row a minute stands for.
    Denial {
        plugin: String,
        #[serde(serialize_with = "short")]
        to: String,
        #[serde(serialize_with = "short")]
        reason: String,
    },
    /// A plugin ran into a limit, named as in the configuration.
    LimitHit { plugin: String, limit: &'static str },
    /// A plugin that kept failing gets no calls for a while.
    QuarantineEntered {
        plugin: String,
        #[serde(serialize_with = "short")]
        reason: String,
    },
    /// It gets calls again.
    QuarantineLeft { plugin: String },
    /// A call of the control plane.
    AdminCall {
        method: String,
        #[serde(serialize_with = "short")]
        path: String,
        status: u16,
    },
}

impl Event {
    /// What makes two events the same for counting: an event without its reason.
    pub(crate) fn subject(&self) -> Self {
        match self.clone() {
            Self::Denial { plugin, to, .. } => Self::Denial {
                plugin,
                to,
                reason: String::new(),
            },
            other => other,
        }
    }

    /// Whose share of different subjects a minute it takes.
    pub(crate) fn owner(&self) -> &str {
        match self {
            Self::Denial { plugin, .. } | Self::LimitHit { plugin, .. } => plugin,
            _ => "",
        }
    }
}

#[expect(clippy::ptr_arg, reason = "serde gives what the field is")]
fn short<S: Serializer>(text: &String, serializer: S) -> Result<S::Ok, S::Error> {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => serializer.collect_str(&format_args!("{}…", &text[..end])),
        None => serializer.serialize_str(text),
    }
}

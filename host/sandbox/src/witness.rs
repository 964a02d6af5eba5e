//! Who is told when a plugin is refused something or runs into a limit.

use std::sync::Arc;

use types::{Error, ErrorCode};
use url::Url;

use crate::egress::{Outgoing, Response};
use crate::state::Shared;

/// Is told what plugins tried. It is called in the middle of calls, by many threads, and must not wait.
pub trait Witness: Send + Sync {
    /// The plugin wanted what it isn't granted. `to`: method and origin, or the thing's name; it is the component's text, and may be
    /// a new one each time.
    fn refused(&self, plugin: &str, to: &str, reason: &str);

    /// The plugin ran into a limit, named by its key of `[plugin.limits]`; `load` and `answer` are the host's own.
    fn limited(&self, plugin: &str, limit: &'static str);

    /// The plugin gets no calls for a while, for this reason; without one, it gets calls again.
    fn quarantined(&self, plugin: &str, reason: Option<&str>);
}

/// Nobody is told.
pub(crate) struct Nobody;

impl Witness for Nobody {
    fn refused(&self, _: &str, _: &str, _: &str) {}
    fn limited(&self, _: &str, _: &'static str) {}
    fn quarantined(&self, _: &str, _: Option<&str>) {}
}

/// The witness of a sandbox and its clones. It is set once, before plugins are loaded.
pub(crate) type Told = Arc<dyn Witness>;

/// Tells of one plugin's limits.
#[derive(Clone)]
pub(crate) struct Limited {
    pub(crate) plugin: String,
    pub(crate) witness: Told,
}

impl Limited {
    /// The plugin ran into this limit.
    pub(crate) fn hit(&self, limit: &'static str) {
        self.witness.limited(&self.plugin, limit);
    }
}

impl Shared {
    /// Sends what a component wants to send, if that is granted. All ways out of a sandbox lead through here.
    pub(crate) async fn send(&self, out: Outgoing) -> Result<Response, Error> {
        let to = target(&out);
        let sent = self.egress.send(out).await;
        if let Err(error) = &sent
            && error.code == ErrorCode::RefusedByPolicy
        {
            self.refused(&to, error);
        }
        sent
    }

    /// Tells of a refusal.
    pub(crate) fn refused(&self, to: &str, error: &Error) {
        self.witness.refused(&self.name, to, &error.message);
    }

    /// Tells of a limit.
    pub(crate) fn limited(&self, limit: &'static str) {
        self.witness.limited(&self.name, limit);
    }
}

/// Method and origin. A path or query would make a new row of every request.
fn target(out: &Outgoing) -> String {
    match Url::parse(&out.url) {
        Ok(url) => format!("{} {}", out.method, url.origin().ascii_serialization()),
        Err(_) => format!("{} no URL", out.method),
    }
}

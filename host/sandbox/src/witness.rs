//! Who is told when a plugin is refused something or runs into a limit.

use std::sync::Arc;

use types::{Error, ErrorCode};

use crate::compile::Replaced;
use crate::egress::Response;
use crate::outgoing::Outgoing;
use crate::state::Shared;
use crate::traffic::Traffic;

/// Most bytes that are told of what a plugin wanted, and of why it didn't get it.
const TO: usize = 200;
const REASON: usize = 1000;

/// Is told what plugins tried. It is called in the middle of calls, by many threads, and must not wait.
pub trait Witness: Send + Sync {
    /// The plugin wanted what it isn't granted. `to`: method and origin, or the thing's name; it is the component's text, and may be
    /// a new one each time.
    fn refused(&self, plugin: &str, to: &str, reason: &str);

    /// The plugin ran into a limit, named by its key of `[plugin.limits]`; `load` and `answer` are the host's own.
    fn limited(&self, plugin: &str, limit: &'static str);

    /// The plugin gets no calls for a while, for this reason; without one, it gets calls again.
    fn quarantined(&self, plugin: &str, reason: Option<&str>);

    /// A file of the compile cache was not used.
    fn replaced(&self, file: &Replaced);
}

/// Nobody is told.
pub(crate) struct Nobody;

impl Witness for Nobody {
    fn refused(&self, _: &str, _: &str, _: &str) {}
    fn limited(&self, _: &str, _: &'static str) {}
    fn quarantined(&self, _: &str, _: Option<&str>) {}
    fn replaced(&self, _: &Replaced) {}
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
        let to = out.target();
        let traffic = self.traffic(&out);
        let sent = self.egress.send(out).await;
        if let Some(traffic) = traffic {
            traffic.tell(&self.name, &sent);
        }
        if let Err(error) = &sent
            && error.code == ErrorCode::RefusedByPolicy
        {
            self.refused(&to, error);
        }
        sent
    }

    /// What is told of a request once it is answered, where somebody listens.
    fn traffic(&self, out: &Outgoing) -> Option<Traffic> {
        Traffic::is_told().then(|| Traffic::of(out, &self.egress))
    }

    /// Tells of a refusal.
    pub(crate) fn refused(&self, to: &str, error: &Error) {
        // The component's own text, of any length.
        let cut = |text: &'_ str, most| text[..text.floor_char_boundary(most)].to_owned();
        let (to, reason) = (cut(to, TO), cut(&error.message, REASON));
        self.witness.refused(&self.name, &to, &reason);
    }

    /// Tells of a limit.
    pub(crate) fn limited(&self, limit: &'static str) {
        self.witness.limited(&self.name, limit);
    }

    /// Tells of limits wherever it is given to.
    pub(crate) fn limits(&self) -> Limited {
        Limited {
            plugin: self.name.clone(),
            witness: self.witness.clone(),
        }
    }
}

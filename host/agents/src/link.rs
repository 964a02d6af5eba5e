//! Leads from a tool that a session calls to those who listen.

use calls::Calls;
use futures::future::BoxFuture;
use tools::Link;
use types::Error;
use types::config::Sample;
use types::session::Live;
use types::tool::{Elicited, NoticeLevel, SampleRequest, Sampled};

use crate::hub::{Hub, News};

/// Behind a call of a session.
pub(crate) struct SessionLink {
    pub(crate) calls: Calls,
    pub(crate) hub: Hub,
    pub(crate) owner: String,
    pub(crate) session: String,
    pub(crate) turn: String,
    pub(crate) call: String,
}

impl Link for SessionLink {
    fn progress(&self, done: f64, total: Option<f64>, message: Option<String>) {
        let live = Live::Progress {
            turn: self.turn.clone(),
            call: self.call.clone(),
            done,
            total,
            message,
        };
        self.hub.tell(&self.session, News::Live(live));
    }

    fn notify(&self, level: NoticeLevel, _: Option<String>, data: String) {
        tracing::debug!(
            session = self.session,
            call = self.call,
            ?level,
            data,
            "a tool's notice"
        );
    }

    fn elicit(&self, _: String, _: String) -> BoxFuture<'_, Result<Elicited, Error>> {
        // People answer sessions by approvals, hours later: a call doesn't wait for them.
        Box::pin(async { Err(tools::no_person()) })
    }

    fn sample<'a>(
        &'a self,
        granted: &'a Sample,
        request: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>> {
        Box::pin(self.calls.sample(&self.owner, granted, request))
    }
}

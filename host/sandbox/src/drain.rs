//! The end of a plugin that another has replaced: its calls may go on for a while.

use std::future::Future;

use tokio::time::{Instant, timeout_at};
use types::{Error, ErrorCode};

use crate::call;
use crate::plugin::{Guest, Plugin};

/// Why a call was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// It took longer than a call may.
    Deadline,
    /// Its plugin was replaced, and it took longer than it may then.
    Drained,
}

impl Plugin {
    /// Calls that run, or that wait for their instance.
    pub fn in_flight(&self) -> usize {
        let permits = match &self.guest {
            Guest::Accelerator(kept) => &kept.permits,
            _ => &self.permits,
        };
        self.bounds
            .concurrency
            .saturating_sub(permits.available_permits())
    }

    /// Ends the calls that run now, each with an error that says so. Calls that come later are none of them.
    pub fn end_calls(&self) {
        self.ending.send_replace(());
    }

    /// What a call comes to, unless it is ended before.
    pub(crate) async fn within<T>(
        &self,
        until: Instant,
        call: impl Future<Output = T>,
    ) -> Result<T, Overdue> {
        let mut ending = self.ending.subscribe();
        tokio::select! {
            outcome = timeout_at(until, call) => outcome.map_err(|_| Overdue::Deadline),
            Ok(()) = ending.changed() => Err(Overdue::Drained),
        }
    }

    /// What whoever made the call is told.
    pub(crate) fn overdue(&self, why: Overdue) -> Error {
        match why {
            Overdue::Deadline => call::timed_out(&self.shared, "deadline", self.bounds.deadline),
            Overdue::Drained => {
                let message = format!(
                    "the plugin {:?} was replaced, and this call did not end within limits.drain: call again",
                    self.name()
                );
                Error::new(ErrorCode::Overloaded, message).of(self.name())
            }
        }
    }
}

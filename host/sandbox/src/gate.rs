//! What lets calls through to a plugin, and hears what came of them: [`Health`] with a clock and a lock.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Serialize, Serializer};
use types::{Error, ErrorCode};

use crate::health::{Health, Standing, Ticket, Verdict};
use crate::witness::Told;

/// A plugin's health, as others see and change it. Serialised, it is the health of that moment.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    plugin: String,
    health: Mutex<Health>,
    witness: Told,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("plugin", &self.plugin)
            .field("health", &self.health)
            .finish()
    }
}

/// A call that was let through. Dropped without a verdict, it says nothing about the plugin.
pub(crate) struct Pass {
    gate: Gate,
    ticket: Ticket,
    told: bool,
}

impl Gate {
    pub(crate) fn new(plugin: &str, witness: Told) -> Self {
        Self(Arc::new(Inner {
            plugin: plugin.into(),
            health: Mutex::default(),
            witness,
        }))
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// The plugin is in quarantine; why, and when to come again.
    pub(crate) fn admit(&self) -> Result<Pass, Error> {
        let mut health = self.lock();
        let before = health.standing;
        let admitted = health.admit(Instant::now());
        self.changed(before, &health);
        match admitted {
            Ok(ticket) => Ok(Pass {
                gate: self.clone(),
                ticket,
                told: false,
            }),
            Err(wait) => {
                let (plugin, seconds) = (&self.0.plugin, wait.as_secs() + 1);
                let message = format!(
                    "the plugin {plugin:?} is in quarantine: it failed {} times in a row, last: {}; it is tried again within {seconds} s",
                    health.failures, health.last
                );
                let mut error = Error::new(ErrorCode::Overloaded, message).of(plugin);
                error.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                Err(error)
            }
        }
    }

    fn tell(&self, ticket: Ticket, verdict: Verdict) {
        let mut health = self.lock();
        let before = health.standing;
        health.tell(ticket, verdict, Instant::now());
        self.changed(before, &health);
    }

    /// Every change of a plugin's standing is told here, once.
    fn changed(&self, before: Standing, health: &Health) {
        let (plugin, failures) = (&self.0.plugin, health.failures);
        match health.standing {
            now if now == before => {}
            Standing::Quarantined(until) => {
                let seconds = until
                    .saturating_duration_since(Instant::now())
                    .as_secs_f32();
                let error = &health.last;
                tracing::warn!(target: "audit", plugin, failures, seconds = seconds.round(), error, "quarantined");
                self.0.witness.quarantined(plugin, Some(error));
            }
            Standing::Probing(_) => {
                tracing::info!(target: "audit", plugin, failures, "probed: one call is let through");
            }
            Standing::Healthy => {
                tracing::info!(target: "audit", plugin, failures, "out of quarantine");
                self.0.witness.quarantined(plugin, None);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.0.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Serialize for Gate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Seen<'a> {
            state: &'static str,
            failures: u32,
            #[serde(skip_serializing_if = "str::is_empty")]
            last_error: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            seconds_left: Option<u64>,
        }
        let health = self.lock();
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let (state, seconds_left) = match health.standing {
            Standing::Healthy => ("healthy", None),
            Standing::Quarantined(until) => ("quarantined", Some(left(until).as_secs())),
            Standing::Probing(_) => ("probing", None),
        };
        Seen {
            state,
            failures: health.failures,
            last_error: &health.last,
            seconds_left,
        }
        .serialize(serializer)
    }
}

impl Pass {
    /// The answer has begun.
    pub(crate) fn began(&self) {
        if self.ticket.probe {
            self.gate.tell(self.ticket, Verdict::Began);
        }
    }

    pub(crate) fn tell(mut self, verdict: Verdict) {
        self.told = true;
        self.gate.tell(self.ticket, verdict);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.told {
            self.gate.tell(self.ticket, Verdict::Unknown);
        }
    }
}

/// What a call's outcome says about a plugin.
pub(crate) fn verdict<T>(plugin: &str, outcome: &Result<T, Error>) -> Verdict {
    let Err(error) = outcome else {
        return Verdict::Worked;
    };
    match error.code {
        // An accelerator's, passed on.
        _ if error.plugin.as_deref().is_some_and(|at| at != plugin) => Verdict::Unknown,
        ErrorCode::PluginFailed => Verdict::Failed(error.message.clone()),
        // The host's own, or nobody knows who was slow.
        ErrorCode::Internal | ErrorCode::Cancelled | ErrorCode::TimedOut => Verdict::Unknown,
        ErrorCode::Overloaded | ErrorCode::TooLarge if error.upstream.is_none() => Verdict::Unknown,
        _ => Verdict::Worked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::witness::Nobody;

    #[test]
    fn vendors_and_clients_faults_are_not_the_plugin_s() {
        let of =
            |code, plugin: &str| verdict::<()>("p", &Err(Error::new(code, "as asked").of(plugin)));
        let failed = Verdict::Failed("as asked".into());
        assert_eq!(of(ErrorCode::PluginFailed, "p"), failed);
        assert_eq!(of(ErrorCode::PluginFailed, "accelerator"), Verdict::Unknown);
        assert_eq!(of(ErrorCode::Internal, "p"), Verdict::Unknown);
        assert_eq!(of(ErrorCode::TimedOut, "p"), Verdict::Unknown);
        assert_eq!(of(ErrorCode::Overloaded, "p"), Verdict::Unknown);
        for code in [
            ErrorCode::BadRequest,
            ErrorCode::Unauthorised,
            ErrorCode::RateLimited,
            ErrorCode::Upstream,
        ] {
            assert_eq!(of(code, "p"), Verdict::Worked);
        }
        assert_eq!(verdict("p", &Ok(())), Verdict::Worked);
    }

    #[test]
    fn what_operators_see() {
        let gate = Gate::new("p", Arc::new(Nobody));
        let seen = |gate: &Gate| serde_json::to_value(gate).unwrap();
        assert_eq!(
            seen(&gate),
            serde_json::json!({ "state": "healthy", "failures": 0 })
        );
        for _ in 0..5 {
            let pass = gate.admit().unwrap();
            pass.tell(Verdict::Failed("it trapped".into()));
        }
        let refused = gate.admit().err().unwrap();
        assert_eq!(
            (refused.status(), refused.plugin.as_deref()),
            (503, Some("p"))
        );
        assert!(refused.retry_after_ms.is_some_and(|wait| wait <= 1000));
        assert!(
            refused
                .message
                .contains("5 times in a row, last: it trapped"),
            "{refused}"
        );
        assert_eq!(seen(&gate)["state"], "quarantined");
        assert_eq!(seen(&gate)["last_error"], "it trapped");
        assert_eq!(seen(&gate)["seconds_left"], 0);
    }
}

//! A new revision on trial: it gets a share of the calls, and what comes of them decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::Notify;
use types::config::Canary as Trial;

use crate::revision::Revision;

/// So many errors are no accident.
const ERRORS: u64 = 3;

/// A quantile of the normal distribution: a difference that chance makes in one of two thousand looks. There are many looks.
const CERTAIN: f64 = 3.29;

/// What came of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Calls that ended, but those whose client went away before.
    pub calls: u64,
    /// Those of them that were answered with an error.
    pub errors: u64,
}

impl Counts {
    fn rate(self) -> f64 {
        match self.calls {
            0 => 0.0,
            calls => self.errors as f64 / calls as f64,
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(before.calls),
            errors: self.errors.saturating_sub(before.errors),
        }
    }
}

/// Counts what comes of a revision's calls.
pub(crate) struct Outcomes {
    calls: AtomicU64,
    errors: AtomicU64,
    on_trial: AtomicBool,
    judge: Arc<Notify>,
}

impl Outcomes {
    /// `judge` is woken by calls of a revision that is on trial.
    pub(crate) fn new(judge: Arc<Notify>) -> Self {
        Self {
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            on_trial: AtomicBool::new(false),
            judge,
        }
    }

    pub(crate) fn count(&self, failed: bool) {
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.on_trial.load(Ordering::Relaxed) {
            self.judge.notify_one();
        }
    }

    pub(crate) fn now(&self) -> Counts {
        Counts {
            calls: self.calls.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
        }
    }
}

/// A revision on trial.
#[derive(Clone)]
pub(crate) struct Canary {
    pub(crate) revision: Arc<Revision>,
    pub(crate) trial: Trial,
    /// The one that it may replace, and what was counted of both when the trial began.
    old: Arc<Revision>,
    began: (Counts, Counts),
}

impl Canary {
    pub(crate) fn begin(revision: Arc<Revision>, old: Arc<Revision>, trial: Trial) -> Self {
        let began = (revision.outcomes.now(), old.outcomes.now());
        revision.outcomes.on_trial.store(true, Ordering::Relaxed);
        Self {
            revision,
            trial,
            old,
            began,
        }
    }

    /// Its calls, and those of the other in the same time.
    pub(crate) fn counts(&self) -> (Counts, Counts) {
        let (new, old) = self.began;
        (
            self.revision.outcomes.now().since(new),
            self.old.outcomes.now().since(old),
        )
    }

    /// Is it the trial of this revision, beside that one?
    pub(crate) fn is(&self, new: &Arc<Revision>, old: &Arc<Revision>, trial: Trial) -> bool {
        Arc::ptr_eq(&self.revision, new) && Arc::ptr_eq(&self.old, old) && self.trial == trial
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let (new, old) = self.counts();
        verdict(new, old, self.trial.promote_after)
    }
}

/// What a trial has come to.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing yet.
    Wait,
    /// It is as good as the other.
    Promote,
    /// It is worse, so.
    TakeBack(String),
}

/// Holds the errors of a revision on trial against those of the other: the test of two proportions,
/// <https://en.wikipedia.org/wiki/Two-proportion_Z-test>.
fn verdict(new: Counts, old: Counts, promote_after: Option<u64>) -> Verdict {
    let worse = new.errors >= ERRORS
        && new.rate() > old.rate()
        // Without calls of the other nobody knows whether the vendor is down.
        && match old.calls {
            0 => false,
            _ => {
                let (n, m) = (new.calls as f64, old.calls as f64);
                let both = (new.errors + old.errors) as f64 / (n + m);
                let spread = (both * (1.0 - both) * (1.0 / n + 1.0 / m)).sqrt();
                // All of both failed: then it is not worse.
                spread > 0.0 && (new.rate() - old.rate()) / spread > CERTAIN
            }
        };
    if worse {
        return Verdict::TakeBack(format!(
            "{} of its {} calls failed, and of the other's {} in the same time {}",
            new.errors, new.calls, old.calls, old.errors
        ));
    }
    match promote_after {
        Some(enough) if new.calls >= enough && new.rate() <= old.rate().max(0.01) => {
            Verdict::Promote
        }
        _ => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(errors: u64, calls: u64) -> Counts {
        Counts { calls, errors }
    }

    fn is_taken_back(new: Counts, old: Counts) -> bool {
        matches!(verdict(new, old, None), Verdict::TakeBack(_))
    }

    #[test]
    fn a_worse_revision_is_taken_back_and_an_equal_one_is_not() {
        assert!(is_taken_back(counts(3, 3), counts(0, 27)));
        assert!(is_taken_back(counts(10, 20), counts(10, 180)));
        assert!(is_taken_back(counts(8, 8), counts(0, 4)));
        assert!(!is_taken_back(counts(8, 8), counts(0, 0)));
        // A vendor that is down fails both.
        assert!(!is_taken_back(counts(20, 20), counts(180, 180)));
        assert!(!is_taken_back(counts(10, 100), counts(95, 900)));
        // One or two may be an accident.
        assert!(!is_taken_back(counts(2, 2), counts(0, 1000)));
        assert!(!is_taken_back(counts(0, 50), counts(5, 50)));
        assert!(!is_taken_back(counts(0, 0), counts(0, 0)));
    }

    #[test]
    fn it_is_promoted_when_it_is_healthy_and_that_was_asked_for() {
        let good = counts(0, 100);
        assert_eq!(verdict(good, counts(0, 900), None), Verdict::Wait);
        assert_eq!(verdict(good, counts(0, 900), Some(101)), Verdict::Wait);
        assert_eq!(verdict(good, counts(0, 900), Some(100)), Verdict::Promote);
        // Not certainly worse, but not as good either.
        assert_eq!(
            verdict(counts(2, 100), counts(1, 900), Some(100)),
            Verdict::Wait
        );
    }
}

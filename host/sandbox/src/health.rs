//! Whether a plugin may be called: a state machine, to which others tell the time. One that fails again and again is left alone
//! for a while; then one call is its probe.

use std::time::{Duration, Instant};

/// So many failures in a row are no accident.
const FAILURES: u32 = 5;

/// The first quarantine. Each that follows without a success between them is twice as long.
const FIRST: Duration = Duration::from_secs(1);

/// The longest quarantine.
const LONGEST: Duration = Duration::from_secs(300);

/// A probe that has no verdict after this is not waited for.
const PROBE: Duration = Duration::from_secs(30);

/// How a plugin has done.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) standing: Standing,
    /// In a row.
    pub(crate) failures: u32,
    /// What the last failure was.
    pub(crate) last: String,
    /// Quarantines since the last success.
    rounds: u32,
    /// Calls of an earlier one say nothing about now.
    era: u64,
}

/// Whether it may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Yes. After a quarantine and before a success, the first failure is one too many.
    Healthy,
    /// No, until then.
    Quarantined(Instant),
    /// By one call, which runs since then.
    Probing(Instant),
}

/// A call that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    era: u64,
    /// Nobody else is let through before this one has a verdict.
    pub(crate) probe: bool,
}

/// What came of a call, as far as the plugin is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It did what it should, if only to pass on an error that is another's.
    Worked,
    /// Its answer has begun: enough for a probe to let others through, not enough to forget what was.
    Began,
    /// It failed, so.
    Failed(String),
    /// Nobody knows: the call was cancelled, or did not get as far as the plugin.
    Unknown,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            standing: Standing::Healthy,
            failures: 0,
            last: String::new(),
            rounds: 0,
            era: 0,
        }
    }
}

impl Health {
    /// Lets a call through.
    ///
    /// # Errors
    /// When to ask again.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Ticket, Duration> {
        let probe = match self.standing {
            Standing::Healthy => false,
            Standing::Quarantined(until) if until <= now => {
                self.standing = Standing::Probing(now);
                self.era += 1;
                true
            }
            Standing::Quarantined(until) => return Err(until - now),
            // A slow vendor, or a large request: another may tell sooner.
            Standing::Probing(since) if now.saturating_duration_since(since) >= PROBE => {
                self.standing = Standing::Probing(now);
                self.era += 1;
                true
            }
            Standing::Probing(_) => return Err(FIRST),
        };
        let era = self.era;
        Ok(Ticket { era, probe })
    }

    /// Takes what came of a call; each may say `Began` and then one other.
    pub(crate) fn tell(&mut self, ticket: Ticket, verdict: Verdict, now: Instant) {
        if ticket.era != self.era {
            return;
        }
        match verdict {
            Verdict::Began => self.standing = Standing::Healthy,
            Verdict::Worked => {
                *self = Self {
                    era: self.era,
                    ..Self::default()
                };
            }
            Verdict::Failed(why) => {
                self.failures = self.failures.saturating_add(1);
                self.last = why;
                if self.failures >= FAILURES || self.rounds > 0 {
                    let doubled = FIRST.saturating_mul(1 << self.rounds.min(16));
                    self.standing = Standing::Quarantined(now + doubled.min(LONGEST));
                    self.rounds = self.rounds.saturating_add(1);
                    self.era += 1;
                }
            }
            Verdict::Unknown if matches!(self.standing, Standing::Probing(_)) => {
                self.standing = Standing::Quarantined(now);
            }
            Verdict::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failed() -> Verdict {
        Verdict::Failed("as asked".into())
    }

    fn fail_in_a_row(health: &mut Health, now: Instant, times: u32) {
        for _ in 0..times {
            let ticket = health.admit(now).unwrap();
            health.tell(ticket, failed(), now);
        }
    }

    #[test]
    fn five_failures_in_a_row_and_a_success_after() {
        let (mut health, now) = (Health::default(), Instant::now());
        fail_in_a_row(&mut health, now, FAILURES - 1);
        let ticket = health.admit(now).unwrap();
        health.tell(ticket, Verdict::Worked, now);
        fail_in_a_row(&mut health, now, FAILURES);
        assert_eq!(health.admit(now), Err(FIRST));
        let probe = health.admit(now + FIRST).unwrap();
        assert!(probe.probe && health.admit(now + FIRST).is_err());
        health.tell(probe, Verdict::Worked, now + FIRST);
        fail_in_a_row(&mut health, now, FAILURES - 1);
        assert!(health.admit(now).is_ok());
    }

    #[test]
    fn each_quarantine_is_twice_as_long_up_to_the_longest() {
        let (mut health, mut now) = (Health::default(), Instant::now());
        fail_in_a_row(&mut health, now, FAILURES);
        let mut times = Vec::new();
        for _ in 0..40 {
            let wait = health.admit(now).unwrap_err();
            times.push(wait.as_secs());
            now += wait;
            fail_in_a_row(&mut health, now, 1);
        }
        assert_eq!(times[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(times[10..].iter().all(|wait| *wait == 300));
    }

    #[test]
    fn a_cancelled_probe_gives_its_place_to_the_next() {
        let (mut health, now) = (Health::default(), Instant::now());
        fail_in_a_row(&mut health, now, FAILURES);
        let later = now + FIRST;
        let probe = health.admit(later).unwrap();
        health.tell(probe, Verdict::Unknown, later);
        assert!(health.admit(later).unwrap().probe);
        // Whatever the one before has to say now.
        health.tell(probe, Verdict::Worked, later);
        assert!(health.admit(later).is_err());
    }

    #[test]
    fn a_long_probe_lets_others_through_once_its_answer_begins_and_still_counts() {
        let (mut health, now) = (Health::default(), Instant::now());
        fail_in_a_row(&mut health, now, FAILURES);
        let later = now + FIRST;
        let probe = health.admit(later).unwrap();
        health.tell(probe, Verdict::Began, later);
        assert!(!health.admit(later).unwrap().probe);
        health.tell(probe, failed(), later);
        assert_eq!(health.admit(later), Err(2 * FIRST));
    }

    #[test]
    fn a_probe_without_an_end_is_not_waited_for() {
        let (mut health, now) = (Health::default(), Instant::now());
        fail_in_a_row(&mut health, now, FAILURES);
        let later = now + FIRST;
        let slow = health.admit(later).unwrap();
        assert!(health.admit(later + PROBE / 2).is_err());
        let quick = health.admit(later + PROBE).unwrap();
        assert!(quick.probe && health.admit(later + PROBE).is_err());
        health.tell(slow, failed(), later + PROBE);
        health.tell(quick, Verdict::Worked, later + PROBE);
        assert_eq!(health.standing, Standing::Healthy);
    }

    #[test]
    fn calls_from_before_a_quarantine_change_nothing() {
        let (mut health, now) = (Health::default(), Instant::now());
        let old: Vec<_> = (0..20).map(|_| health.admit(now).unwrap()).collect();
        fail_in_a_row(&mut health, now, FAILURES);
        for ticket in &old {
            health.tell(*ticket, failed(), now);
        }
        assert_eq!(health.admit(now), Err(FIRST));
        health.tell(old[0], Verdict::Worked, now);
        assert_eq!(health.admit(now), Err(FIRST));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Admit,
        Tell(prop::sample::Index, Verdict),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let verdict = prop_oneof![
            3 => Just(failed()),
            1 => Just(Verdict::Worked),
            1 => Just(Verdict::Began),
            1 => Just(Verdict::Unknown),
        ];
        prop_oneof![
            Just(Step::Admit),
            (any::<prop::sample::Index>(), verdict).prop_map(|(i, v)| Step::Tell(i, v)),
            (0_u64..400_000).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn it_is_never_stuck_and_never_lenient(steps in prop::collection::vec(step(), 0..200)) {
            let (mut health, mut now) = (Health::default(), Instant::now());
            let mut open: Vec<Ticket> = Vec::new();
            for step in steps {
                let before = health.standing;
                match step {
                    Step::Wait(milliseconds) => now += Duration::from_millis(milliseconds),
                    Step::Admit => match health.admit(now) {
                        Ok(ticket) => {
                            let due = match before {
                                Standing::Healthy => false,
                                Standing::Quarantined(until) => until <= now,
                                Standing::Probing(since) => now - since >= PROBE,
                            };
                            prop_assert!(due || before == Standing::Healthy);
                            prop_assert_eq!(due, ticket.probe);
                            open.push(ticket);
                        }
                        Err(wait) => {
                            prop_assert!(before != Standing::Healthy && wait <= LONGEST);
                        }
                    },
                    Step::Tell(which, verdict) if !open.is_empty() => {
                        let at = which.index(open.len());
                        let ticket = match verdict {
                            Verdict::Began => open[at],
                            _ => open.swap_remove(at),
                        };
                        health.tell(ticket, verdict.clone(), now);
                        // Only a failure shuts it, and only a call that was let through since then opens it.
                        let shut = |standing| matches!(standing, Standing::Quarantined(_));
                        if before == Standing::Healthy && shut(health.standing) {
                            prop_assert_eq!(&verdict, &failed());
                        }
                        if shut(before) {
                            prop_assert_eq!(before, health.standing);
                        }
                    }
                    Step::Tell(..) => {}
                }
            }
            for ticket in open {
                health.tell(ticket, Verdict::Unknown, now);
            }
            let ticket = health.admit(now + LONGEST);
            prop_assert!(ticket.is_ok());
            health.tell(ticket.unwrap(), Verdict::Worked, now);
            prop_assert_eq!(health.standing, Standing::Healthy);
        }
    }
}

//! Where an agent stops: our own `evenhand: {"limits": {…}}`, and the vendor's `spend_control`.

use serde_json::{Value, json};
use types::{
    Error,
    session::{Agent, AgentLimits, Session},
};

use crate::field::Object;

/// US cents of a dollar.
const CENTS: f64 = 100.0;

/// What a request sets of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Limits {
    steps: Option<u32>,
    seconds: Option<u64>,
    tokens: Option<Option<u64>>,
    usd: Option<Option<f64>>,
}

impl Limits {
    /// Reads what a request has of them, and takes it out.
    pub(super) fn read(body: &mut Object) -> Result<Self, Error> {
        let mut read = Self::default();
        if let Some(mut ours) = body.opt::<Object>("evenhand")? {
            if let Some(mut limits) = ours.opt::<Object>("limits")? {
                read = Self {
                    steps: limits.opt("steps")?,
                    seconds: limits.opt("seconds")?,
                    tokens: limits.change("tokens")?,
                    usd: limits.change("usd")?,
                };
                read.check(&limits)?;
                limits.nothing_else()?;
            }
            ours.nothing_else()?;
        }
        if let Some(mut control) = body.opt::<Object>("spend_control")? {
            if let Some(cents) = control.opt::<u32>("limit")? {
                if cents == 0 {
                    return Err(control.wrong("limit", "must be at least 1 US cent"));
                }
                let usd = f64::from(cents) / CENTS;
                read.usd = Some(least(read.usd.flatten(), Some(usd)));
            }
            control.nothing_else()?;
        }
        Ok(read)
    }

    fn check(&self, at: &Object) -> Result<(), Error> {
        let wrong = [
            ("steps", self.steps == Some(0)),
            ("seconds", self.seconds == Some(0)),
            ("tokens", self.tokens.flatten() == Some(0)),
            ("usd", self.usd.flatten().is_some_and(|usd| usd <= 0.0)),
        ];
        match wrong.into_iter().find(|(_, wrong)| *wrong) {
            Some((key, _)) => Err(at.wrong(key, "must be more than 0")),
            None => Ok(()),
        }
    }

    /// The same, with what another request sets before it.
    pub(super) fn after(self, first: Self) -> Self {
        Self {
            steps: self.steps.or(first.steps),
            seconds: self.seconds.or(first.seconds),
            tokens: self.tokens.or(first.tokens),
            usd: self.usd.or(first.usd),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Sets them.
    pub(super) fn set(&self, limits: &mut AgentLimits) {
        *limits = AgentLimits {
            steps: self.steps.unwrap_or(limits.steps),
            seconds: self.seconds.unwrap_or(limits.seconds),
            tokens: self.tokens.unwrap_or(limits.tokens),
            usd: self.usd.unwrap_or(limits.usd),
        };
    }

    /// Sets them where they are stricter than what the agent has.
    pub(super) fn tighten(&self, limits: &mut AgentLimits) {
        let had = *limits;
        self.set(limits);
        *limits = AgentLimits {
            steps: limits.steps.min(had.steps),
            seconds: limits.seconds.min(had.seconds),
            tokens: least(limits.tokens, had.tokens),
            usd: least(limits.usd, had.usd),
        };
    }
}

/// The stricter of two; absent: no limit.
fn least<T: PartialOrd>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other < one { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// Those of an agent, in our own field.
pub(super) fn ours(agent: &Agent) -> Value {
    let AgentLimits {
        steps,
        tokens,
        usd,
        seconds,
    } = agent.limits;
    json!({ "limits": { "steps": steps, "tokens": tokens, "usd": usd, "seconds": seconds } })
}

/// What a session spent and may spend, in whole US cents.
pub(super) fn spend(session: &Session) -> Value {
    // Sums of prices are a little off: a cent that is nearly full is full.
    let consumed = session.usd.map(|usd| (usd * CENTS + 1e-6).floor() as i64);
    let limit = session.agent.limits.usd;
    let limit = limit.map(|usd| (usd * CENTS).round() as i64);
    json!({ "consumed": consumed, "limit": limit })
}

//! Hosted agents, and what models cost.

use serde::Deserialize;

use super::{matches, matches_any};
use crate::session::{Agent as SessionAgent, AgentLimits};

/// `[[agent]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its name; as a model it is `agent/NAME`.
    pub name: String,
    /// The model that it asks: a route or `plugin/model`.
    pub model: String,
    /// What it is told first.
    #[serde(default)]
    pub instructions: Option<String>,
    /// Tools that it may call: `plugin/tool`, or prefixes that end in `*`.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Those of them that need a person's yes.
    #[serde(default)]
    pub approve: Vec<String>,
    /// Where it stops.
    #[serde(default)]
    pub limits: AgentLimits,
}

impl From<&Agent> for SessionAgent {
    fn from(agent: &Agent) -> Self {
        Self {
            id: agent.name.clone(),
            name: Some(agent.name.clone()),
            model: agent.model.clone(),
            instructions: agent.instructions.clone(),
            tools: agent.tools.clone(),
            approve: agent.approve.clone(),
            functions: Vec::new(),
            limits: agent.limits,
            effort: None,
            output: None,
            metadata: Default::default(),
            created: 0,
            updated: 0,
        }
    }
}

impl SessionAgent {
    /// May it call this tool?
    pub fn may_call(&self, tool: &str) -> bool {
        matches_any(&self.tools, tool)
    }

    /// Does a call of this tool need a person's yes?
    pub fn needs_approval(&self, tool: &str) -> bool {
        matches_any(&self.approve, tool)
    }
}

/// `[[price]]`: US dollars for a million tokens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// `plugin/model`, or a prefix that ends in `*`. The first that fits counts.
    pub model: String,
    /// Tokens read.
    pub input: f64,
    /// Of these, those from a cache; absent: as the others.
    #[serde(default)]
    pub cached: Option<f64>,
    /// Tokens written.
    pub output: f64,
}

impl Price {
    /// Is it this target's?
    pub fn is_of(&self, target: &str) -> bool {
        matches(&self.model, target)
    }

    /// What an answer cost, in US dollars.
    pub fn of(&self, tokens: &crate::session::Tokens) -> f64 {
        let cached = tokens.cached.min(tokens.input);
        let fresh = (tokens.input - cached) as f64;
        let cached = cached as f64 * self.cached.unwrap_or(self.input);
        (fresh * self.input + cached + tokens.output as f64 * self.output) / 1e6
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let all = [Some(self.input), self.cached, Some(self.output)];
        match all
            .into_iter()
            .flatten()
            .all(|usd| usd.is_finite() && usd >= 0.0)
        {
            true => Ok(()),
            false => Err(format!(
                "price of {:?}: a price is a number from 0",
                self.model
            )),
        }
    }
}

impl Agent {
    /// `has_price`: whether each target of a model has one.
    pub(super) fn check(&self, has_price: impl Fn(&str) -> bool) -> Result<(), String> {
        let name = &self.name;
        if name.is_empty()
            || !name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        {
            return Err(format!(
                "agent name {name:?}: use letters, digits, `-`, `_` and `.`"
            ));
        }
        if self.model.starts_with("agent/") {
            return Err(format!(
                "agent {name:?}: its model {:?} is an agent, and agents ask models",
                self.model
            ));
        }
        let limits = &self.limits;
        if limits.steps == 0
            || limits.seconds == 0
            || limits.tokens == Some(0)
            || limits.usd.is_some_and(|usd| !usd.is_finite() || usd <= 0.0)
        {
            return Err(format!(
                "agent {name:?}: a limit of 0 would let nothing run"
            ));
        }
        if limits.usd.is_some() && !has_price(&self.model) {
            return Err(format!(
                "agent {name:?}: limits.usd needs a [[price]] for each target of its model {:?}",
                self.model
            ));
        }
        let idle = self.approve.iter().find(|rule| {
            let covered = |tool: &String| {
                matches(tool, rule.trim_end_matches('*'))
                    || matches(rule, tool.trim_end_matches('*'))
            };
            !self.tools.iter().any(covered)
        });
        if let Some(rule) = idle {
            return Err(format!(
                "agent {name:?}: approve has {rule:?}, which is none of its tools"
            ));
        }
        Ok(())
    }
}

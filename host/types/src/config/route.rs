//! Names that stand for several models.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// `[[route]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The name that clients use.
    pub model: String,
    /// How a target is chosen.
    #[serde(default)]
    pub policy: Policy,
    /// The targets.
    pub targets: Vec<RouteTarget>,
}

/// How a route chooses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The first that works, in the order written.
    #[default]
    Priority,
    /// At random by `weight`, then the others.
    Weighted,
}

/// A target of a route.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTarget {
    /// Where the calls go.
    pub model: Target,
    /// Share of calls under `weighted`.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// A plugin's model, `plugin/model`; the model may have further slashes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Target {
    /// The operator's name of the plugin.
    pub plugin: String,
    /// The vendor's name of the model.
    pub model: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((plugin, model)) if !plugin.is_empty() && !model.is_empty() => Ok(Self {
                plugin: plugin.into(),
                model: model.into(),
            }),
            _ => Err(format!("{text:?} is not `plugin/model`")),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.plugin, self.model)
    }
}

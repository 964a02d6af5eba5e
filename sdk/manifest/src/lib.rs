//! What a component says of itself: its manifest, JSON in the custom section `evenhand:manifest`. Publishers write it as the table
//! `[plugin]` of `plugin.toml`; `evenhand build` puts it into the component. It asks, and grants nothing.

#![deny(missing_docs)]

mod asks;
mod project;
pub mod schema;
mod section;

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

pub use asks::{Ask, Egress, Limit, LimitAsk, Power, PowerAsk, Secret, What};
pub use project::{Build, FILE, Project};
pub use section::{SECTION, embed, read};

/// The contract that this Evenhand speaks, `evenhand:plugin@…` of `wit/`.
pub const CONTRACT: Version = Version::new(0, 1, 0);

/// Longest manifest, in bytes of JSON.
const LONGEST: usize = 64 * 1024;

/// Longest part of a name.
const NAME: usize = 64;

/// What a component says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Whose it is, and which: `publisher/plugin`. Operators trust a key for names.
    pub name: Name,
    /// Which state of it: <https://semver.org>.
    pub version: Version,
    /// The contract that it was built for.
    #[serde(default = "contract")]
    pub contract: Version,
    /// What it is, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An SPDX expression: <https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/>.
    #[serde(alias = "license")]
    pub licence: String,
    /// Where people read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Requests that it means to send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<Egress>,
    /// Secrets that it names on them.
    #[serde(default, rename = "secret", skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// What else it uses.
    #[serde(default, rename = "power", skip_serializing_if = "Vec::is_empty")]
    pub powers: Vec<PowerAsk>,
    /// Limits below which it does not work.
    #[serde(default, rename = "limit", skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitAsk>,
    /// A JSON Schema (2020-12) of what the operator writes under `config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
}

fn contract() -> Version {
    CONTRACT
}

/// What is wrong with a manifest, or with where it is.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file or section can't be read as one.
    #[error("the manifest can't be read: {0}")]
    Shape(String),
    /// It says what can't be.
    #[error("the manifest is wrong: {0}")]
    Meaning(String),
    /// The component can't be read.
    #[error("the component can't be read: {0}")]
    Component(String),
}

impl Manifest {
    /// Reads the JSON of a section.
    ///
    /// # Errors
    /// It is none, is longer than 64 KiB, or says what can't be.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        if json.len() > LONGEST {
            return Err(ManifestError::Shape(format!(
                "it has more than {LONGEST} bytes"
            )));
        }
        let manifest: Self =
            serde_json::from_slice(json).map_err(|e| ManifestError::Shape(e.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Looks for what can't be.
    ///
    /// # Errors
    /// The first that it finds.
    pub fn check(&self) -> Result<(), ManifestError> {
        self.faults().map_err(ManifestError::Meaning)
    }

    fn faults(&self) -> Result<(), String> {
        spdx::Expression::parse(&self.licence)
            .map_err(|e| format!("licence {:?} is no SPDX expression: {e}", self.licence))?;
        if let Some(home) = &self.homepage
            && !Url::parse(home).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        {
            return Err(format!("homepage {home:?} is no http or https URL"));
        }
        // Nor what makes a terminal show another order than there is: <https://www.unicode.org/reports/tr9/>.
        let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let plain = |text: &str| !text.chars().any(|c| c.is_control() || turns(c));
        if !self.homepage.as_deref().is_none_or(plain) {
            return Err("homepage has control characters".into());
        }
        if !self.description.as_deref().is_none_or(plain) {
            return Err("description has control characters: write one line".into());
        }
        let mut asked: Vec<What> = Vec::new();
        for ask in self.asks() {
            if !plain(&ask.why) || !ask.what.names().all(plain) {
                return Err(format!(
                    "what it asks for has control characters: write one line of {:?}",
                    ask.what.to_string()
                ));
            }
            if ask.why.trim().is_empty() {
                return Err(format!("`why` is empty: say why it needs to {}", ask.what));
            }
            ask.what.check()?;
            if asked.contains(&ask.what) {
                return Err(format!("it asks twice to {}", ask.what));
            }
            asked.push(ask.what);
        }
        if let Some(schema) = &self.config {
            schema::validator(&schema.to_string(), 0).map_err(|e| format!("config: {e}"))?;
        }
        Ok(())
    }

    /// Does the operator's `config` fit what it wants?
    ///
    /// # Errors
    /// Where it doesn't, with the places.
    pub fn check_config(&self, config: &Value) -> Result<(), String> {
        let Some(schema) = &self.config else {
            return Ok(());
        };
        let validator = schema::validator(&schema.to_string(), config.to_string().len())?;
        match schema::faults(&validator, config) {
            Some(faults) => Err(format!(
                "`config` is not what {} {} takes: {faults}",
                self.name, self.version
            )),
            None => Ok(()),
        }
    }
}

/// `publisher/plugin`: small letters, digits and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Whose it is.
    pub fn publisher(&self) -> &str {
        self.0
            .split_once('/')
            .map_or("", |(publisher, _)| publisher)
    }

    /// Which of theirs.
    pub fn plugin(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, plugin)| plugin)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |part: &str| {
            let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=NAME).contains(&part.len())
                && part.bytes().all(word)
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        match text.split_once('/') {
            Some((publisher, plugin)) if good(publisher) && good(plugin) => Ok(Self(text.into())),
            _ => Err(format!(
                "name {text:?}: write PUBLISHER/PLUGIN, each of at most {NAME} small letters, digits and `-`"
            )),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;

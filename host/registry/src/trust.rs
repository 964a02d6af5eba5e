//! Who is trusted for which names.

use std::fmt;
use std::str::FromStr;

use manifest::Name;

use crate::signature::Payload;
use crate::{PublicKey, Signature};

/// Names that a key may sign: one, or all of one publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameRule {
    /// `publisher/plugin`
    One(Name),
    /// `publisher/*`
    All {
        /// Whose.
        publisher: String,
    },
}

impl NameRule {
    /// Is this name one of them?
    pub fn fits(&self, name: &Name) -> bool {
        match self {
            Self::One(only) => only == name,
            Self::All { publisher } => publisher == name.publisher(),
        }
    }
}

/// What is wrong with a list of trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A rule is none.
    #[error(
        "{0:?} is no rule for names: write PUBLISHER/PLUGIN or PUBLISHER/*; a publisher is always named"
    )]
    Rule(String),
    /// A key has no names.
    #[error("the key {0} is trusted for no name: write names = [\"PUBLISHER/*\"], or take it out")]
    NoNames(String),
}

impl FromStr for NameRule {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        let wrong = || TrustError::Rule(text.to_owned());
        match text.strip_suffix("/*") {
            // The publisher is one where it makes a name.
            Some(publisher) => match format!("{publisher}/x").parse::<Name>() {
                Ok(_) => Ok(Self::All {
                    publisher: publisher.to_owned(),
                }),
                Err(_) => Err(wrong()),
            },
            None => text.parse().map(Self::One).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for NameRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(name) => write!(f, "{name}"),
            Self::All { publisher } => write!(f, "{publisher}/*"),
        }
    }
}

/// The keys that an operator trusts, each for some names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust(Vec<(PublicKey, Vec<NameRule>)>);

/// Who signed a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// SHA-256 of the key's DER, in hexadecimal.
    pub fingerprint: String,
    /// The rule under which the key may sign that name.
    pub rule: String,
}

/// Why a component is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// It does not say what it is.
    #[error(
        "the component has no manifest, so nobody can be trusted for its name: build it with `evenhand build`, or take the trust list away"
    )]
    NoName,
    /// Nobody may sign that name.
    #[error(
        "nobody is trusted for {name}: add to `trust` the publisher's key with names = [\"{name}\"]"
    )]
    NobodyMay {
        /// The name.
        name: Name,
    },
    /// It has no signature.
    #[error(
        "{name} is not signed: its publisher signs it with `evenhand sign --key`, with one of the trusted keys {may}"
    )]
    Unsigned {
        /// The name.
        name: Name,
        /// The keys that may.
        may: String,
    },
    /// It has signatures, none of which counts.
    #[error("{name} is not signed by any of the keys that are trusted for it ({may}): {found}")]
    ByNobody {
        /// The name.
        name: Name,
        /// The keys that may.
        may: String,
        /// What its signatures are.
        found: String,
    },
}

impl Trust {
    /// A list of keys and the names that each may sign.
    ///
    /// # Errors
    /// A rule is none, or a key has none.
    pub fn new(keys: Vec<(PublicKey, Vec<String>)>) -> Result<Self, TrustError> {
        let one = |(key, rules): (PublicKey, Vec<String>)| {
            if rules.is_empty() {
                return Err(TrustError::NoNames(key.fingerprint()));
            }
            let rules: Result<Vec<NameRule>, _> = rules.iter().map(|rule| rule.parse()).collect();
            Ok((key, rules?))
        };
        keys.into_iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Who signed this component, of those who may sign its name. `image_digest` is the digest of the manifest that led to these
    /// very bytes, as [`crate::Artifact`] has it, and `None` for a file.
    ///
    /// # Errors
    /// Nobody did. An empty list trusts nobody.
    pub fn check(
        &self,
        name: Option<&Name>,
        component: &[u8],
        image_digest: Option<&str>,
        signatures: &[Signature],
    ) -> Result<Signer, Untrusted> {
        let name = name.ok_or(Untrusted::NoName)?;
        let mut may = Vec::new();
        for (key, rules) in &self.0 {
            if let Some(rule) = rules.iter().find(|rule| rule.fits(name)) {
                may.push((key, rule));
            }
        }
        if may.is_empty() {
            return Err(Untrusted::NobodyMay { name: name.clone() });
        }
        let by = |key: &PublicKey| {
            let mut all = signatures.iter();
            all.any(|signature| signature.holds(key, component, image_digest))
        };
        if let Some((key, rule)) = may.iter().find(|(key, _)| by(key)) {
            return Ok(Signer {
                fingerprint: key.fingerprint(),
                rule: rule.to_string(),
            });
        }
        let keys: Vec<String> = may.iter().map(|(key, _)| key.fingerprint()).collect();
        let (name, may) = (name.clone(), keys.join(", "));
        if signatures.is_empty() {
            return Err(Untrusted::Unsigned { name, may });
        }
        let other = self.0.iter().find(|(key, _)| by(key));
        let found = match other {
            Some((key, rules)) => {
                let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
                let (key, rules) = (key.fingerprint(), rules.join(", "));
                format!("{key} signed it, which is trusted for {rules} only")
            }
            None => self.why_none(signatures, image_digest),
        };
        Err(Untrusted::ByNobody { name, may, found })
    }

    /// What signatures are that no trusted key made over this component.
    fn why_none(&self, signatures: &[Signature], image_digest: Option<&str>) -> String {
        let elsewhere = signatures.iter().find_map(|signature| match signature {
            Signature::Image { payload, signature } => {
                let speaks_of = Payload::digest(payload)?;
                let known = self
                    .0
                    .iter()
                    .any(|(key, _)| key.verifies(payload, signature));
                (known && Some(speaks_of.as_str()) != image_digest).then_some(speaks_of)
            }
            Signature::Blob { .. } => None,
        });
        let count = signatures.len();
        match elsewhere {
            Some(other) => {
                format!("of {count} signature(s), a trusted one is for another artifact, {other:?}")
            }
            None => format!(
                "its {count} signature(s) were made by other keys, or over other bytes; get the component again, or have it signed"
            ),
        }
    }
}

impl Signature {
    /// Did this key sign this component, by its bytes or by the digest of its manifest?
    fn holds(&self, key: &PublicKey, component: &[u8], image_digest: Option<&str>) -> bool {
        match self {
            Self::Blob { signature } => key.verifies(component, signature),
            Self::Image { payload, signature } => {
                image_digest.is_some()
                    && Payload::digest(payload).as_deref() == image_digest
                    && key.verifies(payload, signature)
            }
        }
    }
}

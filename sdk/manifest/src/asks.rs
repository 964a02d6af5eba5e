//! What a component asks for, beside what it is granted.

use std::fmt;

use bytesize::ByteSize;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};
use types::config::{AttachAs, EgressRule, Grant, Origin, Plugin};

use crate::Manifest;

/// Requests that it means to send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// `METHOD URL`, as in a grant.
    pub rule: EgressRule,
    /// What for.
    pub why: String,
}

/// A secret that it names on requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Its name for it.
    pub name: String,
    /// How it is attached.
    #[serde(rename = "as")]
    pub attach: AttachAs,
    /// Origins that it is attached towards.
    pub to: Vec<Origin>,
    /// What for.
    pub why: String,
}

/// Something else that a grant can give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerAsk {
    /// Which.
    pub power: Power,
    /// Its name for it, where a grant has names: `kv`, `sql`, `weights`; of `accelerator`, nobody knows it but the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What for.
    pub why: String,
}

/// What a grant can give beside requests and secrets: its keys, explained in docs/config.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// Private and loopback addresses.
    AllowPrivate,
    /// A kept instance.
    Keep,
    /// A note for each key and session.
    State,
    /// Questions to the person.
    Elicit,
    /// Questions to a model.
    Sample,
    /// Kept values.
    Kv,
    /// A database, to read.
    Sql,
    /// A database, to change.
    SqlWrite,
    /// Files of a model.
    Weights,
    /// A device.
    Accelerator,
}

impl Power {
    /// Has it names in a grant that the component knows?
    fn is_named(self) -> bool {
        matches!(self, Self::Kv | Self::Sql | Self::SqlWrite | Self::Weights)
    }
}

/// A limit below which it does not work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitAsk {
    /// Which.
    pub limit: Limit,
    /// The least that it needs.
    pub at_least: ByteSize,
    /// What for.
    pub why: String,
}

/// Limits whose default may be too low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// `limits.memory`
    Memory,
    /// `limits.request_bytes`
    RequestBytes,
    /// `limits.response_bytes`
    ResponseBytes,
}

/// One thing that a component asks for. Serialised, it has its `words` too.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// What.
    pub what: What,
    /// What for, in the publisher's words.
    pub why: String,
}

impl Serialize for Ask {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Ask", 3)?;
        fields.serialize_field("what", &self.what)?;
        fields.serialize_field("words", &self.what.to_string())?;
        fields.serialize_field("why", &self.why)?;
        fields.end()
    }
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Requests.
    Egress(EgressRule),
    /// A secret, attached.
    Secret {
        /// The component's name for it.
        name: String,
        /// How.
        #[serde(rename = "as")]
        attach: AttachAs,
        /// Towards whom.
        to: Vec<Origin>,
    },
    /// Something else of a grant.
    Power {
        /// Which.
        power: Power,
        /// The component's name for it.
        name: Option<String>,
    },
    /// More than the default of a limit.
    Limit {
        /// Which.
        limit: Limit,
        /// The least.
        at_least: ByteSize,
    },
}

impl What {
    /// The names in it that the publisher chose.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let names: Vec<&str> = match self {
            Self::Egress(_) | Self::Limit { .. } => Vec::new(),
            Self::Power { name, .. } => name.as_deref().into_iter().collect(),
            Self::Secret { name, attach, .. } => match attach {
                AttachAs::Bearer => vec![name],
                AttachAs::Header(field) | AttachAs::Query(field) => vec![name, field],
                AttachAs::AwsSigv4 { region, service } => vec![name, region, service],
            },
        };
        names.into_iter()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Power { power, name } if power.is_named() != name.is_some() => {
                Err(match name.is_some() {
                    true => format!("it names what has no name: to {self}"),
                    false => format!("`name` is missing: to {self}"),
                })
            }
            Self::Secret { to, .. } if to.is_empty() => Err(format!("`to` is empty: to {self}")),
            _ => Ok(()),
        }
    }

    /// Does an entry of the configuration give it?
    pub fn is_given(&self, entry: &Plugin) -> bool {
        let grant = &entry.grant;
        match self {
            Self::Egress(rule) => grant.egress.iter().any(|given| given.covers(rule)),
            Self::Secret { name, attach, to } => grant.secrets.get(name).is_some_and(|given| {
                given.attach == *attach && to.iter().all(|origin| given.to.contains(origin))
            }),
            Self::Power { power, name } => {
                let name = name.as_deref().unwrap_or_default();
                match power {
                    Power::AllowPrivate => grant.allow_private,
                    Power::Keep => grant.keep,
                    Power::State => grant.state,
                    Power::Elicit => grant.elicit,
                    Power::Sample => grant.sample.is_some(),
                    Power::Kv => grant.kv.contains_key(name),
                    Power::Sql => grant.sql.contains_key(name),
                    Power::SqlWrite => grant.sql.get(name).is_some_and(|sql| sql.write),
                    Power::Weights => grant.weights.contains_key(name),
                    Power::Accelerator => !grant.accelerators.is_empty(),
                }
            }
            Self::Limit { limit, at_least } => {
                let limits = &entry.limits;
                let given = match limit {
                    Limit::Memory => limits.memory,
                    Limit::RequestBytes => limits.request_bytes,
                    Limit::ResponseBytes => limits.response_bytes,
                };
                given >= *at_least
            }
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Egress(rule) => write!(f, "send {rule}"),
            Self::Secret { name, attach, to } => {
                let to: Vec<String> = to.iter().map(ToString::to_string).collect();
                let place = match attach {
                    AttachAs::Bearer => "bearer token".to_owned(),
                    AttachAs::Header(field) => format!("header {field}"),
                    AttachAs::Query(parameter) => format!("query parameter {parameter}"),
                    AttachAs::AwsSigv4 { region, service } => {
                        format!("signature (aws-sigv4) for {service} in {region}")
                    }
                };
                write!(
                    f,
                    "have the secret {name:?} attached as {place} towards {}",
                    to.join(", ")
                )
            }
            Self::Power { power, name } => {
                let name = name.as_deref().unwrap_or_default();
                match power {
                    Power::AllowPrivate => {
                        write!(
                            f,
                            "reach private and loopback addresses under granted names"
                        )
                    }
                    Power::Keep => write!(f, "keep one instance, with its memory"),
                    Power::State => write!(f, "keep a note for each key and session of a client"),
                    Power::Elicit => write!(f, "ask the person behind a call"),
                    Power::Sample => write!(f, "ask a model"),
                    Power::Kv => write!(f, "keep values in the namespace {name:?}"),
                    Power::Sql => write!(f, "read the database {name:?}"),
                    Power::SqlWrite => write!(f, "change the database {name:?}"),
                    Power::Weights => write!(f, "read the weights {name:?}"),
                    Power::Accelerator => write!(f, "compute on an accelerator"),
                }
            }
            Self::Limit { limit, at_least } => {
                let limit = match limit {
                    Limit::Memory => "memory",
                    Limit::RequestBytes => "request_bytes",
                    Limit::ResponseBytes => "response_bytes",
                };
                write!(f, "have limits.{limit} of at least {at_least}")
            }
        }
    }
}

impl Manifest {
    /// All that it asks for.
    pub fn asks(&self) -> Vec<Ask> {
        let egress = self.egress.iter().map(|egress| Ask {
            what: What::Egress(egress.rule.clone()),
            why: egress.why.clone(),
        });
        let secrets = self.secrets.iter().map(|secret| Ask {
            what: What::Secret {
                name: secret.name.clone(),
                attach: secret.attach.clone(),
                to: secret.to.clone(),
            },
            why: secret.why.clone(),
        });
        let powers = self.powers.iter().map(|power| Ask {
            what: What::Power {
                power: power.power,
                name: power.name.clone(),
            },
            why: power.why.clone(),
        });
        let limits = self.limits.iter().map(|limit| Ask {
            what: What::Limit {
                limit: limit.limit,
                at_least: limit.at_least,
            },
            why: limit.why.clone(),
        });
        egress.chain(secrets).chain(powers).chain(limits).collect()
    }

    /// What it asks for and an entry of the configuration does not give.
    pub fn unmet(&self, entry: &Plugin) -> Vec<Ask> {
        let mut asks = self.asks();
        asks.retain(|ask| !ask.what.is_given(entry));
        asks
    }

    /// What a grant gives and it does not ask for, in words.
    pub fn unasked(&self, grant: &Grant) -> Vec<String> {
        let has = |wanted: &[Power], wanted_name: &str| {
            self.powers.iter().any(|ask| {
                wanted.contains(&ask.power)
                    && ask.name.as_deref().is_none_or(|name| name == wanted_name)
            })
        };
        let mut all = Vec::new();
        for rule in &grant.egress {
            if !self.egress.iter().any(|ask| ask.rule.covers(rule)) {
                all.push(format!("send {rule}"));
            }
        }
        for (name, given) in &grant.secrets {
            let asked = self.secrets.iter().find(|ask| ask.name == *name);
            if asked.is_none_or(|ask| given.to.iter().any(|to| !ask.to.contains(to))) {
                all.push(format!(
                    "have the secret {name:?} attached, or attached there"
                ));
            }
        }
        let plain = [
            (grant.allow_private, Power::AllowPrivate),
            (grant.keep, Power::Keep),
            (grant.state, Power::State),
            (grant.elicit, Power::Elicit),
            (grant.sample.is_some(), Power::Sample),
            (!grant.accelerators.is_empty(), Power::Accelerator),
        ];
        let plain = plain.into_iter().filter(|(given, _)| *given);
        let plain = plain.map(|(_, power)| (power, String::new(), vec![power]));
        let kv = grant.kv.keys();
        let kv = kv.map(|name| (Power::Kv, name.clone(), vec![Power::Kv]));
        let weights = grant.weights.keys();
        let weights = weights.map(|name| (Power::Weights, name.clone(), vec![Power::Weights]));
        let sql = grant.sql.iter().map(|(name, sql)| match sql.write {
            true => (Power::SqlWrite, name.clone(), vec![Power::SqlWrite]),
            false => (Power::Sql, name.clone(), vec![Power::Sql, Power::SqlWrite]),
        });
        for (power, name, wanted) in plain.chain(kv).chain(weights).chain(sql) {
            if !has(&wanted, &name) {
                let name = power.is_named().then_some(name);
                all.push(What::Power { power, name }.to_string());
            }
        }
        all
    }
}

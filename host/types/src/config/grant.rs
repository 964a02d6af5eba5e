use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::StoreUrl;

/// `[plugin.grant]`: empty unless the operator wrote it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grant {
    /// Requests that it may send.
    pub egress: Vec<EgressRule>,
    /// Also to private and loopback addresses that a granted name resolves to.
    pub allow_private: bool,
    /// Secrets that the host attaches for it, by the name that the plugin uses.
    pub secrets: BTreeMap<String, SecretGrant>,
    /// Files of model weights, by the name that the plugin uses. `~/` is the home folder.
    pub weights: BTreeMap<String, PathBuf>,
    /// Accelerators that it may use, by plugin name.
    pub accelerators: Vec<String>,
    /// Its instance is kept from call to call (accelerators).
    pub keep: bool,
    /// It may keep a note for each key and session of a client (tools).
    pub state: bool,
    /// It may ask the person behind a call (tools).
    pub elicit: bool,
    /// It may ask a model (tools).
    pub sample: Option<Sample>,
    /// Namespaces in which it may keep values, and who shares them (tools).
    pub kv: BTreeMap<String, Sharing>,
    /// Databases that it may ask, by the name that the plugin uses (tools).
    pub sql: BTreeMap<String, SqlGrant>,
}

/// Which models a tool may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The client's own, where it offers that (MCP's sampling).
    #[serde(default)]
    pub client: bool,
    /// A route or `plugin/model` of this host, at the caller's expense; where the client is not asked or offers none.
    #[serde(default)]
    pub model: Option<String>,
}

/// Who shares what is kept in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// Each key has its own.
    Key,
    /// All keys have the same.
    Shared,
}

/// A database that a tool may ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlGrant {
    /// `sqlite://FILE`, relative to the configuration file, or `postgres://…`.
    pub url: StoreUrl,
    /// It may change what is in it.
    #[serde(default)]
    pub write: bool,
}

impl Grant {
    /// The grants of it that only tools have a use for, by their keys.
    pub fn of_tools(&self) -> Vec<&'static str> {
        let all = [
            ("state", self.state),
            ("elicit", self.elicit),
            ("sample", self.sample.is_some()),
            ("kv", !self.kv.is_empty()),
            ("sql", !self.sql.is_empty()),
        ];
        let given = all.into_iter().filter(|(_, given)| *given);
        given.map(|(key, _)| key).collect()
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable of the host.
    Env(String),
    /// A file; one final newline is not part of it.
    File(PathBuf),
    /// A program and its arguments; it prints the value, of which one final newline is not part.
    Command(Vec<String>),
}

/// A secret that the host attaches on a plugin's behalf.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretGrant {
    /// Where it comes from.
    pub source: SecretSource,
    /// How it is attached.
    pub attach: AttachAs,
    /// The only origins that it is attached towards.
    pub to: Vec<Origin>,
    /// It is attached to every request that the plugin sends there by plain `wasi:http`, which has no way to name it.
    pub auto: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSource {
    env: Option<String>,
    file: Option<PathBuf>,
    command: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGrant {
    env: Option<String>,
    file: Option<PathBuf>,
    command: Option<Vec<String>>,
    #[serde(rename = "as")]
    attach: AttachAs,
    to: Vec<Origin>,
    #[serde(default)]
    auto: bool,
}

impl SecretSource {
    fn of<E: de::Error>(
        env: Option<String>,
        file: Option<PathBuf>,
        command: Option<Vec<String>>,
    ) -> Result<Self, E> {
        match (env, file, command) {
            (Some(name), None, None) => Ok(Self::Env(name)),
            (None, Some(path), None) => Ok(Self::File(path)),
            (None, None, Some(command)) if command.is_empty() => Err(E::custom(
                "`command` is empty: write the program and its arguments, [\"prog\", \"arg\"]",
            )),
            (None, None, Some(command)) => Ok(Self::Command(command)),
            _ => Err(E::custom("a secret has one of `env`, `file` and `command`")),
        }
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: RawSource = table(deserializer)?;
        Self::of(raw.env, raw.file, raw.command)
    }
}

impl<'de> Deserialize<'de> for SecretGrant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: RawGrant = table(deserializer)?;
        if raw.to.is_empty() {
            return Err(de::Error::custom(
                "`to` is empty: name the origins that the secret may be sent to",
            ));
        }
        Ok(Self {
            source: SecretSource::of(raw.env, raw.file, raw.command)?,
            attach: raw.attach,
            to: raw.to,
            auto: raw.auto,
        })
    }
}

/// A table. Anything else may be a secret that was written down by mistake, so the error doesn't show it.
fn table<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        table @ toml::Value::Table(_) => table
            .try_into()
            .map_err(|error: toml::de::Error| de::Error::custom(error.message())),
        _ => Err(de::Error::custom(
            "a secret is a table, { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\"] }; its value is never in this file",
        )),
    }
}

/// How a secret is attached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AttachAs {
    /// `authorization: Bearer …`
    Bearer,
    /// This header field.
    Header(String),
    /// This parameter of the query.
    Query(String),
    /// A signature over the request. The secret is `ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]`.
    AwsSigv4 {
        /// Where the service runs.
        region: String,
        /// The service's name in signatures.
        service: String,
    },
}

/// Scheme, host and port of a URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(url::Origin);

impl Origin {
    /// Does this URL belong to it?
    pub fn holds(&self, url: &Url) -> bool {
        self.0 == url.origin()
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for EgressRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = parse_http(&text)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(format!(
                "{text:?} is no origin: write scheme, host and port only"
            ));
        }
        Ok(Self(url.origin()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.ascii_serialization())
    }
}

/// `METHOD scheme://host[:port]/path`, where a final `*` stands for any rest of the path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct EgressRule {
    method: String,
    origin: url::Origin,
    path: String,
    any_rest: bool,
    literal: bool,
}

impl EgressRule {
    /// Does the rule allow this request? `url` must be parsed, so that it is in normal form.
    pub fn allows(&self, method: &str, url: &Url) -> bool {
        let path = url.path();
        self.method == method
            && self.origin == url.origin()
            && if self.any_rest {
                path.starts_with(&self.path) && !climbs(path)
            } else {
                path == self.path
            }
    }

    /// Does the rule allow all that another allows?
    pub fn covers(&self, other: &Self) -> bool {
        let path = match self.any_rest {
            true => other.path.starts_with(&self.path),
            false => !other.any_rest && other.path == self.path,
        };
        path && self.method == other.method && self.origin == other.origin
    }

    /// The rule names an address itself, so that a private one is meant.
    pub fn names_address(&self) -> bool {
        self.literal
    }
}

/// Would a server that decodes a path before it routes, once or several times, find a `..` in it, and so leave the granted folder? A
/// parsed URL has none itself.
fn climbs(path: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..ROUNDS {
        // Some servers take `\` for `/`, and some cut parameters off a segment.
        let mut names = path
            .split(['/', '\\'])
            .map(|segment| segment.split_once(';').map_or(segment, |(name, _)| name));
        if names.any(|name| name == "..") {
            return true;
        }
        // An overlong form of a character, which is not UTF-8, is the character to some.
        let Ok(decoded) = percent_decode_str(&path).decode_utf8() else {
            return true;
        };
        if decoded == path {
            return false;
        }
        path = decoded.into_owned();
    }
    true
}

/// How often a path may be encoded: nobody means a fifth time.
const ROUNDS: usize = 4;

impl TryFrom<String> for EgressRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for EgressRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (method, address) = text.split_once(' ').ok_or_else(|| {
            format!("egress rule {text:?}: write METHOD URL, such as \"POST https://host/v1/*\"")
        })?;
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(format!("egress rule {text:?}: {method:?} is no method"));
        }
        let address = address.trim();
        let (address, any_rest) = match address.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (address, false),
        };
        if address.contains('*') {
            return Err(format!(
                "egress rule {text:?}: `*` may only stand at the end of the path"
            ));
        }
        let url = parse_http(address).map_err(|e| format!("egress rule {text:?}: {e}"))?;
        if any_rest && !address.ends_with('/') && url.path() == "/" {
            return Err(format!(
                "egress rule {text:?}: `*` may only stand in the path, after the host and a `/`"
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("egress rule {text:?}: a rule has no query"));
        }
        let literal = matches!(url.host(), Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)));
        Ok(Self {
            method: method.into(),
            origin: url.origin(),
            path: url.path().into(),
            any_rest,
            literal,
        })
    }
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.any_rest { "*" } else { "" };
        write!(
            f,
            "{} {}{}{star}",
            self.method,
            self.origin.ascii_serialization(),
            self.path
        )
    }
}

fn parse_http(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("{text:?} is no URL: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{text:?}: only http and https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{text:?}: no credentials in a URL"));
    }
    Ok(url)
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;

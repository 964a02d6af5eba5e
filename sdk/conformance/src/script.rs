//! `conformance.toml`: what a publisher writes beside `plugin.toml`, so that the kit can play the plugin's vendor and call its tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use bytesize::ByteSize;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use types::config::EgressRule;

/// The script's usual name.
pub const FILE: &str = "conformance.toml";

/// What a publisher writes for the kit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// What stands under `config` in the plugin's entry.
    pub config: toml::Table,
    /// Values of the secrets that the manifest asks for; the kit makes up those that aren't here.
    pub secrets: BTreeMap<String, String>,
    /// Files of the weights that it may read. `~/` is the home folder. A component whose files aren't there is not tested.
    pub weights: BTreeMap<String, PathBuf>,
    /// What an operator grants beside, whose names the manifest can't know.
    pub grant: Beside,
    /// Statements that fill databases.
    pub sql: BTreeMap<String, Vec<String>>,
    /// Of a provider.
    pub provider: Option<Provider>,
    /// Of a tool component.
    pub tool: Option<Tools>,
    /// Of an accelerator.
    pub accelerator: Option<Accelerator>,
    /// Where it stands.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// What an operator grants whose names only they know: URLs that a tool is pointed at, namespaces, databases.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Beside {
    /// Requests.
    pub egress: Vec<EgressRule>,
    /// Namespaces.
    pub kv: Vec<String>,
    /// Databases, to read.
    pub sql: Vec<String>,
    /// Databases, to change.
    pub sql_write: Vec<String>,
    /// Memory of an instance, where the manifest can't know how much its weights take.
    pub memory: Option<ByteSize>,
}

/// A provider's vendor.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The model that is asked.
    pub model: String,
    /// What the vendor says.
    #[serde(default, rename = "scenario")]
    pub scenarios: Vec<Scenario>,
    /// Fields of the request, by the names of the cases `silence[…]`, that the plugin is known to say nothing about, and why that is right.
    #[serde(default)]
    pub silent: BTreeMap<String, String>,
}

/// One of the kit's scenarios, as this vendor plays it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Which.
    pub name: String,
    /// The vendor has no such thing, and why the plugin says so.
    pub unsupported: Option<String>,
    /// Another model than the provider's.
    pub model: Option<String>,
    /// What goes between them, in order.
    #[serde(default, rename = "exchange")]
    pub exchanges: Vec<Exchange>,
    /// What the plugin makes of it.
    #[serde(default)]
    pub expect: Expect,
}

/// How the client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// As the answer comes.
    Stream,
    /// When it is whole.
    Whole,
}

/// A request that the vendor expects, and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Only where the client reads so; absent: both.
    pub when: Option<When>,
    /// The request's method.
    pub method: String,
    /// Its URL. Without a query, any query is right.
    pub url: String,
    /// What its body, JSON, has in it at least, as a table or as JSON in a text. Lists are whole.
    #[serde(default, deserialize_with = "json")]
    pub request: Option<Value>,
    /// Header fields that it has.
    #[serde(default)]
    pub request_headers: BTreeMap<String, String>,
    /// The answer's status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Its header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Its body, as a table or as JSON in a text. Where it has a text `$request:/id`, it repeats what the request's body has at that
    /// place (RFC 6901).
    #[serde(default, deserialize_with = "json")]
    pub json: Option<Value>,
    /// Its body, as text.
    pub body: Option<String>,
    /// Its body, a file.
    pub body_file: Option<PathBuf>,
    /// Its body, as server-sent events.
    pub sse: Option<Vec<Sse>>,
}

/// A value, which may be JSON in a text.
fn json<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Value>, D::Error> {
    Ok(Some(match Value::deserialize(deserializer)? {
        Value::String(text) => serde_json::from_str(&text).map_err(D::Error::custom)?,
        value => value,
    }))
}

fn ok() -> u16 {
    200
}

/// A server-sent event: its data, or with its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Sse {
    /// Data alone.
    Text(String),
    /// With a name.
    Named {
        /// Its name.
        event: String,
        /// Its data.
        data: String,
    },
}

/// What comes out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The answer's text, all parts of it together.
    pub text: Option<String>,
    /// Its reasoning.
    pub reasoning: Option<String>,
    /// Its refusal.
    pub refusal: Option<String>,
    /// Calls of tools, in order.
    pub calls: Option<Vec<Call>>,
    /// Why it ended: `stop`, `length`, `tool-calls`, …
    pub finish: Option<String>,
    /// Counts, by the names of the contract's record `usage`.
    pub usage: BTreeMap<String, u64>,
    /// Texts that the vendor must see again in the request.
    pub returns: Vec<String>,
    /// The error's code: `rate-limited`, …
    pub error: Option<String>,
    /// When to try again.
    pub retry_after_ms: Option<u64>,
    /// Of `embed`: a vector for each text.
    pub vectors: Option<Vec<Vec<f32>>>,
    /// Of `count-tokens`.
    pub input_tokens: Option<u64>,
    /// Of `models`: these at least.
    pub models: Vec<String>,
}

/// A call that a model asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Value,
}

/// What a tool component is called with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tools {
    /// Calls.
    #[serde(rename = "example")]
    pub examples: Vec<Example>,
    /// Tools that the kit doesn't call by itself, and why.
    pub leave: BTreeMap<String, String>,
    /// What goes between the component and the outside when it is asked what it has.
    #[serde(rename = "exchange")]
    pub exchanges: Vec<Exchange>,
}

/// A call of a tool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The tool.
    pub name: String,
    /// Its arguments.
    #[serde(default = "object")]
    pub arguments: Value,
    /// What goes between it and the outside.
    #[serde(default, rename = "exchange")]
    pub exchanges: Vec<Exchange>,
    /// A text that the result has in it.
    pub text: Option<String>,
    /// What the structured result has in it at least.
    pub structured: Option<Value>,
    /// The call fails, and the result says how.
    #[serde(default)]
    pub fails: bool,
    /// The call ends in an error of this code.
    pub error: Option<String>,
}

fn object() -> Value {
    Value::Object(serde_json::Map::new())
}

/// What an accelerator is asked.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accelerator {
    /// What goes between it and the outside, in any order and any number.
    #[serde(rename = "exchange")]
    pub exchanges: Vec<Exchange>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// It isn't there, or is wrong; the message names the line.
    pub fn open(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let mut script: Self =
            toml::from_str(&text).with_context(|| format!("in {}", file.display()))?;
        script.folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        script
            .check()
            .with_context(|| format!("in {}", file.display()))?;
        Ok(script)
    }

    fn check(&self) -> Result<()> {
        let scenarios = self.provider.iter().flat_map(|it| &it.scenarios);
        let mut seen: Vec<&str> = Vec::new();
        for scenario in scenarios {
            let name = scenario.name.as_str();
            ensure!(
                crate::requests::is_known(name),
                "scenario {name:?}: the kit has none of this name; it has {}",
                crate::requests::names().join(", ")
            );
            ensure!(!seen.contains(&name), "scenario {name:?} is there twice");
            let needs = crate::requests::SCENARIOS
                .iter()
                .any(|it| it.name == name && it.generates);
            ensure!(
                !needs || scenario.unsupported.is_some() || !scenario.exchanges.is_empty(),
                "scenario {name:?} has neither an exchange nor `unsupported`"
            );
            seen.push(name);
        }
        for exchange in self.exchanges() {
            exchange.body(&self.folder)?;
        }
        Ok(())
    }

    fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        let provider = self.provider.iter().flat_map(|it| &it.scenarios);
        let tools = self.tool.iter().flat_map(|it| &it.examples);
        provider
            .flat_map(|it| &it.exchanges)
            .chain(tools.flat_map(|it| &it.exchanges))
            .chain(self.tool.iter().flat_map(|it| &it.exchanges))
            .chain(self.accelerator.iter().flat_map(|it| &it.exchanges))
    }
}

impl Provider {
    /// A scenario that the vendor plays.
    pub(crate) fn scenario(&self, name: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|it| it.name == name)
    }
}

impl Scenario {
    /// What goes between them when the client reads so.
    pub(crate) fn exchanges(&self, when: When) -> Vec<Exchange> {
        let all = self.exchanges.iter();
        all.filter(|it| it.when.is_none_or(|only| only == when))
            .cloned()
            .collect()
    }
}

impl Exchange {
    /// The answer's body.
    ///
    /// # Errors
    /// It has several, or its file can't be read.
    pub(crate) fn body(&self, folder: &Path) -> Result<Bytes> {
        let given = [
            self.json.is_some(),
            self.body.is_some(),
            self.body_file.is_some(),
            self.sse.is_some(),
        ];
        ensure!(
            given.iter().filter(|given| **given).count() <= 1,
            "the exchange {} {} has more than one of `json`, `body`, `body_file` and `sse`",
            self.method,
            self.url
        );
        if let Some(json) = &self.json {
            return Ok(json.to_string().into());
        }
        if let Some(file) = &self.body_file {
            let file = folder.join(file);
            let bytes =
                std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            return Ok(bytes.into());
        }
        if let Some(events) = &self.sse {
            return Ok(events.iter().map(Sse::wire).collect::<String>().into());
        }
        Ok(self.body.clone().unwrap_or_default().into())
    }

    /// What kind of body it is, where its header fields don't say.
    pub(crate) fn kind(&self) -> &'static str {
        match (&self.json, &self.sse) {
            (Some(_), _) => "application/json",
            (_, Some(_)) => "text/event-stream",
            _ => "text/plain; charset=utf-8",
        }
    }
}

impl Sse {
    fn wire(&self) -> String {
        let (name, data) = match self {
            Self::Text(data) => (None, data),
            Self::Named { event, data } => (Some(event), data),
        };
        let name = name
            .map(|name| format!("event: {name}\n"))
            .unwrap_or_default();
        let data: String = data.lines().map(|line| format!("data: {line}\n")).collect();
        format!("{name}{data}\n")
    }
}

//! The configuration file. Reading it checks shape only; whether an environment variable is set or a file is there is
//! checked where it is used. An unknown key is an error that names its line.

mod agent;
mod audit;
mod canary;
mod compile;
mod grant;
mod powers;
mod route;
mod source;
mod store;
mod trust;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

pub use agent::{Agent, Price};
pub use audit::Audit;
pub use canary::{Canary, Percent};
pub use compile::{Cache, Compile};
pub use grant::{
    AttachAs, EgressRule, Grant, Origin, Sample, SecretGrant, SecretSource, Sharing, SqlGrant,
};
pub use route::{Policy, Route, RouteTarget, Target};
pub use source::Source;
pub use store::{Store, StoreUrl};
pub use trust::Trust;

/// `evenhand.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The data plane.
    #[serde(default)]
    pub server: Server,
    /// The control plane; absent: none.
    #[serde(default)]
    pub admin: Option<Admin>,
    /// Where loads, grants, denials and admin calls are recorded; absent: nowhere.
    #[serde(default)]
    pub audit: Option<Audit>,
    /// Where answers are kept that clients may refer to; absent: nowhere.
    #[serde(default)]
    pub store: Option<Store>,
    /// What compiling a component may use.
    #[serde(default)]
    pub compile: Compile,
    /// Where compiled components are kept.
    #[serde(default)]
    pub cache: Cache,
    /// Who may have made what is loaded here; empty: anybody.
    #[serde(default)]
    pub trust: Vec<Trust>,
    /// The plugins.
    #[serde(default, rename = "plugin")]
    pub plugins: Vec<Plugin>,
    /// Names that stand for several models.
    #[serde(default, rename = "route")]
    pub routes: Vec<Route>,
    /// Hosted agents.
    #[serde(default, rename = "agent")]
    pub agents: Vec<Agent>,
    /// What models cost.
    #[serde(default, rename = "price")]
    pub prices: Vec<Price>,
    /// Who may call; empty: whoever is on this machine.
    #[serde(default, rename = "key")]
    pub keys: Vec<Key>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Largest body of a request.
    pub max_body: ByteSize,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            // The largest request that the vendors we know accept is 32 MB.
            max_body: ByteSize::mib(32),
        }
    }
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where operators connect.
    #[serde(default = "default_admin_listen")]
    pub listen: SocketAddr,
    /// What they must show; needed beyond loopback.
    #[serde(default)]
    pub token: Option<SecretSource>,
}

fn default_admin_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8788))
}

/// `[[plugin]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// The operator's name for it; its models are `name/model`.
    pub name: String,
    /// Where the component is.
    pub source: Source,
    /// SHA-256 of the only component that may serve, in hexadecimal.
    #[serde(default)]
    pub digest: Option<String>,
    /// How a new revision begins; absent: with all calls.
    #[serde(default)]
    pub canary: Option<Canary>,
    /// What the plugin itself reads.
    #[serde(default)]
    pub config: toml::Table,
    /// What it may do.
    #[serde(default)]
    pub grant: Grant,
    /// What it may use.
    #[serde(default)]
    pub limits: Limits,
}

/// `[plugin.limits]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// All linear memories and tables of an instance together.
    pub memory: ByteSize,
    /// The whole call.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// Between two batches of an answer.
    #[serde(with = "humantime_serde")]
    pub idle: Duration,
    /// How long a call waits for its turn.
    #[serde(with = "humantime_serde")]
    pub queue_wait: Duration,
    /// Calls at a time.
    pub concurrency: usize,
    /// Handles (bodies, responses, models) that an instance may hold at a time.
    pub handles: usize,
    /// Bytes that one call of a host function may make the host copy.
    pub hostcall_bytes: ByteSize,
    /// The body of one request to the outside.
    pub request_bytes: ByteSize,
    /// The body of one answer from there.
    pub response_bytes: ByteSize,
    /// Requests in any minute; absent: as many as there are.
    pub requests_per_minute: Option<u32>,
    /// Requests that are open at a time, from their sending to the end of their answer's body.
    pub connections: usize,
    /// How long calls of a revision that is replaced may go on.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: ByteSize::mib(64),
            deadline: Duration::from_secs(15 * 60),
            idle: Duration::from_secs(120),
            queue_wait: Duration::from_secs(5),
            concurrency: 256,
            handles: 1000,
            // Twice the largest body that a request may have by default.
            hostcall_bytes: ByteSize::mib(64),
            request_bytes: ByteSize::mib(64),
            // An answer streams: the limit is there to end one that never would.
            response_bytes: ByteSize::gib(1),
            requests_per_minute: None,
            // Two for each call.
            connections: 512,
            // As long as a call may take: none is cut off.
            drain: Duration::from_secs(15 * 60),
        }
    }
}

/// `[[key]]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// For logs and receipts.
    pub name: String,
    /// What the client shows.
    pub secret: SecretSource,
    /// Models that it may use: names, or prefixes that end in `*`.
    #[serde(default)]
    pub models: Vec<String>,
    /// Tools that it may use: `plugin/tool`, or prefixes that end in `*`. Resources and prompts of a plugin come with `plugin/*`.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Agents that it may use: names, or prefixes that end in `*`.
    #[serde(default)]
    pub agents: Vec<String>,
}

impl Key {
    /// May this key use a model of this name?
    pub fn allows(&self, model: &str) -> bool {
        match model.strip_prefix("agent/") {
            Some(agent) => matches_any(&self.agents, agent),
            None => matches_any(&self.models, model),
        }
    }

    /// May this key use a tool, `plugin/tool`?
    pub fn allows_tool(&self, tool: &str) -> bool {
        matches_any(&self.tools, tool)
    }
}

/// Does a name fit a rule: the name itself, or a prefix that ends in `*`?
pub fn matches(rule: &str, name: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => rule == name,
    }
}

/// Does a name fit one of these rules?
pub fn matches_any(rules: &[String], name: &str) -> bool {
    rules.iter().any(|rule| matches(rule, name))
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or not of the shape. The line itself is not shown: a secret may stand there by mistake.
    #[error("line {line}: {message}")]
    Shape {
        /// Counted from 1; of the first character that is at fault.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Of the shape, but contradictory.
    #[error("{0}")]
    Meaning(String),
}

impl Config {
    /// Reads the text of a configuration file.
    ///
    /// # Errors
    /// What is wrong, with its line where the text is at fault.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.trim().is_empty() {
            // More likely a file that is just being written than a wish to serve nothing.
            return Err(ConfigError::Meaning("it is empty".into()));
        }
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Shape {
            line: error
                .span()
                .and_then(|at| text.get(..at.start))
                .map_or(1, |before| before.matches('\n').count() + 1),
            message: error.message().to_owned(),
        })?;
        config.check()?;
        Ok(config)
    }

    /// Looks for contradictions.
    ///
    /// # Errors
    /// The first that it finds.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.contradictions().map_err(ConfigError::Meaning)
    }

    fn contradictions(&self) -> Result<(), String> {
        self.compile.check()?;
        let mut names = HashSet::new();
        for plugin in &self.plugins {
            let name = &plugin.name;
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            {
                return Err(format!(
                    "plugin name {name:?}: use letters, digits, `-`, `_` and `.`"
                ));
            }
            if name == "agent" {
                return Err("a plugin is named \"agent\": `agent/NAME` is an [[agent]]".into());
            }
            if !names.insert(name.as_str()) {
                return Err(format!(
                    "two plugins are named {name:?}: a name stands for one plugin"
                ));
            }
            let is_digest = |text: &String| {
                text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            };
            if plugin.digest.as_ref().is_some_and(|text| !is_digest(text)) {
                return Err(format!(
                    "plugin {name:?}: digest is a SHA-256 in 64 small hexadecimal digits, as `evenhand inspect` prints it"
                ));
            }
            let limits = &plugin.limits;
            if limits.concurrency == 0
                || limits.memory.0 == 0
                || limits.handles == 0
                || limits.hostcall_bytes.0 == 0
                || limits.request_bytes.0 == 0
                || limits.response_bytes.0 == 0
                || limits.requests_per_minute == Some(0)
                || limits.connections == 0
                || limits.deadline.is_zero()
                || limits.idle.is_zero()
                || limits.drain.is_zero()
                || plugin
                    .canary
                    .is_some_and(|canary| canary.promote_after == Some(0))
            {
                return Err(format!(
                    "plugin {name:?}: a limit of 0 would let nothing run"
                ));
            }
        }
        for plugin in &self.plugins {
            let is_accelerator =
                |name: &String| self.plugins.iter().any(|p| p.name == *name && p.grant.keep);
            if let Some(other) = plugin
                .grant
                .accelerators
                .iter()
                .find(|name| !is_accelerator(name))
            {
                return Err(format!(
                    "plugin {:?} is granted the accelerator {other:?}, which is no plugin of this file with grant.keep = true",
                    plugin.name
                ));
            }
            if plugin.grant.keep && !plugin.grant.accelerators.is_empty() {
                return Err(format!(
                    "plugin {:?} has grant.keep and grant.accelerators: an accelerator uses no other",
                    plugin.name
                ));
            }
        }
        self.kept_things()?;
        let mut routes = HashSet::new();
        for route in &self.routes {
            if !routes.insert(route.model.as_str()) {
                return Err(format!("two routes are named {:?}", route.model));
            }
            if route.model.starts_with("agent/") {
                return Err(format!(
                    "route {:?}: `agent/NAME` is an [[agent]]",
                    route.model
                ));
            }
            if route.targets.is_empty() {
                return Err(format!("route {:?} has no targets", route.model));
            }
            for RouteTarget { model, .. } in &route.targets {
                if !names.contains(model.plugin.as_str()) {
                    return Err(format!(
                        "route {:?}: the target \"{model}\" is of no plugin in this file",
                        route.model
                    ));
                }
            }
            if route.policy == Policy::Weighted && route.targets.iter().all(|t| t.weight == 0) {
                return Err(format!("route {:?}: all weights are 0", route.model));
            }
        }
        let mut keys = HashSet::new();
        for key in &self.keys {
            if key.name.is_empty() {
                return Err("a [[key]] has no name: what is kept belongs to its name".into());
            }
            if key.name == "*" {
                return Err("a [[key]] is named \"*\": that stands for all keys".into());
            }
            if !keys.insert(key.name.as_str()) {
                return Err(format!("two keys are named {:?}", key.name));
            }
        }
        if let Some(admin) = &self.admin
            && admin.token.is_none()
            && !admin.listen.ip().is_loopback()
        {
            return Err(format!(
                "admin.listen = {:?} is not loopback: set admin.token, since whoever reaches it can change what runs here",
                admin.listen.to_string()
            ));
        }
        if self.keys.is_empty() && !self.server.listen.ip().is_loopback() {
            return Err(format!(
                "server.listen = {:?} is not loopback: write a [[key]], since whoever reaches it could spend your money",
                self.server.listen.to_string()
            ));
        }
        Ok(())
    }
}

impl Config {
    /// What a model's name stands for: the targets of a route, or itself.
    fn targets_of(&self, model: &str) -> Vec<String> {
        match self.routes.iter().find(|route| route.model == model) {
            Some(route) => {
                let targets = route.targets.iter();
                targets.map(|target| target.model.to_string()).collect()
            }
            None => vec![model.into()],
        }
    }

    /// The price of a target, `plugin/model`.
    pub fn price(&self, target: &str) -> Option<&Price> {
        self.prices.iter().find(|price| price.is_of(target))
    }

    /// Prices of all targets of a model; `None` where one has none.
    pub fn prices_of(&self, model: &str) -> Option<Vec<&Price>> {
        let targets = self.targets_of(model);
        targets.iter().map(|target| self.price(target)).collect()
    }

    /// Agents, prices, and what else is kept.
    fn kept_things(&self) -> Result<(), String> {
        for plugin in &self.plugins {
            if !plugin.grant.kv.is_empty() && self.store.is_none() {
                return Err(format!(
                    "plugin {:?}: grant.kv keeps values in the [store], and there is none",
                    plugin.name
                ));
            }
            if let Some(Sample {
                client: false,
                model: None,
            }) = &plugin.grant.sample
            {
                return Err(format!(
                    "plugin {:?}: grant.sample names no model: write client = true, or model = \"…\"",
                    plugin.name
                ));
            }
        }
        let lease = self.store.as_ref().map(|store| store.lease);
        if lease.is_some_and(|lease| lease < Duration::from_secs(1)) {
            return Err("store.lease is less than 1s: a host could not keep what it has".into());
        }
        self.prices.iter().try_for_each(Price::check)?;
        let mut agents = HashSet::new();
        for agent in &self.agents {
            agent.check(|model| self.prices_of(model).is_some())?;
            if !agents.insert(agent.name.as_str()) {
                return Err(format!("two agents are named {:?}", agent.name));
            }
        }
        if !self.agents.is_empty() && self.store.is_none() {
            return Err("an [[agent]] keeps its sessions in the [store], and there is none".into());
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;

//! What clients ask of agents and of sessions.

use std::collections::BTreeMap;

use serde_json::Value;
use types::{
    Error,
    neutral::Part,
    session::{Agent, AgentLimits},
};

use super::{input, limits::Limits, tools::Tools};
use crate::{
    field::{Object, at},
    openai::content::metadata,
};

/// Most labels, and most characters of a label's key and of its value.
const LABELS: (usize, usize, usize) = (16, 64, 512);

/// What a request sets of an agent. `Some(None)` takes away what was set before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    model: Option<String>,
    name: Option<Option<String>>,
    instructions: Option<Option<String>>,
    effort: Option<Option<String>>,
    output: Option<Option<(String, String)>>,
    tools: Option<Tools>,
    metadata: Option<BTreeMap<String, String>>,
    limits: Limits,
}

impl Changes {
    /// Reads the body of `POST /v1/agents` or `POST /v1/agents/{id}`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        Self::read(Object::body(body)?)
    }

    fn read(mut body: Object) -> Result<Self, Error> {
        refuse(&mut body)?;
        let (effort, output) = (effort(&mut body)?, output(&mut body)?);
        let path = body.path_of("tools");
        let tools = body.change::<Vec<Object>>("tools")?;
        let tools = tools.map(|list| Tools::read(list.unwrap_or_default(), &path));
        let changes = Self {
            model: body.opt("model")?,
            name: body.change("name")?,
            instructions: body.change("instructions")?,
            effort,
            output,
            tools: tools.transpose()?,
            metadata: labels(&mut body)?,
            limits: Limits::read(&mut body)?,
        };
        if changes.model.as_deref() == Some("") {
            return Err(body.wrong("model", "must not be empty"));
        }
        body.nothing_else()?;
        Ok(changes)
    }

    /// The fields that it sets, so that a host may refuse some.
    pub fn fields(&self) -> Vec<&'static str> {
        let set = [
            ("model", self.model.is_some()),
            ("name", self.name.is_some()),
            ("instructions", self.instructions.is_some()),
            ("reasoning", self.effort.is_some()),
            ("text", self.output.is_some()),
            ("tools", self.tools.is_some()),
            ("metadata", self.metadata.is_some()),
            ("limits", !self.limits.is_none()),
        ];
        set.iter().filter(|it| it.1).map(|it| it.0).collect()
    }

    /// A new agent; `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// No model is named.
    pub fn create(&self, id: impl Into<String>, now: i64) -> Result<Agent, Error> {
        self.make(id.into(), now, "model")
    }

    fn make(&self, id: String, now: i64, model: &str) -> Result<Agent, Error> {
        if self.model.is_none() {
            return Err(at(model, "is required"));
        }
        let mut agent = Agent {
            id,
            name: None,
            model: String::new(),
            instructions: None,
            tools: Vec::new(),
            approve: Vec::new(),
            functions: Vec::new(),
            limits: AgentLimits::default(),
            effort: None,
            output: None,
            metadata: BTreeMap::new(),
            created: now,
            updated: now,
        };
        self.apply(&mut agent, now);
        Ok(agent)
    }

    /// Changes an agent; `now` is in milliseconds since 1970.
    pub fn apply(&self, agent: &mut Agent, now: i64) {
        self.limits.set(&mut agent.limits);
        self.apply_all_but_limits(agent);
        agent.updated = now;
    }

    fn apply_all_but_limits(&self, agent: &mut Agent) {
        set(&mut agent.model, &self.model);
        set(&mut agent.name, &self.name);
        set(&mut agent.instructions, &self.instructions);
        set(&mut agent.effort, &self.effort);
        set(&mut agent.output, &self.output);
        set(&mut agent.metadata, &self.metadata);
        if let Some(tools) = self.tools.clone() {
            agent.tools = tools.hosted;
            agent.approve = tools.approve;
            agent.functions = tools.functions;
        }
    }
}

fn set<T: Clone>(field: &mut T, new: &Option<T>) {
    if let Some(new) = new {
        field.clone_from(new);
    }
}

/// A session that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSession {
    /// The agent that it is of; absent: one of its own, which `changes` are all of.
    pub agent_id: Option<String>,
    /// What it sets of the agent, for this session.
    pub changes: Changes,
    /// Its first messages, if it has some: parts of each.
    pub input: Vec<Vec<Part>>,
    /// The client's own.
    pub metadata: BTreeMap<String, String>,
    /// The client wants its events.
    pub stream: bool,
    /// Deltas of a stream shall not tell their length.
    pub obfuscate: bool,
}

impl NewSession {
    /// Reads the body of `POST /v1/agents/sessions`.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut body = Object::body(body)?;
        environment(&mut body)?;
        none_of(
            &mut body,
            &[
                ("vault_ids", "credentials are the operator's to grant"),
                (
                    "prompt_cache_options",
                    "how long prompts are cached is their vendor's choice",
                ),
            ],
        )?;
        match body.opt::<String>("review")?.as_deref() {
            None | Some("none") => {}
            Some(_) => {
                return Err(body.wrong(
                    "review",
                    "must be `none`: people approve what `approve` of a tool names",
                ));
            }
        }
        let mut changes = match body.opt("agent")? {
            Some(agent) => Changes::read(agent)?,
            None => Changes::default(),
        };
        changes.limits = Limits::read(&mut body)?.after(changes.limits);
        let session = Self {
            agent_id: body.opt("agent_id")?,
            changes,
            input: input::first(&mut body)?,
            metadata: labels(&mut body)?.unwrap_or_default(),
            stream: body.opt("stream")?.unwrap_or(false),
            obfuscate: obfuscate(&mut body)?,
        };
        if session.stream && session.input.is_empty() {
            return Err(body.wrong("input", "is required where `stream` is true"));
        }
        body.nothing_else()?;
        Ok(session)
    }

    /// The agent of the session: the one that was found by `agent_id`, changed, or one of its own with this id. It never
    /// may use more than the one that was found.
    ///
    /// # Errors
    /// It is one of its own, and no model is named.
    pub fn agent(
        &self,
        found: Option<Agent>,
        id: impl Into<String>,
        now: i64,
    ) -> Result<Agent, Error> {
        let Some(mut agent) = found else {
            return self.changes.make(id.into(), now, "agent.model");
        };
        self.changes.limits.tighten(&mut agent.limits);
        self.changes.apply_all_but_limits(&mut agent);
        Ok(agent)
    }
}

/// Reads the body of `POST /v1/agents/sessions/{id}`: the labels that the session shall have, if they change.
///
/// # Errors
/// What is wrong with it, and where; or it changes something else.
pub fn session_update(body: &[u8]) -> Result<Option<BTreeMap<String, String>>, Error> {
    let mut body = Object::body(body)?;
    let metadata = labels(&mut body)?;
    const FIXED: &str = "a session is what it was made: begin a new one";
    none_of(
        &mut body,
        &[
            ("agent", FIXED),
            ("spend_control", FIXED),
            ("review", FIXED),
            ("prompt_cache_options", FIXED),
        ],
    )?;
    body.nothing_else()?;
    Ok(metadata)
}

/// The agent works in no environment but this host's sandboxes.
fn environment(body: &mut Object) -> Result<(), Error> {
    let Some(mut environment) = body.opt::<Object>("environment")? else {
        return Ok(());
    };
    if environment.need::<String>("type")? != "none" {
        return Err(environment.wrong(
            "type",
            "must be `none`: agents of this host act through tools, each in a sandbox of its own",
        ));
    }
    environment.nothing_else()
}

fn obfuscate(body: &mut Object) -> Result<bool, Error> {
    let Some(mut options) = body.opt::<Object>("stream_options")? else {
        return Ok(false);
    };
    let obfuscate = options.opt("include_obfuscation")?.unwrap_or(false);
    options.nothing_else()?;
    Ok(obfuscate)
}

/// Refuses these fields, unless they are empty.
fn none_of(body: &mut Object, fields: &[(&str, &str)]) -> Result<(), Error> {
    for (key, why) in fields {
        let is_empty = match body.opt::<Value>(key)? {
            None => true,
            Some(Value::Array(list)) => list.is_empty(),
            Some(Value::Object(fields)) => fields.is_empty(),
            Some(_) => false,
        };
        if !is_empty {
            return Err(body.wrong(key, format_args!("can't be set here: {why}")));
        }
    }
    Ok(())
}

/// Refuses what this host's agents don't do, and takes out the words for not doing it.
fn refuse(body: &mut Object) -> Result<(), Error> {
    match body.opt::<String>("service_tier")?.as_deref() {
        None | Some("auto" | "default") => {}
        Some(_) => return Err(body.wrong("service_tier", "must be `auto`: it is not passed on")),
    }
    for (key, flag, what) in [
        ("multi_agent", "enabled", "an agent can't start others"),
        ("compaction", "async", "contexts are not made shorter"),
        ("experimental", "time_awareness", "a tool can tell the time"),
    ] {
        if let Some(mut object) = body.opt::<Object>(key)? {
            if object.opt::<bool>(flag)? == Some(true) {
                return Err(object.wrong(flag, format_args!("can't be true in this host: {what}")));
            }
            if key == "multi_agent" {
                object.opt::<Value>("max_concurrent_subagents")?;
            }
            object.nothing_else()?;
        }
    }
    Ok(())
}

fn effort(body: &mut Object) -> Result<Option<Option<String>>, Error> {
    let Some(reasoning) = body.change::<Object>("reasoning")? else {
        return Ok(None);
    };
    let Some(mut reasoning) = reasoning else {
        return Ok(Some(None));
    };
    let effort = reasoning.opt("effort")?;
    none_of(
        &mut reasoning,
        &[(
            "summary",
            "it is told what the model's vendor tells of its reasoning",
        )],
    )?;
    reasoning.nothing_else()?;
    Ok(Some(effort))
}

/// The schema of the answer, with its name, which only other dialects have.
fn output(body: &mut Object) -> Result<Option<Option<(String, String)>>, Error> {
    let Some(text) = body.change::<Object>("text")? else {
        return Ok(None);
    };
    let Some(mut text) = text else {
        return Ok(Some(None));
    };
    match text.opt::<String>("verbosity")?.as_deref() {
        None | Some("medium") => {}
        Some(_) => return Err(text.wrong("verbosity", "must be `medium`: it is not passed on")),
    }
    let output = match text.opt::<Object>("format")? {
        None => None,
        Some(mut format) => {
            let output = match format.need::<String>("type")?.as_str() {
                "text" => None,
                "json_schema" => {
                    let name: Option<String> = format.opt("name")?;
                    let schema = format.need::<Object>("schema")?.into_text();
                    Some((name.unwrap_or_else(|| "answer".to_owned()), schema))
                }
                _ => return Err(format.wrong("type", "must be `text` or `json_schema`")),
            };
            format.nothing_else()?;
            output
        }
    };
    text.nothing_else()?;
    Ok(Some(output))
}

/// The labels, if they are there; null takes all away.
fn labels(body: &mut Object) -> Result<Option<BTreeMap<String, String>>, Error> {
    let Some(labels) = body.change::<Value>("metadata")? else {
        return Ok(None);
    };
    let labels = metadata(labels)?;
    let (most, key, value) = LABELS;
    if labels.len() > most {
        return Err(body.wrong("metadata", format_args!("has more than {most} entries")));
    }
    for (label, text) in &labels {
        if label.chars().count() > key || text.chars().count() > value {
            return Err(body.wrong(
                &format!("metadata.{label}"),
                format_args!(
                    "must have a key of at most {key} characters and a value of at most {value}"
                ),
            ));
        }
    }
    Ok(Some(labels.into_iter().collect()))
}

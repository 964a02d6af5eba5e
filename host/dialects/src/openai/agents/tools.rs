//! Tools of an agent: hosted ones, and functions that the client runs.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use types::{
    Error,
    session::{Agent, Function},
};

use crate::field::{Object, Read, at};

/// What the address of a hosted tool begins with; its plugin follows.
const SCHEME: &str = "evenhand:";

/// The tools that a request names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tools {
    pub(super) hosted: Vec<String>,
    pub(super) approve: Vec<String>,
    pub(super) functions: Vec<Function>,
}

impl Tools {
    /// Reads a list of them; `path` is where it is.
    pub(super) fn read(list: Vec<Object>, path: &str) -> Result<Self, Error> {
        let mut tools = Self::default();
        for mut tool in list {
            match tool.need::<String>("type")?.as_str() {
                "function" => tools.function(tool)?,
                "mcp" => tools.mcp(tool)?,
                "evenhand" => tools.ours(tool)?,
                other => {
                    return Err(tool.wrong(
                        "type",
                        format_args!(
                            "is `{other}`, which this host doesn't have: `function`, `mcp` and `evenhand` it has"
                        ),
                    ));
                }
            }
        }
        let names: BTreeSet<_> = tools.functions.iter().map(|it| &it.name).collect();
        if names.len() < tools.functions.len() {
            return Err(at(path, "has two functions of one name"));
        }
        for pattern in &tools.approve {
            // A name that is misspelled would let a call run that nobody said yes to.
            if !tools.hosted.iter().any(|tool| meet(tool, pattern)) {
                let what = format_args!("wants approval of `{pattern}`, which is not among them");
                return Err(at(path, what));
            }
        }
        Ok(tools)
    }

    fn function(&mut self, mut tool: Object) -> Result<(), Error> {
        for key in ["defer_loading", "async"] {
            if tool.opt::<bool>(key)? == Some(true) {
                return Err(tool.wrong(
                    key,
                    "can't be true: this host tells a model all tools, and waits for results",
                ));
            }
        }
        self.functions.push(Function {
            name: tool.need("name")?,
            description: tool.opt("description")?,
            parameters: match tool.opt::<Object>("parameters")? {
                Some(schema) => schema.into_text(),
                None => json!({ "type": "object", "properties": {} }).to_string(),
            },
        });
        tool.nothing_else()
    }

    /// The dialect's own shape: its server is a plugin.
    fn mcp(&mut self, mut tool: Object) -> Result<(), Error> {
        let plugin: String = tool.need("server_label")?;
        if plugin.is_empty() || plugin.contains(['/', '*']) {
            return Err(tool.wrong("server_label", "must be the name of a plugin"));
        }
        if let Some(transport) = tool.opt::<Object>("transport")? {
            is_ours(transport, &plugin)?;
        }
        if let Some(origin) = tool.opt::<String>("connection_origin")?
            && origin != "service"
        {
            return Err(tool.wrong(
                "connection_origin",
                "must be `service`: tools run in this host",
            ));
        }
        if let Some(metadata) = tool.opt::<Object>("request_metadata")? {
            metadata.nothing_else()?;
        }
        // A plugin is there before a session begins, or the session is refused.
        tool.opt::<bool>("required")?;
        let within = |name: &str| format!("{plugin}/{name}");
        let allowed: Option<Vec<String>> = tool.opt("allowed_tools")?;
        let allowed = allowed.unwrap_or_else(|| vec!["*".to_owned()]);
        match tool.opt::<Value>("require_approval")? {
            None => {}
            Some(Value::String(word)) if word == "never" => {}
            Some(Value::String(word)) if word == "always" => {
                self.approve.extend(allowed.iter().map(|it| within(it)));
            }
            Some(other) => {
                let path = tool.path_of("require_approval");
                let names = approved(other, &path)?;
                self.approve.extend(names.iter().map(|it| within(it)));
            }
        }
        for name in &allowed {
            check(&within(name), &tool.path_of("allowed_tools"))?;
        }
        self.hosted.extend(allowed.iter().map(|it| within(it)));
        tool.nothing_else()
    }

    fn ours(&mut self, mut tool: Object) -> Result<(), Error> {
        for key in ["tools", "approve"] {
            let patterns: Vec<String> = tool.opt(key)?.unwrap_or_default();
            for pattern in &patterns {
                check(pattern, &tool.path_of(key))?;
            }
            match key {
                "tools" => self.hosted.extend(patterns),
                _ => self.approve.extend(patterns),
            }
        }
        tool.nothing_else()
    }
}

/// Refuses every transport but our own.
fn is_ours(mut transport: Object, plugin: &str) -> Result<(), Error> {
    const WHAT: &str = "this host calls only tools that its operator loaded, a bridge to a remote server among them";
    if transport.need::<String>("type")? != "http" {
        return Err(transport.wrong("type", format_args!("must be `http`: {WHAT}")));
    }
    let url: String = transport.need("server_url")?;
    if url.strip_prefix(SCHEME) != Some(plugin) {
        return Err(transport.wrong(
            "server_url",
            format_args!(
                "must be `{SCHEME}{plugin}`, the plugin that `server_label` names: {WHAT}"
            ),
        ));
    }
    if let Some(headers) = transport.opt::<Object>("headers")? {
        headers.nothing_else()?;
    }
    transport.nothing_else()
}

/// `{"always": {"tool_names": […]}, "never": …}`.
fn approved(value: Value, path: &str) -> Result<Vec<String>, Error> {
    let mut filter = match value {
        value @ Value::Object(_) => Object::read(value, path)?,
        _ => {
            return Err(at(
                path,
                "must be `always`, `never` or `{\"always\": {\"tool_names\": […]}}`",
            ));
        }
    };
    filter.opt::<Value>("never")?;
    let names = match filter.opt::<Object>("always")? {
        None => Vec::new(),
        Some(mut always) => {
            let names = always.need("tool_names")?;
            always.nothing_else()?;
            names
        }
    };
    filter.nothing_else()?;
    Ok(names)
}

/// A pattern is `plugin/tool`, or a prefix of such that ends in `*`.
fn check(pattern: &str, path: &str) -> Result<(), Error> {
    let (text, is_prefix) = match pattern.strip_suffix('*') {
        Some(text) => (text, true),
        None => (pattern, false),
    };
    let is_whole = text
        .split_once('/')
        .is_some_and(|(plugin, tool)| !plugin.is_empty() && !tool.is_empty());
    match !text.contains('*') && (is_prefix || is_whole) {
        true => Ok(()),
        false => Err(at(
            path,
            format_args!(
                "has `{pattern}`, which is neither `PLUGIN/TOOL` nor a prefix that ends in `*`"
            ),
        )),
    }
}

/// Is there a name that both stand for?
fn meet(one: &str, other: &str) -> bool {
    match (one.strip_suffix('*'), other.strip_suffix('*')) {
        (None, None) => one == other,
        (Some(prefix), None) => other.starts_with(prefix),
        (None, Some(prefix)) => one.starts_with(prefix),
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
    }
}

/// The tools of an agent: those of a plugin as the dialect has them, patterns over plugins in our own shape.
pub(super) fn shown(agent: &Agent) -> Vec<Value> {
    let mut plugins: Vec<(&str, Vec<&str>, Vec<&str>)> = Vec::new();
    let mut over: Vec<&str> = Vec::new();
    for pattern in &agent.tools {
        match pattern.split_once('/') {
            None => over.push(pattern),
            Some((plugin, tool)) => match plugins.iter_mut().find(|it| it.0 == plugin) {
                Some((_, tools, _)) => tools.push(tool),
                None => plugins.push((plugin, vec![tool], Vec::new())),
            },
        }
    }
    let mut approve: Vec<&str> = Vec::new();
    for pattern in &agent.approve {
        let within = pattern.split_once('/');
        let place = within.and_then(|(name, tool)| {
            let place = plugins.iter_mut().find(|it| it.0 == name)?;
            Some((place, tool))
        });
        match place {
            Some(((_, _, approve), tool)) => approve.push(tool),
            None => approve.push(pattern),
        }
    }
    let mut shown: Vec<Value> = plugins.iter().map(|it| mcp(it.0, &it.1, &it.2)).collect();
    if !over.is_empty() || !approve.is_empty() {
        shown.push(json!({ "type": "evenhand", "tools": over, "approve": approve }));
    }
    shown.extend(agent.functions.iter().map(|function| {
        json!({
            "type": "function",
            "name": function.name,
            "description": function.description.as_deref().unwrap_or_default(),
            "parameters": json_or_text(&function.parameters),
            "defer_loading": false,
            "async": false,
        })
    }));
    shown
}

fn mcp(plugin: &str, tools: &[&str], approve: &[&str]) -> Value {
    let allowed = (!tools.contains(&"*")).then_some(tools);
    let mut tool = json!({
        "type": "mcp",
        "server_label": plugin,
        "transport": { "type": "http", "server_url": format!("{SCHEME}{plugin}"), "headers": {} },
        "allowed_tools": allowed,
        "connection_origin": "service",
        "credential_id": null,
        "request_metadata": {},
        "required": false,
    });
    if !approve.is_empty() {
        tool["require_approval"] = json!({ "always": { "tool_names": approve } });
    }
    tool
}

/// JSON, or what is none as a text.
pub(super) fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

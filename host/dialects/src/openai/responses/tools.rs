//! Tools, which of them the model may call, and what a client calls them.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::{
    Error,
    neutral::{FunctionTool, ProviderTool, Tool, ToolChoice},
};

use crate::{
    Wire,
    field::{Object, Read, at},
    media,
};

/// What a client calls a tool that has another form or name in the neutral one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Name {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) form: Form,
}

/// How a call of a tool is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Form {
    /// With JSON, in pieces.
    #[default]
    Function,
    /// With text.
    Custom,
    /// It is the client's own search for tools that the model does not see yet: with JSON, which comes whole.
    Search,
}

/// The type and the name of a [search](Form::Search).
pub(super) const SEARCH: &str = "tool_search";

/// Does the client do it?
pub(super) fn is_clients(search: &Object) -> bool {
    search.peek("execution").and_then(Value::as_str) == Some("client")
}

/// Such names, by those of the neutral form.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Names(BTreeMap<String, Name>);

impl Names {
    pub(super) fn of(&self, flat: &str) -> Name {
        let plain = || Name {
            name: flat.to_owned(),
            ..Name::default()
        };
        self.0.get(flat).cloned().unwrap_or_else(plain)
    }
}

/// The name of a tool in the neutral form, which has no namespaces.
pub(super) fn flat(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}__{name}"),
        None => name.to_owned(),
    }
}

/// Tools that were read, and their names.
#[derive(Debug, Default)]
pub(super) struct Tools {
    pub(super) tools: Vec<Tool>,
    pub(super) names: Names,
}

/// What a tool is in.
#[derive(Debug, Clone)]
struct Namespace {
    name: String,
    description: Option<String>,
}

impl Tools {
    pub(super) fn read(&mut self, tools: Vec<Object>) -> Result<(), Error> {
        for mut tool in tools {
            let kind: String = tool.need("type")?;
            if kind != "namespace" {
                self.tool(kind, tool, None)?;
                continue;
            }
            let mut namespace = Namespace {
                name: tool.need("name")?,
                description: tool.opt("description")?,
            };
            for mut inner in tool.need::<Vec<Object>>("tools")? {
                let kind: String = inner.need("type")?;
                self.tool(kind, inner, Some(&namespace))?;
                // It goes before the first of them: once is enough.
                namespace.description = None;
            }
        }
        Ok(())
    }

    fn tool(
        &mut self,
        kind: String,
        mut tool: Object,
        namespace: Option<&Namespace>,
    ) -> Result<(), Error> {
        let function = match kind.as_str() {
            "function" => function(&mut tool, namespace)?,
            "custom" => custom(&mut tool, namespace)?,
            SEARCH if is_clients(&tool) => {
                tool.opt::<Value>("execution")?;
                tool.put("name", SEARCH.into());
                function(&mut tool, namespace)?
            }
            _ => {
                tool.put("type", kind.as_str().into());
                self.tools.push(Tool::Provider(ProviderTool {
                    kind,
                    dialect: Wire::OpenAiResponses.id().to_owned(),
                    definition: tool.into_text(),
                }));
                return Ok(());
            }
        };
        let name = Name {
            name: tool.need("name")?,
            namespace: namespace.map(|it| it.name.clone()),
            form: match kind.as_str() {
                "custom" => Form::Custom,
                SEARCH => Form::Search,
                _ => Form::Function,
            },
        };
        let flat = flat(name.namespace.as_deref(), &name.name);
        let twice = self
            .tools
            .iter()
            .any(|other| matches!(other, Tool::Function(it) if it.name == flat));
        if twice && self.names.of(&flat) != name {
            return Err(tool.wrong(
                "name",
                format_args!("is taken: another tool is called `{flat}` too, if namespaces are joined to names by `__`"),
            ));
        }
        if name.form == Form::Custom {
            // It is in the description now.
            tool.opt::<Value>("format")?;
        }
        if name.form != Form::Function || name.namespace.is_some() {
            self.names.0.insert(flat.clone(), name);
        }
        self.tools.push(Tool::Function(FunctionTool {
            name: flat,
            provider_data: tool.rest(),
            ..function
        }));
        Ok(())
    }

    /// Tools that were found on the way, perhaps more than once.
    pub(super) fn read_found(&mut self, found: Vec<Object>) -> Result<(), Error> {
        self.read(found)?;
        let mut known = HashSet::new();
        self.tools.retain(|tool| match tool {
            Tool::Function(tool) => known.insert(tool.name.clone()),
            Tool::Provider(_) => true,
        });
        Ok(())
    }

    /// The choice; a list of allowed tools of which one must be called is expressed by dropping the other tools.
    pub(super) fn choice(&mut self, choice: &Value) -> Result<ToolChoice, Error> {
        const PATH: &str = "tool_choice";
        if let Value::String(word) = choice {
            return match word.as_str() {
                "auto" => Ok(ToolChoice::Auto),
                "none" => Ok(ToolChoice::None),
                "required" => Ok(ToolChoice::Required),
                _ => Err(at(
                    PATH,
                    "must be `auto`, `none`, `required` or name a tool",
                )),
            };
        }
        let mut choice = Object::read(choice.clone(), PATH)?;
        if choice.peek("type").and_then(Value::as_str) != Some("allowed_tools") {
            let mut names = self.named(choice)?;
            return Ok(ToolChoice::Tool(names.pop().unwrap_or_default()));
        }
        let mut names = Vec::new();
        for tool in choice.need::<Vec<Object>>("tools")? {
            names.extend(self.named(tool)?);
        }
        match choice.need::<String>("mode")?.as_str() {
            "auto" => Ok(ToolChoice::Allowed(names)),
            "required" => {
                self.tools
                    .retain(|tool| names.iter().any(|name| name == name_of(tool)));
                Ok(ToolChoice::Required)
            }
            _ => Err(choice.wrong("mode", "must be `auto` or `required`")),
        }
    }

    /// The neutral names of a chosen tool: of those that the vendor runs it is their type.
    fn named(&self, mut tool: Object) -> Result<Vec<String>, Error> {
        let kind: String = tool.need("type")?;
        Ok(match kind.as_str() {
            "function" | "custom" => {
                let namespace: Option<String> = tool.opt("namespace")?;
                vec![flat(namespace.as_deref(), &tool.need::<String>("name")?)]
            }
            "namespace" => {
                let name: String = tool.need("name")?;
                let inside = |(_, it): &(&String, &Name)| it.namespace.as_ref() == Some(&name);
                let flat = self.names.0.iter().filter(inside).map(|(flat, _)| flat);
                flat.cloned().collect()
            }
            _ => vec![kind],
        })
    }
}

fn name_of(tool: &Tool) -> &str {
    match tool {
        Tool::Function(tool) => &tool.name,
        Tool::Provider(tool) => &tool.kind,
    }
}

fn function(tool: &mut Object, namespace: Option<&Namespace>) -> Result<FunctionTool, Error> {
    let parameters: Option<Object> = tool.opt("parameters")?;
    let parameters = parameters.map(Object::into_value);
    // This dialect enforces every schema that can be enforced, unless a client says no.
    let strict = match tool.opt("strict")? {
        Some(strict) => Some(strict),
        None => parameters.as_ref().is_some_and(is_closed).then_some(true),
    };
    Ok(FunctionTool {
        name: String::new(),
        description: described(tool.opt("description")?, namespace),
        parameters: parameters.map(|it| it.to_string()),
        strict,
        cache: media::cache_mark(tool)?,
        provider_data: None,
    })
}

/// Free text is a function's only argument; [`custom`](super::custom) turns the one into the other.
fn custom(tool: &mut Object, namespace: Option<&Namespace>) -> Result<FunctionTool, Error> {
    let mut input = "Free text, as it is.".to_owned();
    if let Some(format) = tool.peek("format")
        && format["type"] == "grammar"
    {
        let word = |key: &str| format[key].as_str().unwrap_or_default();
        input = format!(
            "Text of this grammar ({}):\n{}",
            word("syntax"),
            word("definition")
        );
    }
    Ok(FunctionTool {
        name: String::new(),
        description: described(tool.opt("description")?, namespace),
        parameters: Some(
            json!({
                "type": "object",
                "properties": { "input": { "type": "string", "description": input } },
                "required": ["input"],
                "additionalProperties": false,
            })
            .to_string(),
        ),
        strict: None,
        cache: media::cache_mark(tool)?,
        provider_data: None,
    })
}

fn described(own: Option<String>, namespace: Option<&Namespace>) -> Option<String> {
    let of_all = namespace.and_then(|it| Some((&it.name, it.description.as_ref()?)));
    match (of_all, own) {
        (None, own) => own,
        (Some((name, words)), own) => Some(format!(
            "All tools of `{name}`: {words}\n\n{}",
            own.unwrap_or_default()
        )),
    }
}

/// Is every object of a schema closed, and are all its properties required? Others can't be enforced as they are.
fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let closed = match fields.get("properties") {
                Some(Value::Object(properties)) => {
                    let required = fields.get("required").and_then(Value::as_array);
                    let required = required.map_or(&[][..], Vec::as_slice);
                    fields.get("additionalProperties") == Some(&Value::Bool(false))
                        && properties
                            .keys()
                            .all(|key| required.iter().any(|name| name == key))
                }
                _ => fields.get("type") != Some(&"object".into()),
            };
            closed && fields.values().all(is_closed)
        }
        Value::Array(items) => items.iter().all(is_closed),
        _ => true,
    }
}

/// The tools as the answer shows them: complete, and without what is secret.
pub(super) fn shown(tools: &[Value]) -> Vec<Value> {
    let show = |tool: &Value| {
        let mut tool = tool.clone();
        let Some(fields) = tool.as_object_mut() else {
            return tool;
        };
        match fields.get("type").and_then(Value::as_str) {
            Some("function") => {
                for key in ["description", "parameters"] {
                    fields.entry(key).or_insert(Value::Null);
                }
                fields.entry("strict").or_insert(Value::Bool(true));
            }
            Some("mcp") => {
                fields.shift_remove("authorization");
                fields.shift_remove("headers");
            }
            _ => {}
        }
        tool
    };
    tools.iter().map(show).collect()
}

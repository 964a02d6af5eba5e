//! Tools that this host runs for a client, as requests name them: in words of our own, or in those that dialects have for servers of
//! MCP, at the address `evenhand:PLUGIN`.

use memchr::memmem;
use serde_json::{Map, Value, json};
use types::Error;
use types::neutral::{GenerateRequest, ProviderTool, ResultContent, Tool};

/// The type of our own.
const OWN: &str = "evenhand";

/// The scheme of a plugin's address.
const SCHEME: &str = "evenhand:";

/// Ids of calls that the host ran begin so, when a client sees them.
pub const CALL: &str = "evh_";

/// May a request name such tools, or refer to such calls? Then no vendor can read it.
pub(crate) fn may_be_in(body: &[u8]) -> bool {
    let finder = |needle: &str| memmem::find(body, needle.as_bytes()).is_some();
    finder("\"evenhand\"") || finder("\"evenhand:") || finder("\"evh_")
}

/// Takes them out of a request: rules of names, `plugin/tool` or prefixes that end in `*`.
///
/// # Errors
/// What is wrong with them.
pub fn take(request: &mut GenerateRequest) -> Result<Vec<String>, Error> {
    let mut rules = Vec::new();
    let mut servers = servers(request);
    let mut left = Vec::new();
    for tool in std::mem::take(&mut request.tools) {
        match tool {
            Tool::Provider(tool) if tool.kind == OWN => rules.extend(own(&tool)?),
            Tool::Provider(tool) if tool.kind == "mcp" => match mcp(&tool)? {
                Some(more) => rules.extend(more),
                None => left.push(Tool::Provider(tool)),
            },
            Tool::Provider(tool) if tool.kind == "mcp_toolset" => {
                match toolset(&tool, &mut servers)? {
                    Some(more) => rules.extend(more),
                    None => left.push(Tool::Provider(tool)),
                }
            }
            tool => left.push(tool),
        }
    }
    request.tools = left;
    match servers.iter().find(|(_, _, used)| !used) {
        Some((name, ..)) => Err(Error::bad_request(format!(
            "the server {name:?} is in no `mcp_toolset` of `tools`"
        ))
        .at("mcp_servers")),
        None => Ok(rules),
    }
}

/// What is beside a call that the host ran: the words of a dialect that has them, which others read too.
pub fn call_data(plugin: &str) -> String {
    json!({ "type": "mcp_tool_use", "server_name": plugin }).to_string()
}

/// The same of its result.
pub fn result_data(content: &[ResultContent], is_error: bool) -> String {
    let blocks: Vec<Value> = content
        .iter()
        .map(|piece| match piece {
            ResultContent::Text(text) => text.clone(),
            ResultContent::Image(_) => "(an image)".into(),
            ResultContent::File(file) => format!("(the file {:?})", file.name),
            ResultContent::Source(source) => source.location.clone(),
        })
        .map(|text| json!({ "type": "text", "text": text }))
        .collect();
    json!({ "type": "mcp_tool_result", "is_error": is_error, "content": blocks }).to_string()
}

/// The plugin of a call that a client echoed, by what its dialect has beside it.
pub fn server(data: &str) -> Option<String> {
    let data: Value = serde_json::from_str(data).ok()?;
    let name = data["server_name"]
        .as_str()
        .or_else(|| data["server_label"].as_str());
    name.map(str::to_owned)
}

fn definition(tool: &ProviderTool) -> Map<String, Value> {
    serde_json::from_str(&tool.definition).unwrap_or_default()
}

fn wrong(what: impl Into<String>) -> Error {
    Error::bad_request(what).at("tools")
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let texts = value.as_array()?.iter();
    texts.map(|text| text.as_str().map(str::to_owned)).collect()
}

/// `{"type": "evenhand", "tools": ["calc/*"]}`
fn own(tool: &ProviderTool) -> Result<Vec<String>, Error> {
    let fields = definition(tool);
    if let Some(other) = fields
        .keys()
        .find(|key| !["type", "tools"].contains(&key.as_str()))
    {
        return Err(wrong(format!(
            "a tool of type `evenhand` has no `{other}`: write `tools` only"
        )));
    }
    let rules = fields.get("tools").and_then(texts).unwrap_or_default();
    match rules.is_empty() {
        true => Err(wrong(
            "a tool of type `evenhand` names tools of this host: \"tools\": [\"plugin/*\"]",
        )),
        false => Ok(rules),
    }
}

/// `{"type": "mcp", "server_url": "evenhand:calc", "server_label": …, "allowed_tools": […], "require_approval": "never"}`
fn mcp(tool: &ProviderTool) -> Result<Option<Vec<String>>, Error> {
    let fields = definition(tool);
    let url = fields.get("server_url").and_then(Value::as_str);
    let Some(plugin) = url.and_then(|url| url.strip_prefix(SCHEME)) else {
        return Ok(None);
    };
    if fields
        .get("require_approval")
        .is_some_and(|it| it != "never")
    {
        return Err(wrong(
            "tools of this host can't wait for an approval here: set `require_approval` to `never`, or use an agent",
        ));
    }
    let allowed = match fields.get("allowed_tools") {
        None | Some(Value::Null) => None,
        Some(Value::Object(filter)) => filter.get("tool_names").and_then(texts),
        Some(names) => texts(names),
    };
    Ok(Some(match allowed {
        Some(names) => names
            .iter()
            .map(|name| format!("{plugin}/{name}"))
            .collect(),
        None => vec![format!("{plugin}/*")],
    }))
}

/// Servers of ours, taken out of the request's own list: name, plugin, and whether a tool set uses it.
fn servers(request: &mut GenerateRequest) -> Vec<(String, String, bool)> {
    let mut ours = Vec::new();
    for extension in &mut request.extensions {
        let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(&extension.fields) else {
            continue;
        };
        let Some(Value::Array(all)) = fields.get_mut("mcp_servers") else {
            continue;
        };
        let before = all.len();
        all.retain(|server| {
            let url = server["url"].as_str();
            match (
                server["name"].as_str(),
                url.and_then(|url| url.strip_prefix(SCHEME)),
            ) {
                (Some(name), Some(plugin)) => {
                    ours.push((name.to_owned(), plugin.to_owned(), false));
                    false
                }
                _ => true,
            }
        });
        if all.len() == before {
            continue;
        }
        if all.is_empty() {
            fields.shift_remove("mcp_servers");
        }
        extension.fields = Value::Object(fields).to_string();
    }
    request
        .extensions
        .retain(|extension| extension.fields != "{}");
    ours
}

/// `{"type": "mcp_toolset", "mcp_server_name": …, "default_config": {"enabled": …}, "configs": {NAME: {"enabled": …}}}`
fn toolset(
    tool: &ProviderTool,
    servers: &mut [(String, String, bool)],
) -> Result<Option<Vec<String>>, Error> {
    let fields = Value::Object(definition(tool));
    let name = fields["mcp_server_name"].as_str().unwrap_or_default();
    let Some((_, plugin, used)) = servers.iter_mut().find(|(known, ..)| known == name) else {
        return Ok(None);
    };
    *used = true;
    let enabled = |config: &Value| config["enabled"].as_bool();
    let all = enabled(&fields["default_config"]).unwrap_or(true);
    let configs = fields["configs"].as_object().cloned().unwrap_or_default();
    if all
        && configs
            .values()
            .any(|config| enabled(config) == Some(false))
    {
        return Err(wrong(
            "of tools of this host, name those that are wanted: `default_config.enabled` false, and true for each of them in `configs`",
        ));
    }
    Ok(Some(match all {
        true => vec![format!("{plugin}/*")],
        false => {
            let wanted = configs
                .iter()
                .filter(|(_, config)| enabled(config) == Some(true));
            wanted.map(|(name, _)| format!("{plugin}/{name}")).collect()
        }
    }))
}

#[cfg(test)]
mod tests {
    use types::neutral::Extension;

    use super::*;

    fn request(tools: &[&str], extension: Option<&str>) -> GenerateRequest {
        let tools = tools.iter().map(|definition| {
            let fields: Value = serde_json::from_str(definition).unwrap();
            Tool::Provider(ProviderTool {
                kind: fields["type"].as_str().unwrap().into(),
                dialect: "x".into(),
                definition: (*definition).into(),
            })
        });
        GenerateRequest {
            tools: tools.collect(),
            extensions: extension
                .into_iter()
                .map(|fields| Extension {
                    dialect: "x".into(),
                    fields: fields.into(),
                })
                .collect(),
            ..GenerateRequest::new(Vec::new())
        }
    }

    #[test]
    fn tools_of_this_host_are_taken_and_others_left() {
        let mut asked = request(
            &[
                r#"{"type":"evenhand","tools":["calc/*","sql/query"]}"#,
                r#"{"type":"mcp","server_label":"k","server_url":"evenhand:kv","require_approval":"never","allowed_tools":["get"]}"#,
                r#"{"type":"mcp","server_label":"far","server_url":"https://mcp.example"}"#,
                r#"{"type":"mcp_toolset","mcp_server_name":"f","default_config":{"enabled":false},"configs":{"fetch":{"enabled":true}}}"#,
                r#"{"type":"web_search"}"#,
            ],
            Some(
                r#"{"mcp_servers":[{"type":"url","name":"f","url":"evenhand:fetch"},{"type":"url","name":"o","url":"https://o.example"}]}"#,
            ),
        );
        let rules = take(&mut asked).unwrap();
        assert_eq!(rules, ["calc/*", "sql/query", "kv/get", "fetch/fetch"]);
        assert_eq!(asked.tools.len(), 2);
        let fields = &asked.extensions[0].fields;
        assert!(
            fields.contains("o.example") && !fields.contains("evenhand"),
            "{fields}"
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (tool, named) in [
            (r#"{"type":"evenhand"}"#, "plugin/*"),
            (
                r#"{"type":"evenhand","tools":["a/*"],"approve":["a/b"]}"#,
                "approve",
            ),
            (
                r#"{"type":"mcp","server_url":"evenhand:kv","require_approval":"always"}"#,
                "require_approval",
            ),
        ] {
            let error = take(&mut request(&[tool], None)).unwrap_err();
            assert!(error.message.contains(named), "{}", error.message);
        }
        let unused = r#"{"mcp_servers":[{"name":"f","url":"evenhand:fetch"}]}"#;
        assert!(take(&mut request(&[], Some(unused))).is_err());
    }
}

use std::collections::BTreeMap;

use serde::Deserialize;

/// The operator's settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The server's endpoint (streamable HTTP).
    pub(crate) url: String,
    /// Name of the granted secret.
    pub(crate) credential: Option<String>,
    /// Header fields of every request.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The tools that are offered; absent: all.
    tools: Option<Vec<String>>,
}

impl Config {
    pub(crate) fn offers(&self, tool: &str) -> bool {
        let listed = |tools: &Vec<String>| tools.iter().any(|name| name == tool);
        self.tools.as_ref().is_none_or(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tools_are_offered_or_those_that_are_listed() {
        let read = |json: &str| serde_json::from_str::<Config>(json);
        let all = read(r#"{"url": "https://a.example/mcp"}"#).unwrap();
        assert!(all.offers("x"));
        let some = read(r#"{"url": "https://a.example/mcp", "tools": ["y"]}"#).unwrap();
        assert!(some.offers("y") && !some.offers("x"));
        assert!(read(r#"{"url": "https://a.example/mcp", "tool": []}"#).is_err());
        assert!(read("{}").is_err());
    }
}

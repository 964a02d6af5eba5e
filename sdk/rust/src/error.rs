use crate::types::{ErrorCode, ProviderTool};

pub use crate::generated::provider::evenhand::plugin::types::Error;

impl Error {
    /// An error of this kind.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            retry_after_ms: None,
            upstream: None,
        }
    }

    /// The request is at fault.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// This target cannot do it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unsupported, message)
    }

    /// There is no such model or object.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// The vendor said what cannot be understood.
    pub fn upstream(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Upstream, message)
    }

    /// The plugin itself failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    /// A tool of another vendor's, which this target lacks. It is named as the client named it, since it is never dropped
    /// in silence.
    pub fn no_such_tool(tool: &ProviderTool) -> Self {
        let definition: serde_json::Value =
            serde_json::from_str(&tool.definition).unwrap_or_default();
        // Some dialects have the fields of a type under its name.
        let named = definition["name"].as_str();
        let named = named.or_else(|| definition[&tool.kind]["name"].as_str());
        let named = match named.filter(|name| *name != tool.kind) {
            Some(name) => format!("`{name}` of type `{}`", tool.kind),
            None => format!("`{}`", tool.kind),
        };
        Self::bad_request(format!(
            "tool {named}: this provider has no such tool of its own; offer it as a function, or leave it out"
        ))
        .at("tools")
    }

    /// The same error, naming the field at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_lacking_is_named_as_the_client_named_it() {
        let lacking = |kind: &str, definition: &str| {
            let tool = ProviderTool {
                kind: kind.into(),
                dialect: "x".into(),
                definition: definition.into(),
            };
            Error::no_such_tool(&tool).message
        };
        let named = |said: String, name: &str| assert!(said.starts_with(name), "{said}");
        named(
            lacking("custom", r#"{"type":"custom","custom":{"name":"patch"}}"#),
            "tool `patch` of type `custom`:",
        );
        named(
            lacking("bash_20250124", r#"{"type":"bash_20250124","name":"bash"}"#),
            "tool `bash` of type `bash_20250124`:",
        );
        named(
            lacking("web_search", r#"{"type":"web_search"}"#),
            "tool `web_search`:",
        );
        named(lacking("odd", "no JSON"), "tool `odd`:");
    }
}

//! What a server offers, by MCP's methods.

use evenhand_sdk::Error;
use evenhand_sdk::tools::{
    CallResult, FilledPrompt, PromptInfo, Reference, ResourceContents, ResourceInfo, ToolInfo,
};
use rmcp::model::{
    CallToolResult, CompleteResult, ErrorCode, GetPromptResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Tool,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::exchange::Trouble;
use crate::host::Host;
use crate::read;

/// A page of tools, with a field that `rmcp` doesn't read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tools {
    tools: Vec<Listed>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(flatten)]
    tool: Tool,
    #[serde(default)]
    execution: Value,
}

impl Listed {
    /// It runs as a task only, which this bridge doesn't start.
    fn needs_task(&self) -> bool {
        self.execution["taskSupport"] == "required"
    }
}

impl<H: Host> Client<'_, H> {
    /// Those that can be called.
    pub(crate) fn tools(&mut self) -> Result<Vec<ToolInfo>, Error> {
        if !self.offers()?.tools {
            return Ok(Vec::new());
        }
        let split = |page: Tools| (page.tools, page.next_cursor);
        let tools = self.list("tools/list", split)?.into_iter();
        let callable = tools.filter(|listed| !listed.needs_task());
        Ok(callable
            .filter_map(|listed| read::tool(listed.tool))
            .collect())
    }

    /// Calls a tool. Its progress is told as it comes.
    /// `id`: the call's, by which it may be taken back.
    pub(crate) fn call(
        &mut self,
        id: &str,
        name: &str,
        arguments: &str,
    ) -> Result<CallResult, Error> {
        let arguments: Value = serde_json::from_str(arguments)
            .map_err(|e| Error::bad_request(format!("its arguments are no JSON: {e}")))?;
        let meta = json!({"progressToken": self.host.id()});
        let params = json!({"name": name, "arguments": arguments, "_meta": meta});
        let result: CallToolResult = self.ask_as(Some(id), "tools/call", &params)?;
        read::result(result)
    }

    pub(crate) fn resources(&mut self) -> Result<Vec<ResourceInfo>, Error> {
        if !self.offers()?.resources {
            return Ok(Vec::new());
        }
        let split = |page: ListResourcesResult| (page.resources, page.next_cursor);
        let resources = self.list("resources/list", split)?;
        Ok(resources.into_iter().map(read::resource).collect())
    }

    pub(crate) fn templates(&mut self) -> Result<Vec<ResourceInfo>, Error> {
        if !self.offers()?.resources {
            return Ok(Vec::new());
        }
        let split = |page: ListResourceTemplatesResult| (page.resource_templates, page.next_cursor);
        let templates = match self.list("resources/templates/list", split) {
            // Who has resources need not know templates.
            Err(Trouble::Answered(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => vec![],
            listed => listed?,
        };
        Ok(templates.into_iter().map(read::template).collect())
    }

    pub(crate) fn read(&mut self, uri: &str) -> Result<Vec<ResourceContents>, Error> {
        let read: ReadResourceResult = match self.ask("resources/read", &json!({"uri": uri})) {
            // From 2026 on there is no code of its own for it, and many servers never had one.
            Err(Trouble::Answered(error)) if error.code == ErrorCode::INVALID_PARAMS => {
                return Err(Error::not_found(error.message));
            }
            read => read?,
        };
        read.contents.into_iter().map(read::contents).collect()
    }

    pub(crate) fn prompts(&mut self) -> Result<Vec<PromptInfo>, Error> {
        if !self.offers()?.prompts {
            return Ok(Vec::new());
        }
        let split = |page: ListPromptsResult| (page.prompts, page.next_cursor);
        let prompts = self.list("prompts/list", split)?;
        Ok(prompts.into_iter().map(read::prompt).collect())
    }

    pub(crate) fn prompt(
        &mut self,
        name: &str,
        arguments: Vec<(String, String)>,
    ) -> Result<FilledPrompt, Error> {
        let params = json!({"name": name, "arguments": object(arguments)});
        let filled: GetPromptResult = self.ask("prompts/get", &params)?;
        read::filled(filled)
    }

    pub(crate) fn complete(
        &mut self,
        of: Reference,
        argument: &str,
        value: &str,
        others: Vec<(String, String)>,
    ) -> Result<Vec<String>, Error> {
        if !self.offers()?.completions {
            return Ok(Vec::new());
        }
        let of = match of {
            Reference::Prompt(name) => json!({"type": "ref/prompt", "name": name}),
            Reference::Resource(uri) => json!({"type": "ref/resource", "uri": uri}),
        };
        let argument = json!({"name": argument, "value": value});
        let known = json!({"arguments": object(others)});
        let params = json!({"ref": of, "argument": argument, "context": known});
        let completed: CompleteResult = self.ask("completion/complete", &params)?;
        Ok(completed.completion.values)
    }
}

fn object(fields: Vec<(String, String)>) -> Map<String, Value> {
    let fields = fields.into_iter();
    fields.map(|(name, value)| (name, value.into())).collect()
}

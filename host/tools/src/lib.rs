//! Tools, resources and prompts that plugins offer: which there are, whether arguments fit, and calls.
//!
//! A tool's name is `plugin/tool`; whoever asks says which names they may use, and others are not there for them.

#![deny(missing_docs)]

mod schema;

use std::sync::Arc;
use std::time::Instant;

use catalog::{Catalog, Revision, Snapshot};
use futures::future::join_all;
use metrics::Metrics;
pub use sandbox::{Behind, Link, no_person};
use types::neutral::{FunctionTool, ResultContent};
use types::tool::{
    CallResult, FilledPrompt, PromptInfo, Reference, ResourceContents, ResourceInfo, ToolContent,
    ToolInfo,
};
use types::{Error, ErrorCode};

pub use schema::misfit;

/// Most bytes of arguments.
const ARGUMENTS: usize = 1 << 20;

/// The tools of the plugins that serve.
#[derive(Clone)]
pub struct Tools {
    catalog: Arc<Catalog>,
    metrics: Arc<Metrics>,
}

/// A tool that may be called.
#[derive(Clone)]
pub struct Tool {
    revision: Arc<Revision>,
    /// What it is.
    pub info: ToolInfo,
}

impl Tool {
    /// The plugin's name.
    pub fn plugin(&self) -> &str {
        self.revision.plugin.name()
    }

    /// `plugin/tool`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.plugin(), self.info.name)
    }

    /// SHA-256 of its component, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.revision.digest
    }

    /// As a model is told of it.
    pub fn function(&self) -> FunctionTool {
        FunctionTool {
            name: self.id(),
            description: Some(self.info.description.clone()),
            parameters: Some(self.info.input_schema.clone()),
            strict: None,
            cache: None,
            provider_data: None,
        }
    }
}

impl Tools {
    /// The tools of what this catalog serves.
    pub fn new(catalog: Arc<Catalog>, metrics: Arc<Metrics>) -> Self {
        Self { catalog, metrics }
    }

    /// Revisions of plugins, by the operator's order.
    fn revisions(&self) -> Vec<Arc<Revision>> {
        let now: Arc<Snapshot> = self.catalog.now().clone();
        let names = now.config.plugins.iter().map(|plugin| &plugin.name);
        names
            .filter_map(|name| now.revisions.get(name).cloned())
            .filter(|revision| revision.is_tools())
            .collect()
    }

    fn revision(&self, plugin: &str) -> Option<Arc<Revision>> {
        let now = self.catalog.now();
        let revision = now.pick(plugin);
        revision.filter(|revision| revision.is_tools()).cloned()
    }

    /// All tools whose names `may` allows. A plugin that can't say what it has is left out, and so is a tool whose schema is none.
    pub async fn list(&self, may: impl Fn(&str) -> bool) -> Vec<Tool> {
        let all = self.revisions();
        let listed = join_all(all.iter().map(|revision| self.of(revision)));
        let mut tools: Vec<Tool> = listed.await.into_iter().flatten().collect();
        tools.retain(|tool| may(&tool.id()));
        tools
    }

    /// The same of one plugin.
    pub async fn of_plugin(&self, plugin: &str, may: impl Fn(&str) -> bool) -> Vec<Tool> {
        let Some(revision) = self.revision(plugin) else {
            return Vec::new();
        };
        let mut tools = self.of(&revision).await;
        tools.retain(|tool| may(&tool.id()));
        tools
    }

    /// A tool by its name, `plugin/tool`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find(&self, id: &str) -> Result<Tool, Error> {
        let found = async {
            let (plugin, name) = id.split_once('/')?;
            let revision = self.revision(plugin)?;
            let tools = self.of(&revision).await;
            tools.into_iter().find(|tool| tool.info.name == name)
        };
        found
            .await
            .ok_or_else(|| Error::new(ErrorCode::NotFound, format!("there is no tool {id:?}")))
    }

    async fn of(&self, revision: &Arc<Revision>) -> Vec<Tool> {
        let listed = match revision.tools(Behind::nobody()).await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(
                    plugin = revision.plugin.name(),
                    error = error.message,
                    "left out: it can't list its tools"
                );
                return Vec::new();
            }
        };
        let good = listed.iter().filter(|info| match schema::check(info) {
            Ok(()) => true,
            Err(error) => {
                let plugin = revision.plugin.name();
                tracing::warn!(
                    plugin,
                    tool = info.name,
                    error,
                    "left out: a tool that can't be offered"
                );
                false
            }
        });
        good.map(|info| Tool {
            revision: revision.clone(),
            info: info.clone(),
        })
        .collect()
    }

    /// Calls a tool. `id`: the call's, the same for one that is repeated. What the model may correct, arguments that don't fit too,
    /// is in the result.
    ///
    /// # Errors
    /// The plugin failed, is busy, or in quarantine.
    pub async fn call(
        &self,
        tool: &Tool,
        id: &str,
        arguments: &str,
        behind: Behind,
    ) -> Result<CallResult, Error> {
        if arguments.len() > ARGUMENTS {
            let message = format!("the arguments have more than {ARGUMENTS} bytes");
            return Ok(CallResult::failed(message));
        }
        if let Some(error) = misfit(&tool.info, arguments) {
            return Ok(CallResult::failed(error));
        }
        let begun = Instant::now();
        self.metrics.begun(tool.plugin());
        let name = tool.info.name.clone();
        let owner = behind.owner.clone();
        let plugin = &tool.revision.plugin;
        let called = plugin.call_tool(id.into(), name, arguments.into(), behind);
        let called = called.await.and_then(|result| checked(tool, result));
        let status = match &called {
            Ok(_) => 200,
            Err(error) => error.status(),
        };
        self.metrics.ended(metrics::Ended {
            plugin: tool.plugin(),
            dialect: "tool",
            status,
            took: begun.elapsed(),
            input_tokens: None,
            output_tokens: None,
        });
        let failed = called.as_ref().is_ok_and(|result| result.is_error);
        tool.revision.count(failed || status >= 400);
        tracing::info!(
            target: "call",
            key = owner,
            plugin = tool.plugin(),
            tool = tool.info.name,
            status,
            failed,
            milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        );
        called
    }

    /// The plugins that offer tools, resources or prompts, each with the SHA-256 of its component.
    pub fn versions(&self) -> Vec<(String, String)> {
        let all = self.revisions().into_iter();
        all.map(|revision| (revision.plugin.name().to_owned(), revision.digest.clone()))
            .collect()
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        self.plugins(|_| true)
    }

    /// Plugins that offer tools, resources or prompts, of which `may` allows all: `plugin/*`.
    pub fn plugins(&self, may: impl Fn(&str) -> bool) -> Vec<String> {
        let all = self.revisions().into_iter();
        let names = all.map(|revision| revision.plugin.name().to_owned());
        names.filter(|name| may(&format!("{name}/"))).collect()
    }

    /// What a plugin has to read, or the templates of URIs. One that can't say has nothing.
    pub async fn resources(
        &self,
        plugin: &str,
        templates: bool,
        behind: Behind,
    ) -> Vec<ResourceInfo> {
        let Some(revision) = self.revision(plugin) else {
            return Vec::new();
        };
        self.listed(plugin, revision.plugin.resources(templates, behind).await)
    }

    /// Reads a resource of a plugin.
    ///
    /// # Errors
    /// `NotFound`, or the plugin's.
    pub async fn read_resource(
        &self,
        plugin: &str,
        uri: &str,
        behind: Behind,
    ) -> Result<Vec<ResourceContents>, Error> {
        let revision = self.revision(plugin).ok_or_else(|| none(plugin))?;
        revision.plugin.read_resource(uri.into(), behind).await
    }

    /// The prompts of a plugin. One that can't say has none.
    pub async fn prompts(&self, plugin: &str, behind: Behind) -> Vec<PromptInfo> {
        let Some(revision) = self.revision(plugin) else {
            return Vec::new();
        };
        self.listed(plugin, revision.plugin.prompts(behind).await)
    }

    /// Fills in a prompt of a plugin.
    ///
    /// # Errors
    /// `NotFound`, or the plugin's.
    pub async fn prompt(
        &self,
        plugin: &str,
        name: &str,
        arguments: Vec<(String, String)>,
        behind: Behind,
    ) -> Result<FilledPrompt, Error> {
        let revision = self.revision(plugin).ok_or_else(|| none(plugin))?;
        revision.plugin.prompt(name.into(), arguments, behind).await
    }

    /// Suggests values of an argument, best first.
    ///
    /// # Errors
    /// The plugin's.
    pub async fn complete(
        &self,
        plugin: &str,
        of: Reference,
        argument: (String, String),
        others: Vec<(String, String)>,
        behind: Behind,
    ) -> Result<Vec<String>, Error> {
        let revision = self.revision(plugin).ok_or_else(|| none(plugin))?;
        let (argument, value) = argument;
        revision
            .plugin
            .complete(of, argument, value, others, behind)
            .await
    }

    fn listed<T>(&self, plugin: &str, listed: Result<Vec<T>, Error>) -> Vec<T> {
        listed.unwrap_or_else(|error| {
            tracing::warn!(
                plugin,
                error = error.message,
                "left out: it can't list what it has"
            );
            Vec::new()
        })
    }
}

fn none(plugin: &str) -> Error {
    Error::new(
        ErrorCode::NotFound,
        format!("there is no plugin {plugin:?} with tools"),
    )
}

/// A result with structured content, where the tool promises it, has what it promises.
fn checked(tool: &Tool, result: CallResult) -> Result<CallResult, Error> {
    match schema::breach(&tool.info, &result) {
        None => Ok(result),
        Some(what) => {
            let message = format!("the tool {:?} broke its output schema: {what}", tool.id());
            Err(Error::new(ErrorCode::PluginFailed, message).of(tool.plugin()))
        }
    }
}

/// A new id of a call.
pub fn call_id() -> String {
    format!("call_{}", uuid::Uuid::now_v7().simple())
}

/// A result as a model is told of it. What models have no words for is told in text.
pub fn for_model(result: &CallResult) -> Vec<ResultContent> {
    let mut told: Vec<ResultContent> = result.content.iter().map(content_for_model).collect();
    if told.is_empty() {
        told.extend(result.structured.clone().map(ResultContent::Text));
    }
    told
}

fn content_for_model(content: &ToolContent) -> ResultContent {
    use types::neutral::{Media, MediaSource};
    use types::tool::ResourceData;
    match content {
        ToolContent::Text(text) => ResultContent::Text(text.clone()),
        ToolContent::Image(image) => ResultContent::Image(image.clone()),
        ToolContent::Audio(_) => {
            ResultContent::Text("(a sound, which can't be shown to you)".into())
        }
        ToolContent::Link(link) => {
            ResultContent::Text(format!("{} (resource {:?})", link.uri, link.name))
        }
        ToolContent::Resource(resource) => match &resource.data {
            ResourceData::Text(text) => ResultContent::Text(text.clone()),
            ResourceData::Bytes(bytes) => ResultContent::File(Media {
                source: MediaSource::Bytes(bytes.clone()),
                media_type: resource.media_type.clone(),
                name: Some(resource.uri.clone()),
                context: None,
                detail: None,
                cite: false,
            }),
        },
    }
}

//! Tool components: what they offer, and calls of it. Each in an instance of its own.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::timeout;
use types::config::Sample;
use types::tool::{
    CallResult, Elicited, FilledPrompt, NoticeLevel, PromptInfo, Reference, ResourceContents,
    ResourceInfo, SampleRequest, Sampled, ToolInfo,
};
use types::{Error, ErrorCode};

use crate::bindings::completions::CompletionsWorldPre;
use crate::bindings::completions::exports::evenhand::plugin::completions as completion;
use crate::bindings::prompts::PromptsWorldPre;
use crate::bindings::resources::ResourcesWorldPre;
use crate::bindings::tool::ToolWorldPre;
use crate::call;
use crate::convert::Cross;
use crate::plugin::{Guest, Plugin};
use crate::state::State;

/// Most tools, resources, templates or prompts that a plugin may list, and most bytes of each of these lists.
const LISTED: usize = 1000;
const LISTED_SIZE: usize = 8 << 20;

/// How long a component has to end what a cancelled call began.
const CANCEL: Duration = Duration::from_secs(5);

/// Tells a component of a call that is dropped before its end.
struct Dropped {
    plugin: Arc<Plugin>,
    call: Option<(String, String, Behind)>,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let (Some((id, name, behind)), Ok(runtime)) = (self.call.take(), Handle::try_current())
        else {
            return;
        };
        let plugin = self.plugin.clone();
        runtime.spawn(async move { plugin.cancel_tool(id, name, behind).await });
    }
}

/// A tool component, linked.
pub(crate) struct ToolGuest {
    pub(crate) world: ToolWorldPre<State>,
    pub(crate) resources: Option<ResourcesWorldPre<State>>,
    pub(crate) prompts: Option<PromptsWorldPre<State>>,
    pub(crate) completions: Option<CompletionsWorldPre<State>>,
    /// Places of the pool that an instance takes.
    pub(crate) weight: u32,
}

/// Leads from a call of a tool to the client behind it.
pub trait Link: Send + Sync {
    /// How far the work is.
    fn progress(&self, done: f64, total: Option<f64>, message: Option<String>);

    /// Something to know while the call runs; `data` is JSON.
    fn notify(&self, level: NoticeLevel, logger: Option<String>, data: String);

    /// Asks the person. `schema`: JSON Schema of the answer.
    fn elicit(&self, message: String, schema: String) -> BoxFuture<'_, Result<Elicited, Error>>;

    /// Asks a model, one of those that are granted.
    fn sample<'a>(
        &'a self,
        granted: &'a Sample,
        request: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>>;
}

/// Who is behind a call.
#[derive(Clone)]
pub struct Behind {
    /// The key; empty where none is asked for.
    pub owner: String,
    /// The client's session; empty: none.
    pub session: String,
    /// The way to the client.
    pub link: Arc<dyn Link>,
}

impl Behind {
    /// Nobody: what is said to them is lost, and no question is answered.
    pub fn nobody() -> Self {
        Self {
            owner: String::new(),
            session: String::new(),
            link: Arc::new(NoLink),
        }
    }
}

/// What a tool is told that asks a person where there is none.
pub fn no_person() -> Error {
    let message = "nobody can be asked: no person is behind this call";
    Error::new(ErrorCode::Unsupported, message)
}

/// Leads nowhere.
struct NoLink;

impl Link for NoLink {
    fn progress(&self, _: f64, _: Option<f64>, _: Option<String>) {}

    fn notify(&self, _: NoticeLevel, _: Option<String>, _: String) {}

    fn elicit(&self, _: String, _: String) -> BoxFuture<'_, Result<Elicited, Error>> {
        Box::pin(async { Err(no_person()) })
    }

    fn sample<'a>(
        &'a self,
        _: &'a Sample,
        _: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>> {
        let message = "no model can be asked: no client is behind this call";
        Box::pin(async move { Err(Error::new(ErrorCode::Unsupported, message)) })
    }
}

impl Plugin {
    /// The tools of a component; nothing of other kinds.
    ///
    /// # Errors
    /// The plugin's.
    pub async fn tools(self: &Arc<Self>, behind: Behind) -> Result<Vec<ToolInfo>, Error> {
        if !matches!(self.guest, Guest::Tools(_)) {
            return Ok(Vec::new());
        }
        let listed = self.unary(None, 0, Some(behind), |plugin, store| {
            Box::pin(async move {
                let world = plugin
                    .tool_guest()?
                    .world
                    .instantiate_async(&mut *store)
                    .await?;
                world.evenhand_plugin_tools().call_list_tools(store).await
            })
        });
        let listed: Vec<ToolInfo> = listed.await?.cross();
        let size = |it: &ToolInfo| {
            it.name.len()
                + it.description.len()
                + it.input_schema.len()
                + it.output_schema.as_ref().map_or(0, String::len)
        };
        self.bounded(listed, size)
    }

    /// Calls a tool. The arguments are a JSON object that fits the tool's schema.
    ///
    /// # Errors
    /// The plugin's; what the model may correct is in the result.
    pub async fn call_tool(
        self: &Arc<Self>,
        id: String,
        name: String,
        arguments: String,
        behind: Behind,
    ) -> Result<CallResult, Error> {
        self.tool_guest()
            .map_err(|_| self.is("no tool component"))?;
        let asked = arguments.len();
        let pass = Some(self.gate.admit()?);
        let mut dropped = Dropped {
            plugin: self.clone(),
            call: Some((id.clone(), name.clone(), behind.clone())),
        };
        let called = self.unary(pass, asked, Some(behind), move |plugin, store| {
            Box::pin(async move {
                let world = plugin
                    .tool_guest()?
                    .world
                    .instantiate_async(&mut *store)
                    .await?;
                let tools = world.evenhand_plugin_tools();
                tools.call_call_tool(store, &id, &name, &arguments).await
            })
        });
        let called = called.await;
        // One that ran out of time was dropped too.
        if !matches!(&called, Err(error) if error.code == ErrorCode::TimedOut) {
            dropped.call = None;
        }
        Ok(called?.cross())
    }

    /// Lets a component end what a call began elsewhere, whose instance is gone.
    async fn cancel_tool(self: &Arc<Self>, id: String, name: String, behind: Behind) {
        let ended = self.unary(None, 0, Some(behind), move |plugin, store| {
            Box::pin(async move {
                let world = plugin
                    .tool_guest()?
                    .world
                    .instantiate_async(&mut *store)
                    .await?;
                let tools = world.evenhand_plugin_tools();
                tools.call_cancel_tool(store, &id, &name).await.map(Ok)
            })
        });
        // What goes wrong is in the log, and nobody waits for it.
        let _ = timeout(CANCEL, ended).await;
    }

    /// What there is to read, and the templates of URIs.
    ///
    /// # Errors
    /// The plugin's.
    pub async fn resources(
        self: &Arc<Self>,
        templates: bool,
        behind: Behind,
    ) -> Result<Vec<ResourceInfo>, Error> {
        if !self.exports(|tools| tools.resources.is_some()) {
            return Ok(Vec::new());
        }
        let listed = self.unary(None, 0, Some(behind), move |plugin, store| {
            Box::pin(async move {
                let world = plugin.tool_guest()?.resources.as_ref();
                let world = world
                    .ok_or_else(lacking)?
                    .instantiate_async(&mut *store)
                    .await?;
                let resources = world.evenhand_plugin_resources();
                match templates {
                    true => resources.call_list_templates(store).await,
                    false => resources.call_list_resources(store).await,
                }
            })
        });
        let listed: Vec<ResourceInfo> = listed.await?.cross();
        self.bounded(listed, |it| {
            it.uri.len() + it.name.len() + it.description.as_ref().map_or(0, String::len)
        })
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// `NotFound`, or the plugin's.
    pub async fn read_resource(
        self: &Arc<Self>,
        uri: String,
        behind: Behind,
    ) -> Result<Vec<ResourceContents>, Error> {
        if !self.exports(|tools| tools.resources.is_some()) {
            return Err(Error::new(ErrorCode::NotFound, "there are no resources"));
        }
        let pass = Some(self.gate.admit()?);
        let read = self.unary(pass, uri.len(), Some(behind), move |plugin, store| {
            Box::pin(async move {
                let world = plugin.tool_guest()?.resources.as_ref();
                let world = world
                    .ok_or_else(lacking)?
                    .instantiate_async(&mut *store)
                    .await?;
                let resources = world.evenhand_plugin_resources();
                resources.call_read_resource(store, &uri).await
            })
        });
        Ok(read.await?.cross())
    }

    /// Its prompts.
    ///
    /// # Errors
    /// The plugin's.
    pub async fn prompts(self: &Arc<Self>, behind: Behind) -> Result<Vec<PromptInfo>, Error> {
        if !self.exports(|tools| tools.prompts.is_some()) {
            return Ok(Vec::new());
        }
        let listed = self.unary(None, 0, Some(behind), |plugin, store| {
            Box::pin(async move {
                let world = plugin.tool_guest()?.prompts.as_ref();
                let world = world
                    .ok_or_else(lacking)?
                    .instantiate_async(&mut *store)
                    .await?;
                world
                    .evenhand_plugin_prompts()
                    .call_list_prompts(store)
                    .await
            })
        });
        let listed: Vec<PromptInfo> = listed.await?.cross();
        self.bounded(listed, |it| {
            it.name.len() + it.description.as_ref().map_or(0, String::len) + it.arguments.len() * 64
        })
    }

    /// Fills in a prompt.
    ///
    /// # Errors
    /// `NotFound`, or the plugin's.
    pub async fn prompt(
        self: &Arc<Self>,
        name: String,
        arguments: Vec<(String, String)>,
        behind: Behind,
    ) -> Result<FilledPrompt, Error> {
        if !self.exports(|tools| tools.prompts.is_some()) {
            return Err(Error::new(ErrorCode::NotFound, "there are no prompts"));
        }
        let pass = Some(self.gate.admit()?);
        let filled = self.unary(pass, name.len(), Some(behind), move |plugin, store| {
            Box::pin(async move {
                let world = plugin.tool_guest()?.prompts.as_ref();
                let world = world
                    .ok_or_else(lacking)?
                    .instantiate_async(&mut *store)
                    .await?;
                let prompts = world.evenhand_plugin_prompts();
                prompts.call_get_prompt(store, &name, &arguments).await
            })
        });
        Ok(filled.await?.cross())
    }

    /// Suggests values of an argument.
    ///
    /// # Errors
    /// The plugin's.
    pub async fn complete(
        self: &Arc<Self>,
        of: Reference,
        argument: String,
        value: String,
        others: Vec<(String, String)>,
        behind: Behind,
    ) -> Result<Vec<String>, Error> {
        if !self.exports(|tools| tools.completions.is_some()) {
            return Ok(Vec::new());
        }
        let of = match of {
            Reference::Prompt(name) => completion::Reference::Prompt(name),
            Reference::Resource(uri) => completion::Reference::Resource(uri),
        };
        let values = self.unary(None, value.len(), Some(behind), move |plugin, store| {
            Box::pin(async move {
                let world = plugin.tool_guest()?.completions.as_ref();
                let world = world
                    .ok_or_else(lacking)?
                    .instantiate_async(&mut *store)
                    .await?;
                let completions = world.evenhand_plugin_completions();
                completions
                    .call_complete(store, &of, &argument, &value, &others)
                    .await
            })
        });
        self.bounded(values.await?, String::len)
    }

    /// Does it offer resources and prompts?
    pub fn offers(&self) -> (bool, bool) {
        (
            self.exports(|tools| tools.resources.is_some()),
            self.exports(|tools| tools.prompts.is_some()),
        )
    }

    fn exports(&self, what: impl Fn(&ToolGuest) -> bool) -> bool {
        matches!(&self.guest, Guest::Tools(tools) if what(tools))
    }

    fn tool_guest(&self) -> wasmtime::Result<&ToolGuest> {
        match &self.guest {
            Guest::Tools(tools) => Ok(tools),
            _ => Err(wasmtime::Error::msg("it is no tool component")),
        }
    }

    /// A list, where it isn't endless.
    fn bounded<T>(&self, listed: Vec<T>, size: impl Fn(&T) -> usize) -> Result<Vec<T>, Error> {
        if listed.len() <= LISTED && listed.iter().map(size).sum::<usize>() <= LISTED_SIZE {
            return Ok(listed);
        }
        let message =
            format!("it lists more than {LISTED} things, or more than {LISTED_SIZE} bytes of them");
        Err(call::overran(
            &self.shared,
            Error::new(ErrorCode::PluginFailed, message),
        ))
    }
}

fn lacking() -> wasmtime::Error {
    wasmtime::Error::msg("it doesn't export that")
}

//! A session's requests, one method each.
#![expect(deprecated, reason = "logging is part of 2025-11-25")]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, CompletionInfo,
    Extensions, GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    Reference, ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
    UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};
use tools::Behind;
use types::ErrorCode;
use types::tool::{CallResult, NoticeLevel};

use crate::link::ClientLink;
use crate::lists::page;
use crate::visit::Visit;
use crate::watch::{Print, Watch};
use crate::{Shared, convert, errors, names, session};

/// Most resources that a session watches.
const WATCHED: usize = 100;

/// What a session wants.
pub(crate) struct State {
    level: Mutex<NoticeLevel>,
    watched: Mutex<BTreeMap<String, Option<Print>>>,
}

impl State {
    /// The least that a notice must matter.
    pub(crate) fn level(&self) -> NoticeLevel {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resources that it watches, and what they were when it last looked.
    pub(crate) fn watched(&self) -> MutexGuard<'_, BTreeMap<String, Option<Print>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves one session.
pub(crate) struct Server {
    shared: Arc<Shared>,
    state: Arc<State>,
    open: CancellationToken,
    _ends: DropGuard,
}

impl Server {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let open = CancellationToken::new();
        let state = State {
            level: Mutex::new(NoticeLevel::Info),
            watched: Mutex::default(),
        };
        Self {
            shared,
            state: Arc::new(state),
            _ends: open.clone().drop_guard(),
            open,
        }
    }

    /// Runs what a request asks for, until the client takes it back.
    async fn run<T>(
        &self,
        context: &RequestContext<RoleServer>,
        call: impl AsyncFnOnce(&Visit, Behind) -> Result<T, ErrorData>,
    ) -> Result<T, ErrorData> {
        let (visit, session) = visit(&context.extensions)?;
        let state = self.state.clone();
        let calls = self.shared.calls.clone();
        let (link, telling) = ClientLink::new(context, state, calls, visit.caller.clone());
        let behind = Behind {
            owner: visit.owner().to_owned(),
            session,
            link: Arc::new(link),
        };
        tokio::select! {
            () = context.ct.cancelled() => Err(errors::cancelled()),
            answer = telling.during(call(&visit, behind)) => answer,
        }
    }

    async fn call(
        &self,
        visit: &Visit,
        behind: Behind,
        asked: CallToolRequestParams,
    ) -> Result<CallResult, ErrorData> {
        let unknown = || errors::unknown_tool(&asked.name);
        let plugins = self.shared.tools.names();
        let mut found = None;
        for (plugin, name) in names::meant(visit, &plugins, &asked.name) {
            let id = format!("{plugin}/{name}");
            if visit.may(&id)
                && let Ok(tool) = self.shared.tools.find(&id).await
            {
                found = Some(tool);
                break;
            }
        }
        let tool = found.ok_or_else(unknown)?;
        let arguments = Value::Object(asked.arguments.unwrap_or_default()).to_string();
        let id = tools::call_id();
        let called = self.shared.tools.call(&tool, &id, &arguments, behind);
        match called.await {
            Ok(result) => Ok(result),
            Err(error) => errors::of_call(&tool, &error).map(CallResult::failed),
        }
    }
}

/// Who sends a request, and their session.
fn visit(extensions: &Extensions) -> Result<(Visit, String), ErrorData> {
    let parts = extensions.get::<Parts>();
    let visit = parts.and_then(|parts| {
        Some((
            parts.extensions.get::<Visit>()?.clone(),
            session(&parts.headers),
        ))
    });
    visit.ok_or_else(|| ErrorData::internal_error("nobody knows who sent this request", None))
}

/// Somebody who only looks.
pub(crate) fn looking(visit: &Visit, session: String) -> Behind {
    Behind {
        owner: visit.owner().to_owned(),
        session,
        ..Behind::nobody()
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_logging()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        let mut info = ServerConfig::new(capabilities);
        let mut me = Implementation::new("evenhand", env!("CARGO_PKG_VERSION"));
        me.title = Some("Evenhand".into());
        info.server_info = me;
        info
    }

    /// From 2026-07-28 on a server asks clients in another way, which plugins can't yet.
    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::known_up_to(&ProtocolVersion::V_2025_11_25))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let Some(parts) = context.extensions.get::<Parts>() else {
            return;
        };
        let Ok((visit, session)) = visit(&context.extensions) else {
            return;
        };
        let watch = Watch {
            shared: self.shared.clone(),
            state: self.state.clone(),
            peer: context.peer.clone(),
            headers: parts.headers.clone(),
            visit,
            session,
        };
        let open = self.open.clone();
        tokio::spawn(async move { open.run_until_cancelled(watch.run()).await });
    }

    async fn list_tools(
        &self,
        asked: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (visit, _) = visit(&context.extensions)?;
        let (tools, next) = page(self.shared.tools(&visit).await, asked)?;
        let mut result = ListToolsResult::with_all_items(tools);
        result.next_cursor = next;
        Ok(result)
    }

    async fn call_tool(
        &self,
        asked: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let called = self.run(&context, async |visit, behind| {
            self.call(visit, behind, asked).await
        });
        Ok(convert::result(&called.await?).into())
    }

    async fn list_resources(
        &self,
        asked: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (visit, session) = visit(&context.extensions)?;
        let all = self
            .shared
            .resources(&visit, &looking(&visit, session))
            .await;
        let (resources, next) = page(all, asked)?;
        let mut result = ListResourcesResult::with_all_items(resources);
        result.next_cursor = next;
        Ok(result)
    }

    async fn list_resource_templates(
        &self,
        asked: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (visit, session) = visit(&context.extensions)?;
        let all = self
            .shared
            .templates(&visit, &looking(&visit, session))
            .await;
        let (templates, next) = page(all, asked)?;
        let mut result = ListResourceTemplatesResult::with_all_items(templates);
        result.next_cursor = next;
        Ok(result)
    }

    async fn read_resource(
        &self,
        asked: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = self.run(&context, async |visit, behind| {
            let read = self.shared.read(visit, &behind, &asked.uri).await;
            read.map_err(|error| of_resource(&asked.uri, &error))
        });
        let contents = read.await?.iter().map(convert::contents).collect();
        Ok(ReadResourceResult::new(contents).into())
    }

    async fn subscribe(
        &self,
        asked: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let read = self.run(&context, async |visit, behind| {
            let read = self.shared.read(visit, &behind, &asked.uri).await;
            read.map_err(|error| of_resource(&asked.uri, &error))
        });
        let print = Print::of(&read.await?);
        let mut watched = self.state.watched();
        if watched.len() >= WATCHED && !watched.contains_key(&asked.uri) {
            let message = format!("a session watches at most {WATCHED} resources");
            return Err(ErrorData::invalid_params(message, None));
        }
        watched.insert(asked.uri, Some(print));
        Ok(())
    }

    async fn unsubscribe(
        &self,
        asked: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.state.watched().remove(&asked.uri);
        Ok(())
    }

    async fn list_prompts(
        &self,
        asked: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let (visit, session) = visit(&context.extensions)?;
        let all = self.shared.prompts(&visit, &looking(&visit, session)).await;
        let (prompts, next) = page(all, asked)?;
        let mut result = ListPromptsResult::with_all_items(prompts);
        result.next_cursor = next;
        Ok(result)
    }

    async fn get_prompt(
        &self,
        asked: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments: Result<Vec<(String, String)>, ErrorData> = asked
            .arguments
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(value) => Ok((name, value)),
                _ => Err(ErrorData::invalid_params(
                    format!("the argument {name:?} is no text"),
                    None,
                )),
            })
            .collect();
        let arguments = arguments?;
        let filled = self.run(&context, async |visit, behind| {
            let plugins = self.shared.plugins(visit);
            for (plugin, name) in names::meant(visit, &plugins, &asked.name) {
                let filled =
                    self.shared
                        .tools
                        .prompt(plugin, name, arguments.clone(), behind.clone());
                match filled.await {
                    Err(error) if error.code == ErrorCode::NotFound => {}
                    filled => return filled.map_err(|error| errors::told(&error)),
                }
            }
            Err(errors::unknown_prompt(&asked.name))
        });
        Ok(convert::filled(&filled.await?).into())
    }

    async fn complete(
        &self,
        asked: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let argument = (asked.argument.name, asked.argument.value);
        let others: HashMap<String, String> = asked
            .context
            .and_then(|known| known.arguments)
            .unwrap_or_default();
        let others: Vec<(String, String)> = others.into_iter().collect();
        let values = self.run(&context, async |visit, behind| {
            let plugins = self.shared.plugins(visit);
            let meant: Vec<(&str, types::tool::Reference)> = match &asked.r#ref {
                Reference::Prompt(prompt) => names::meant(visit, &plugins, &prompt.name)
                    .into_iter()
                    .map(|(plugin, name)| (plugin, types::tool::Reference::Prompt(name.to_owned())))
                    .collect(),
                Reference::Resource(resource) => plugins
                    .iter()
                    .map(|plugin| {
                        (
                            plugin.as_str(),
                            types::tool::Reference::Resource(resource.uri.clone()),
                        )
                    })
                    .collect(),
                _ => {
                    return Err(ErrorData::invalid_params(
                        "what to complete is neither a prompt nor a resource",
                        None,
                    ));
                }
            };
            for (plugin, of) in meant {
                let tools = &self.shared.tools;
                let values =
                    tools.complete(plugin, of, argument.clone(), others.clone(), behind.clone());
                match values.await {
                    Ok(values) if values.is_empty() => {}
                    Err(error) if error.code == ErrorCode::NotFound => {}
                    values => return values.map_err(|error| errors::told(&error)),
                }
            }
            Ok(Vec::new())
        });
        let mut values = values.await?;
        let all = values.len();
        values.truncate(CompletionInfo::MAX_VALUES);
        let mut info =
            CompletionInfo::new(values).map_err(|error| ErrorData::internal_error(error, None))?;
        info.has_more = Some(all > CompletionInfo::MAX_VALUES);
        info.total = u32::try_from(all).ok();
        Ok(CompleteResult::new(info))
    }

    async fn set_level(
        &self,
        asked: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let level = convert::notice_level(asked.level);
        *self
            .state
            .level
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = level;
        Ok(())
    }
}

fn of_resource(uri: &str, error: &types::Error) -> ErrorData {
    match error.code {
        ErrorCode::NotFound => errors::unknown_resource(uri),
        _ => errors::told(error),
    }
}

//! Evenhand as an MCP server: tools, resources and prompts of plugins, for clients that speak streamable HTTP.
//! <https://modelcontextprotocol.io/specification/2025-11-25>
//!
//! One place offers the plugins of all that a key may use, their names prefixed (`calc.add`); another offers one plugin alone, as it
//! names things itself. A session belongs to the key and the place that it was begun with.

#![deny(missing_docs)]

mod convert;
mod errors;
mod link;
mod lists;
mod names;
mod sampling;
mod server;
mod sessions;
mod streams;
mod visit;
mod watch;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use calls::{Caller, Calls};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::combinators::BoxBody;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;
use tools::Tools;
use types::Error;

use crate::server::Server;
use crate::sessions::{Sessions, VISIT};
use crate::visit::Visit;

/// The header field that names a session.
const SESSION: &str = "mcp-session-id";

/// Most bytes of a request's body.
const BODY: usize = 4 << 20;

/// Says who sends a request, from its header; an error refuses it.
pub type Guard = Arc<dyn Fn(&HeaderMap) -> Result<Caller, Error> + Send + Sync>;

/// An answer over HTTP.
pub type Answer = Response<BoxBody<Bytes, Infallible>>;

/// What all sessions work with.
pub(crate) struct Shared {
    tools: Tools,
    calls: Calls,
    guard: Guard,
}

/// The MCP server.
#[derive(Clone)]
pub struct Mcp {
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    service: StreamableHttpService<Server, Sessions>,
    stopping: CancellationToken,
}

impl Mcp {
    /// A server of these tools. `calls`: runs the models that tools may ask. `guard`: tells who calls, and looks at `Host` and `Origin`
    /// where that matters.
    pub fn new(tools: Tools, calls: Calls, guard: Guard) -> Self {
        let shared = Arc::new(Shared {
            tools,
            calls,
            guard,
        });
        let stopping = CancellationToken::new();
        let sessions = Arc::new(Sessions::new(stopping.clone()));
        let config = StreamableHttpServerConfig::default()
            // The guard has looked at them.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(BODY);
        let serving = shared.clone();
        let service = StreamableHttpService::new(
            move || Ok(Server::new(serving.clone())),
            sessions.clone(),
            config,
        );
        Self {
            shared,
            sessions,
            service,
            stopping,
        }
    }

    /// Answers a request: with what all plugins offer, or with what this one does.
    pub async fn handle<B>(&self, plugin: Option<&str>, mut request: Request<B>) -> Answer
    where
        B: Body + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (posts, headers) = (request.method() == Method::POST, request.headers().clone());
        match self.admit(plugin, posts, &headers).await {
            Ok(visit) => {
                let ends = request.method() == Method::DELETE;
                request.extensions_mut().insert(visit.clone());
                let mut answer = VISIT.scope(visit, self.service.handle(request)).await;
                if ends && answer.status() == StatusCode::ACCEPTED {
                    // It is done: the SDKs take anything else for a failure.
                    *answer.status_mut() = StatusCode::NO_CONTENT;
                }
                answer
            }
            Err(error) => errors::refused(&error),
        }
    }

    /// Ends the streams on which clients wait for news, which have no end of their own. Calls that run may end.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Who comes, where they may.
    async fn admit(
        &self,
        plugin: Option<&str>,
        posts: bool,
        headers: &HeaderMap,
    ) -> Result<Visit, Error> {
        let visit = Visit {
            caller: (self.shared.guard)(headers)?,
            plugin: plugin.map(Arc::from),
        };
        match headers.get(SESSION) {
            Some(id) => match id
                .to_str()
                .is_ok_and(|id| self.sessions.belongs(id, &visit))
            {
                true => Ok(visit),
                // The same for one that is somebody else's.
                false => Err(errors::no_session()),
            },
            None => {
                self.offered(&visit).await?;
                if posts {
                    self.sessions.room(&visit)?;
                }
                Ok(visit)
            }
        }
    }

    /// A plugin of which the caller may use nothing is not there for them.
    async fn offered(&self, visit: &Visit) -> Result<(), Error> {
        let Some(plugin) = visit.plugin.as_deref() else {
            return Ok(());
        };
        let tools = &self.shared.tools;
        let whole = tools.plugins(|name| visit.may(name));
        match whole.is_empty() && tools.of_plugin(plugin, |id| visit.may(id)).await.is_empty() {
            true => Err(errors::no_plugin(plugin)),
            false => Ok(()),
        }
    }
}

/// The session that a request's header names.
pub(crate) fn session(headers: &HeaderMap) -> String {
    let id = headers.get(SESSION).and_then(|id| id.to_str().ok());
    id.unwrap_or_default().to_owned()
}

/// What an answer's content type is, where the host itself answers.
pub(crate) const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");

//! The data plane: what clients' SDKs call.

use std::sync::Arc;

use ::agents::Agents;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use calls::{Caller, Calls};
use catalog::Catalog;
use dialects::{Dialect, Wire};
use mcp::Mcp;
use types::{Error, ErrorCode};

use crate::agents;
use crate::answer::{self, failed};
use crate::guard;
use crate::incoming::Incoming;
use crate::responses;

/// What the routes work with.
#[derive(Clone)]
pub(crate) struct Plane {
    pub(crate) calls: Calls,
    pub(crate) agents: Option<Agents>,
    mcp: Mcp,
    catalog: Arc<Catalog>,
}

/// What clients are served.
#[derive(Clone)]
pub struct Served {
    /// Models.
    pub calls: Calls,
    /// Hosted agents, where there is a store.
    pub agents: Option<Agents>,
    /// Tools, by MCP.
    pub mcp: Mcp,
}

/// The routes that clients use.
pub fn data_plane(catalog: Arc<Catalog>, served: Served) -> Router {
    let Served { calls, agents, mcp } = served;
    let routes = Wire::ALL.into_iter().fold(Router::new(), |routes, wire| {
        let call = move |State(plane): State<Plane>, request: Request| async move {
            plane.call(wire, request).await
        };
        routes.route(wire.path(), post(call))
    });
    routes
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .merge(responses::routes())
        .merge(agents::routes())
        .route("/mcp", any(tools_of_all))
        .route("/mcp/{plugin}", any(tools_of_one))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Plane {
            calls,
            agents,
            mcp,
            catalog,
        })
}

impl Plane {
    async fn call(&self, wire: Wire, request: Request) -> Response {
        let dialect = wire.dialect();
        let (head, body) = request.into_parts();
        let mut body = Incoming::new(body);
        match self.run(wire, &head, &mut body).await {
            Ok(reply) => answer::reply(dialect, reply),
            Err(error) => {
                let mut response = failed(dialect, &error);
                if !body.discard().await {
                    // What is still to come would be taken for the next request.
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(header::CONNECTION, close);
                }
                response
            }
        }
    }

    async fn run(
        &self,
        wire: Wire,
        head: &Parts,
        body: &mut Incoming,
    ) -> Result<calls::Reply, Error> {
        let (caller, max_body) = {
            let now = self.catalog.now();
            let caller = guard::caller(&now, &head.headers)?;
            (caller, now.config.server.max_body.as_u64())
        };
        let request = calls::Request {
            wire,
            headers: guard::vendor_headers(&head.headers),
            query: head.uri.query().and_then(guard::vendor_query),
            body: body.read(max_body).await?,
        };
        match &self.agents {
            Some(agents) if agents.is_named(&request) => agents.answer(&caller, request).await,
            _ => self.calls.run(&caller, request).await,
        }
    }

    /// All of a request's body, within the limit.
    pub(crate) async fn body(&self, request: Request) -> Result<Bytes, Error> {
        let max_body = self.catalog.now().config.server.max_body.as_u64();
        Incoming::new(request.into_body()).read(max_body).await
    }

    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Error> {
        guard::caller(&self.catalog.now(), headers)
    }
}

async fn tools_of_all(State(plane): State<Plane>, request: Request) -> Response {
    plane.mcp.handle(None, request).await.into_response()
}

async fn tools_of_one(
    State(plane): State<Plane>,
    Path(plugin): Path<String>,
    request: Request,
) -> Response {
    plane
        .mcp
        .handle(Some(&plugin), request)
        .await
        .into_response()
}

async fn models(State(plane): State<Plane>, headers: HeaderMap) -> Response {
    let dialect = dialect(&headers);
    match plane.caller(&headers) {
        Ok(caller) => answer::json(&dialect.models(&plane.calls.models(&caller).await)),
        Err(error) => failed(dialect, &error),
    }
}

async fn model(State(plane): State<Plane>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let dialect = dialect(&headers);
    let found = async { plane.calls.model(&plane.caller(&headers)?, &id).await };
    match found.await {
        Ok(model) => answer::json(&dialect.model(&model)),
        Err(error) => failed(dialect, &error),
    }
}

async fn nothing(headers: HeaderMap, request: Request) -> Response {
    let message = format!(
        "there is nothing at {} {}",
        request.method(),
        request.uri().path()
    );
    failed(dialect(&headers), &Error::new(ErrorCode::NotFound, message))
}

async fn wrong_method(headers: HeaderMap, request: Request) -> Response {
    let message = format!(
        "{} does not take {}",
        request.uri().path(),
        request.method()
    );
    let mut response = failed(dialect(&headers), &Error::bad_request(message));
    *response.status_mut() = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    response
}

fn dialect(headers: &HeaderMap) -> Dialect {
    Dialect::of(headers.keys().map(|name| name.as_str()))
}

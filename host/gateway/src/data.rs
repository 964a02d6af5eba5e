//! The data plane: what clients' SDKs call.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};
use calls::{Caller, Calls};
use catalog::Catalog;
use dialects::{Dialect, Wire};
use types::{Error, ErrorCode};

use crate::answer::{self, failed};
use crate::guard;
use crate::incoming::Incoming;
use crate::responses;

/// What the routes work with.
#[derive(Clone)]
pub(crate) struct Plane {
    pub(crate) calls: Calls,
    catalog: Arc<Catalog>,
}

/// The routes that clients use.
pub fn data_plane(catalog: Arc<Catalog>, calls: Calls) -> Router {
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
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Plane { calls, catalog })
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
        self.calls.run(&caller, request).await
    }

    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Error> {
        guard::caller(&self.catalog.now(), headers)
    }
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

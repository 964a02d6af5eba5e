//! The data plane: what clients' SDKs call.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use calls::{Caller, Calls};
use catalog::Catalog;
use dialects::{Dialect, Wire};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::Metrics;
use tokio::time::timeout;
use types::{Error, ErrorCode};

use crate::answer::{self, failed};
use crate::guard;

/// A body that isn't here in this time is given up: enough for the largest over a slow line.
const BODY: Duration = Duration::from_secs(120);

#[derive(Clone)]
struct Plane {
    calls: Calls,
    catalog: Arc<Catalog>,
}

/// The routes that clients use.
pub fn data_plane(catalog: Arc<Catalog>, metrics: Arc<Metrics>) -> Router {
    let calls = Wire::ALL.into_iter().fold(Router::new(), |routes, wire| {
        let call = move |State(plane): State<Plane>, request: Request| async move {
            plane.call(wire, request).await
        };
        routes.route(wire.path(), post(call))
    });
    calls
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Plane {
            calls: Calls::new(catalog.clone(), metrics),
            catalog,
        })
}

impl Plane {
    async fn call(&self, wire: Wire, request: Request) -> Response {
        let dialect = wire.dialect();
        match self.run(wire, request).await {
            Ok(reply) => answer::reply(dialect, reply),
            Err(error) => failed(dialect, &error),
        }
    }

    async fn run(&self, wire: Wire, request: Request) -> Result<calls::Reply, Error> {
        let (head, body) = request.into_parts();
        let (caller, max_body) = {
            let now = self.catalog.now();
            let caller = guard::caller(&now, &head.headers)?;
            (caller, now.config.server.max_body.as_u64())
        };
        let body = read(body, max_body).await?;
        let request = calls::Request {
            wire,
            headers: guard::vendor_headers(&head.headers),
            query: head.uri.query().and_then(guard::vendor_query),
            body,
        };
        self.calls.run(&caller, request).await
    }

    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Error> {
        guard::caller(&self.catalog.now(), headers)
    }
}

/// All of a body, if it is not larger than the configuration allows.
async fn read(body: Body, limit: u64) -> Result<Bytes, Error> {
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    let Ok(read) = timeout(BODY, limited.collect()).await else {
        return Err(Error::bad_request(format!(
            "the body was not complete within {BODY:?}"
        )));
    };
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::new(
            ErrorCode::TooLarge,
            format!(
                "the body has more than {limit} bytes, which is this host's limit (server.max_body)"
            ),
        )),
        Err(error) => Err(Error::bad_request(format!("the body broke off: {error}"))),
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

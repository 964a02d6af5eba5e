//! The control plane: what operators call.

use std::sync::Arc;

use audit::{Event, Log, Who};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use catalog::Catalog;
use dialects::Dialect;
use metrics::Metrics;
use types::{Error, ErrorCode};

use crate::answer::failed;
use crate::{guard, plugins};

/// Where it is counted what happens.
const METRICS: &str = "/metrics";

#[derive(Clone)]
struct Plane {
    catalog: Arc<Catalog>,
    log: Log,
    metrics: Arc<Metrics>,
}

/// The routes that operators use; each call is recorded in `log`. `/healthz` and `/readyz` answer anyone.
pub fn control_plane(catalog: Arc<Catalog>, log: Log, metrics: Arc<Metrics>) -> Router {
    let plane = Plane {
        catalog,
        log,
        metrics,
    };
    Router::new()
        .merge(plugins::routes().with_state(plane.catalog.clone()))
        .route(METRICS, get(counted))
        .route_layer(middleware::from_fn_with_state(plane.clone(), recorded))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .with_state(plane)
}

/// Lets operators in, and nobody hear an answer that is not on record.
async fn recorded(State(plane): State<Plane>, mut request: Request, next: Next) -> Response {
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
    let scraped = path == METRICS;
    let call = |status| Event::AdminCall {
        method,
        path,
        status,
    };
    let admitted = guard::operator(&plane.catalog.now(), request.headers());
    let who = match admitted {
        Ok(who) => who,
        Err(error) => {
            // Whoever reaches the port can send these, as many as they like.
            plane.log.note(Who::Stranger, call(error.status()));
            return failed(Dialect::default(), &error);
        }
    };
    request.extensions_mut().insert(who);
    let answer = next.run(request).await;
    if scraped {
        // Every few seconds, and nothing changes by it.
        return answer;
    }
    match plane.log.record(who, call(answer.status().as_u16())).await {
        Ok(()) => answer,
        Err(error) => {
            tracing::error!("an admin call is not recorded: {error}");
            let error = format!("the call can't be recorded in the audit log: {error}");
            failed(Dialect::default(), &Error::new(ErrorCode::Internal, error))
        }
    }
}

/// What is counted.
async fn counted(State(plane): State<Plane>) -> Response {
    let now = plane.catalog.now().clone();
    let all = now.status();
    let states = all
        .iter()
        .map(|plugin| (plugin.name.as_str(), plugin.state.to_string()));
    match plane.metrics.text(states) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => failed(
            Dialect::default(),
            &Error::new(ErrorCode::Internal, error.to_string()),
        ),
    }
}

/// Is there something to call? Not while plugins are configured of which none serves.
async fn ready(State(plane): State<Plane>) -> (StatusCode, &'static str) {
    let now = plane.catalog.now();
    match now.revisions.is_empty() && !now.config.plugins.is_empty() {
        true => (
            StatusCode::SERVICE_UNAVAILABLE,
            "no plugin of the configuration serves; GET /admin/v1/plugins says why",
        ),
        false => (StatusCode::OK, "ok"),
    }
}

//! The control plane: what operators call.

use std::sync::Arc;

use audit::{Event, Log, Who};
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use catalog::Catalog;
use dialects::Dialect;
use serde_json::{Value, json};
use types::{Error, ErrorCode};

use crate::answer::failed;
use crate::guard;

#[derive(Clone)]
struct Plane {
    catalog: Arc<Catalog>,
    log: Log,
}

/// The routes that operators use; each call is recorded in `log`. `/healthz` and `/readyz` answer anyone.
pub fn control_plane(catalog: Arc<Catalog>, log: Log) -> Router {
    let plane = Plane { catalog, log };
    Router::new()
        .route("/admin/v1/plugins", get(plugins))
        .route_layer(middleware::from_fn_with_state(plane.clone(), recorded))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(async || "ok"))
        .with_state(plane)
}

/// Lets operators in, and nobody hear an answer that is not on record.
async fn recorded(State(plane): State<Plane>, request: Request, next: Next) -> Response {
    let (method, path) = (
        request.method().to_string(),
        request.uri().path().to_owned(),
    );
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
    let answer = next.run(request).await;
    match plane.log.record(who, call(answer.status().as_u16())).await {
        Ok(()) => answer,
        Err(error) => {
            tracing::error!("an admin call is not recorded: {error}");
            let error = format!("the call can't be recorded in the audit log: {error}");
            failed(Dialect::default(), &Error::new(ErrorCode::Internal, error))
        }
    }
}

/// Every plugin of the configuration, and why the newest file or entry of it does not serve.
async fn plugins(State(plane): State<Plane>) -> Json<Value> {
    let now = plane.catalog.now();
    let mut body = json!({ "plugins": now.status });
    if let Some(error) = &now.config_error {
        body["config_error"] = error.as_str().into();
    }
    Json(body)
}

//! The control plane: what operators call.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use catalog::Catalog;
use dialects::Dialect;
use serde_json::{Value, json};

use crate::answer::failed;
use crate::guard;

/// The routes that operators use. `/healthz` and `/readyz` answer anyone.
pub fn control_plane(catalog: Arc<Catalog>) -> Router {
    Router::new()
        .route("/admin/v1/plugins", get(plugins))
        .route_layer(middleware::from_fn_with_state(catalog.clone(), allowed))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(async || "ok"))
        .with_state(catalog)
}

async fn allowed(State(catalog): State<Arc<Catalog>>, request: Request, next: Next) -> Response {
    let admitted = guard::operator(&catalog.now(), request.headers());
    match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => failed(Dialect::default(), &error),
    }
}

/// Every plugin of the configuration, and why the newest file or entry of it does not serve.
async fn plugins(State(catalog): State<Arc<Catalog>>) -> Json<Value> {
    let now = catalog.now();
    let mut body = json!({ "plugins": now.status });
    if let Some(error) = &now.config_error {
        body["config_error"] = error.as_str().into();
    }
    Json(body)
}

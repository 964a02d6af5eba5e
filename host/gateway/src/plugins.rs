//! What operators do with plugins: look, add, upgrade, go back.

use std::collections::BTreeMap;
use std::sync::Arc;

use audit::Who;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use catalog::{Catalog, Status};
use dialects::Dialect;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use types::config::{Canary, Source};
use types::{Error, ErrorCode};

use crate::answer::failed;

type At = State<Arc<Catalog>>;

/// The routes of plugins.
pub(crate) fn routes() -> Router<Arc<Catalog>> {
    Router::new()
        .route("/admin/v1/plugins", get(list).post(add))
        .route("/admin/v1/plugins/{name}", get(show).delete(remove))
        .route("/admin/v1/plugins/{name}/upgrade", post(upgrade))
        .route("/admin/v1/plugins/{name}/rollback", post(rollback))
        .route("/admin/v1/plugins/{name}/promote", post(promote))
        .route("/admin/v1/plugins/{name}/pin", post(pin).delete(unpin))
        .route("/admin/v1/plugins/{name}/accept", post(accept))
}

/// Every plugin, and why the newest file or entry of it does not serve.
async fn list(State(catalog): At) -> Json<Value> {
    let now = catalog.now();
    let mut body = json!({ "plugins": now.status() });
    if let Some(error) = &now.config_error {
        body["config_error"] = error.as_str().into();
    }
    Json(body)
}

/// A plugin, with its line of revisions, the newest first.
async fn show(State(catalog): At, Path(name): Path<String>) -> Response {
    let status = catalog.now().status_of(&name);
    let line = match catalog.revisions(&name).await {
        Ok(line) => line,
        Err(error) => return refused(&catalog, Some(&name), &error),
    };
    match (status, line.is_empty()) {
        (None, true) => failed(Dialect::default(), &unknown(&name)),
        (status, _) => Json(json!({ "plugin": status, "revisions": line })).into_response(),
    }
}

/// The body is what the file would have as `[[plugin]]`.
async fn add(State(catalog): At, Extension(who): Extension<Who>, body: Bytes) -> Response {
    match read::<Value>(&body) {
        Ok(entry) => {
            let added = catalog.add(entry, who).await;
            answer(&catalog, None, added, StatusCode::CREATED)
        }
        Err(error) => failed(Dialect::default(), &error),
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Upgrade {
    /// Absent: the same as before, asked anew.
    source: Option<Source>,
    /// Absent: as the entry says.
    canary: Option<Canary>,
}

async fn upgrade(
    State(catalog): At,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    match read::<Upgrade>(&body) {
        Ok(Upgrade { source, canary }) => {
            let upgraded = catalog.upgrade(&name, source, canary, who).await;
            answer(&catalog, Some(&name), upgraded, StatusCode::OK)
        }
        Err(error) => failed(Dialect::default(), &error),
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    /// A revision's number; absent: the one before.
    to: Option<u64>,
}

async fn rollback(
    State(catalog): At,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    match read::<Rollback>(&body) {
        Ok(Rollback { to }) => {
            let back = catalog.rollback(&name, to, who).await;
            answer(&catalog, Some(&name), back, StatusCode::OK)
        }
        Err(error) => failed(Dialect::default(), &error),
    }
}

async fn promote(
    State(catalog): At,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Response {
    let promoted = catalog.promote(&name, who).await;
    answer(&catalog, Some(&name), promoted, StatusCode::OK)
}

async fn pin(
    State(catalog): At,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Response {
    let held = catalog.pin(&name, true, who).await;
    answer(&catalog, Some(&name), held, StatusCode::OK)
}

async fn unpin(
    State(catalog): At,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Response {
    let free = catalog.pin(&name, false, who).await;
    answer(&catalog, Some(&name), free, StatusCode::OK)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    /// For each secret that is new: where its value comes from, as in a grant.
    #[serde(default)]
    secrets: BTreeMap<String, Value>,
}

async fn accept(
    State(catalog): At,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    match read::<Accept>(&body) {
        Ok(Accept { secrets }) => {
            let accepted = catalog.accept(&name, &secrets, who).await;
            answer(&catalog, Some(&name), accepted, StatusCode::OK)
        }
        Err(error) => failed(Dialect::default(), &error),
    }
}

async fn remove(
    State(catalog): At,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
) -> Response {
    match catalog.remove(&name, who).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refused(&catalog, Some(&name), &error),
    }
}

/// A JSON body; an empty one says nothing.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body)
        .map_err(|error| Error::new(ErrorCode::BadRequest, format!("the body: {error}")))
}

fn answer(
    catalog: &Catalog,
    name: Option<&str>,
    outcome: anyhow::Result<Status>,
    good: StatusCode,
) -> Response {
    match outcome {
        Ok(status) => (good, Json(status)).into_response(),
        Err(error) => refused(catalog, name, &error),
    }
}

/// Why a change was not made. What failed in the host says so itself; the rest is about what was asked.
fn refused(catalog: &Catalog, name: Option<&str>, error: &anyhow::Error) -> Response {
    let is_there = |name: &str| catalog.now().status_of(name).is_some();
    let code = match error.downcast_ref::<Error>() {
        Some(inner) if inner.code == ErrorCode::Internal => ErrorCode::Internal,
        _ if name.is_some_and(|name| !is_there(name)) => ErrorCode::NotFound,
        _ => ErrorCode::BadRequest,
    };
    failed(Dialect::default(), &Error::new(code, format!("{error:#}")))
}

fn unknown(name: &str) -> Error {
    let message = format!("there is no plugin {name:?}");
    Error::new(ErrorCode::NotFound, message)
}

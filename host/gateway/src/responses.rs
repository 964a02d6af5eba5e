//! Answers that are kept, asked for again: `/v1/responses/{id}`.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use dialects::responses::{DIALECT, Page};
use serde_json::Value;
use types::Error;

use crate::answer::{self, failed};
use crate::data::Plane;
use crate::query::Query;

/// The routes of kept answers.
pub(crate) fn routes() -> Router<Plane> {
    Router::new()
        .route("/v1/responses/{id}", get(retrieve).delete(delete))
        .route("/v1/responses/{id}/cancel", post(cancel))
        .route("/v1/responses/{id}/input_items", get(input_items))
}

async fn retrieve(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = Query::new(query);
    let streams = match query.boolean("stream") {
        Ok(streams) => streams.unwrap_or(false),
        Err(error) => return failed(DIALECT, &error),
    };
    if !streams {
        let found = async {
            let caller = plane.caller(&headers)?;
            plane.calls.response(&caller, &id, &query.include()).await
        };
        return json(found.await);
    }
    let stream = async {
        let after = query.number("starting_after")?;
        let caller = plane.caller(&headers)?;
        plane.calls.response_stream(&caller, &id, after).await
    };
    match stream.await {
        Ok(reply) => answer::reply(DIALECT, reply),
        Err(error) => failed(DIALECT, &error),
    }
}

async fn delete(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let deleted = async {
        let caller = plane.caller(&headers)?;
        plane.calls.forget_response(&caller, &id).await
    };
    json(deleted.await)
}

async fn cancel(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let cancelled = async {
        let caller = plane.caller(&headers)?;
        plane.calls.cancel_response(&caller, &id).await
    };
    json(cancelled.await)
}

async fn input_items(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = Query::new(query);
    let items = async {
        let page = Page {
            ascending: query.ascending()?,
            after: query.one("after").map(str::to_owned),
            limit: query
                .number("limit")?
                .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            include: query.include(),
        };
        let caller = plane.caller(&headers)?;
        plane.calls.response_items(&caller, &id, &page).await
    };
    json(items.await)
}

pub(crate) fn json(body: Result<Value, Error>) -> Response {
    match body {
        Ok(body) => answer::with_id(DIALECT, answer::json(&body)),
        Err(error) => failed(DIALECT, &error),
    }
}

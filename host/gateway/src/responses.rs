//! Answers that are kept, asked for again: `/v1/responses/{id}`.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use dialects::responses::{DIALECT, Page};
use serde_json::Value;
use types::Error;
use url::form_urlencoded;

use crate::answer::{self, failed};
use crate::data::Plane;

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

fn json(body: Result<Value, Error>) -> Response {
    match body {
        Ok(body) => answer::with_id(DIALECT, answer::json(&body)),
        Err(error) => failed(DIALECT, &error),
    }
}

/// The parameters of a query.
struct Query(Vec<(String, String)>);

impl Query {
    fn new(query: Option<String>) -> Self {
        let query = query.unwrap_or_default();
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    fn one(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What is there several times, in either way in which SDKs write that.
    fn include(&self) -> Vec<String> {
        let found = self
            .0
            .iter()
            .filter(|(key, _)| key == "include" || key == "include[]");
        found.map(|(_, value)| value.clone()).collect()
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.one(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        self.one(name)
            .map(|text| text.parse().map_err(|_| wrong(name, "must be a number")))
            .transpose()
    }

    fn ascending(&self) -> Result<bool, Error> {
        match self.one("order") {
            None | Some("desc") => Ok(false),
            Some("asc") => Ok(true),
            Some(_) => Err(wrong("order", "must be asc or desc")),
        }
    }
}

fn wrong(name: &str, what: &str) -> Error {
    Error::bad_request(format!("`{name}` {what}")).at(name)
}

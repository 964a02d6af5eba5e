//! Answers over HTTP.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use calls::Reply;
use dialects::Dialect;
use serde_json::Value;
use types::Error;

/// A call's answer.
pub(crate) fn reply(dialect: Dialect, reply: Reply) -> Response {
    let mut response = Response::new(Body::from_stream(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    with_id(dialect, response)
}

/// An error, in the client's shape.
pub(crate) fn failed(dialect: Dialect, error: &Error) -> Response {
    let status =
        StatusCode::from_u16(dialect.status(error)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, axum::Json(dialect.error_body(error))).into_response();
    let headers = response.headers_mut();
    if let Some(after) = error.retry_after_ms {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(after.div_ceil(1000)));
    }
    if let Some(plugin) = error
        .plugin
        .as_deref()
        .and_then(|plugin| HeaderValue::try_from(plugin).ok())
    {
        headers.insert("evenhand-plugin", plugin);
    }
    with_id(dialect, response)
}

/// A JSON answer.
pub(crate) fn json(body: &Value) -> Response {
    axum::Json(body).into_response()
}

/// An id for the request, unless the vendor gave one.
pub(crate) fn with_id(dialect: Dialect, mut response: Response) -> Response {
    let id = format!("req_{}", uuid::Uuid::now_v7().simple());
    if let Ok(id) = HeaderValue::try_from(id) {
        response
            .headers_mut()
            .entry(dialect.id_field())
            .or_insert(id);
    }
    response
}

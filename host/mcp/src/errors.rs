//! Errors as clients see them: with JSON-RPC's codes, and before that with HTTP's.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use rmcp::ErrorData;
use serde_json::{Value, json};
use tools::Tool;
use types::{Error, ErrorCode};

use crate::{Answer, JSON};

/// The code of a refusal that JSON-RPC has none for; MCP's SDKs use it for sessions that are not there.
const REFUSED: i32 = -32001;

/// A request that is not let in.
pub(crate) fn refused(error: &Error) -> Answer {
    let body = json!({
        "jsonrpc": "2.0",
        "id": null,
        "error": {"code": REFUSED, "message": error.message},
    });
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())).boxed());
    let status = StatusCode::from_u16(error.status());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(JSON.0, HeaderValue::from_static(JSON.1));
    if error.code == ErrorCode::Unauthorised {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(after) = error.retry_after_ms {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(after.div_ceil(1000)));
    }
    response
}

/// The session is not there.
pub(crate) fn no_session() -> Error {
    let message = "there is no such session: begin one with initialize";
    Error::new(ErrorCode::NotFound, message)
}

/// The plugin is not there.
pub(crate) fn no_plugin(plugin: &str) -> Error {
    let message = format!("there is no plugin {plugin:?} with tools that this key may use");
    Error::new(ErrorCode::NotFound, message)
}

/// There is no tool of this name.
pub(crate) fn unknown_tool(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown tool: {name:?}"), None)
}

/// There is no prompt of this name.
pub(crate) fn unknown_prompt(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown prompt: {name:?}"), None)
}

/// Nobody has this resource.
pub(crate) fn unknown_resource(uri: &str) -> ErrorData {
    let message = format!("Resource not found: {uri:?}");
    ErrorData::resource_not_found(message, Some(json!({"uri": uri})))
}

/// An error in an answer.
pub(crate) fn told(error: &Error) -> ErrorData {
    let mut data = serde_json::Map::new();
    if let Some(plugin) = &error.plugin {
        data.insert("plugin".into(), plugin.as_str().into());
    }
    if let Some(after) = error.retry_after_ms {
        data.insert("retryAfterMs".into(), after.into());
    }
    let data = (!data.is_empty()).then_some(Value::Object(data));
    match error.code {
        ErrorCode::BadRequest | ErrorCode::NotFound | ErrorCode::TooLarge => {
            ErrorData::invalid_params(error.message.clone(), data)
        }
        _ => ErrorData::internal_error(error.message.clone(), data),
    }
}

/// A call that failed. What the tool met on its way is its result, which a model may read; that the host or the component broke is none.
pub(crate) fn of_call(tool: &Tool, error: &Error) -> Result<String, ErrorData> {
    match error.code {
        ErrorCode::PluginFailed | ErrorCode::Internal | ErrorCode::Cancelled => {
            tracing::warn!(tool = tool.id(), error = error.message, "a call failed");
            Err(told(error))
        }
        _ => Ok(error.message.clone()),
    }
}

/// The client took it back: nobody reads this.
pub(crate) fn cancelled() -> ErrorData {
    ErrorData::internal_error("the request was cancelled", None)
}

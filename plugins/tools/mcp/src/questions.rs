//! What a server may ask of its client while it works.

use evenhand_sdk::Error;
use evenhand_sdk::tool_host::{Elicited, NoticeLevel};
use evenhand_sdk::types::ErrorCode;
use rmcp::model::{ErrorCode as Code, ErrorData};
use serde_json::{Value, json};

use crate::host::Host;
use crate::sampling;

/// The code for what a person or a policy declined, as the specification's examples have it.
const DECLINED: Code = Code(-1);

/// The answer to a question.
pub(crate) fn answer(host: &impl Host, method: &str, params: &Value) -> Result<Value, ErrorData> {
    match method {
        "ping" => Ok(json!({})),
        "elicitation/create" => elicit(host, params),
        "sampling/createMessage" => {
            let request = sampling::request(params)?;
            sampling::result(host.sample(&request).map_err(refused)?)
        }
        other => {
            let message = format!("this client has no `{other}`");
            Err(ErrorData::new(Code::METHOD_NOT_FOUND, message, None))
        }
    }
}

fn elicit(host: &impl Host, params: &Value) -> Result<Value, ErrorData> {
    if params["mode"].as_str().is_some_and(|mode| mode != "form") {
        return Err(wrong("this client shows forms, and no other `mode`"));
    }
    let message = params["message"].as_str();
    let message = message.ok_or_else(|| wrong("`message` is missing"))?;
    let schema = &params["requestedSchema"];
    if !schema.is_object() {
        return Err(wrong("`requestedSchema` is missing"));
    }
    match host.elicit(message, schema).map_err(refused)? {
        Elicited::Accepted(content) => {
            let content: Value = serde_json::from_str(&content).map_err(|e| {
                let message = format!("the person's answer is no JSON: {e}");
                ErrorData::internal_error(message, None)
            })?;
            Ok(json!({"action": "accept", "content": content}))
        }
        Elicited::Declined => Ok(json!({"action": "decline"})),
        Elicited::Cancelled => Ok(json!({"action": "cancel"})),
    }
}

/// The parameters are at fault.
pub(crate) fn wrong(message: &'static str) -> ErrorData {
    ErrorData::invalid_params(message, None)
}

/// Why the host didn't do it.
fn refused(error: Error) -> ErrorData {
    let code = match error.code {
        ErrorCode::Unsupported => Code::METHOD_NOT_FOUND,
        ErrorCode::RefusedByPolicy => DECLINED,
        ErrorCode::BadRequest => Code::INVALID_PARAMS,
        _ => Code::INTERNAL_ERROR,
    };
    ErrorData::new(code, error.message, None)
}

/// How much a message matters.
pub(crate) fn level(name: &Value) -> Option<NoticeLevel> {
    Some(match name.as_str()? {
        "debug" => NoticeLevel::Debug,
        "info" => NoticeLevel::Info,
        "notice" => NoticeLevel::Notice,
        "warning" => NoticeLevel::Warning,
        "error" => NoticeLevel::Error,
        "critical" => NoticeLevel::Critical,
        "alert" => NoticeLevel::Alert,
        "emergency" => NoticeLevel::Emergency,
        _ => return None,
    })
}

use evenhand_sdk::Error;
use evenhand_sdk::http::ErrorResponse;
use evenhand_sdk::types::ErrorCode;
use serde_json::Value;

/// What the vendor said instead of an answer, in neutral words.
pub(crate) fn refusal(response: ErrorResponse) -> Error {
    let said: Value = serde_json::from_str(&response.body).unwrap_or_default();
    let error = said.get("error").unwrap_or(&said);
    let mut refusal = Error::from(response);
    if let Some(message) = message(error) {
        refusal.message = message;
    }
    if let Some(code) = code(error) {
        refusal.code = code;
    }
    refusal.param = error["param"].as_str().map(str::to_owned);
    refusal
}

/// What the vendor's own word says that the status does not: no wait helps against an empty account, and a
/// conversation that is too long may fit another model.
fn code(error: &Value) -> Option<ErrorCode> {
    let words = [error["code"].as_str(), error["type"].as_str()];
    words.into_iter().flatten().find_map(|word| match word {
        "insufficient_quota" | "data_residency_mismatch" => Some(ErrorCode::Forbidden),
        "context_length_exceeded" | "image_too_large" | "image_file_too_large" => {
            Some(ErrorCode::TooLarge)
        }
        "vector_store_timeout" => Some(ErrorCode::TimedOut),
        // What `failed` says of the request, where no status does.
        "invalid_prompt"
        | "invalid_encrypted_content"
        | "bio_policy"
        | "misalignment_policy_violation"
        | "image_content_policy_violation"
        | "invalid_image"
        | "invalid_image_format"
        | "invalid_image_mode"
        | "invalid_base64_image"
        | "invalid_image_url"
        | "image_too_small"
        | "image_parse_error"
        | "unsupported_image_media_type"
        | "empty_image_file"
        | "failed_to_download_image"
        | "image_file_not_found" => Some(ErrorCode::BadRequest),
        "rate_limit_exceeded" => Some(ErrorCode::RateLimited),
        _ => None,
    })
}

fn message(error: &Value) -> Option<String> {
    let said = error.as_str().or_else(|| error["message"].as_str());
    said.filter(|said| !said.is_empty()).map(str::to_owned)
}

/// An error after the answer began, where no status says what it is.
pub(crate) fn error_in_stream(error: &Value) -> Error {
    let message =
        message(error).unwrap_or_else(|| "the vendor broke its answer off without a reason".into());
    let status = error["code"]
        .as_u64()
        .and_then(|code| u16::try_from(code).ok());
    let status = status.filter(|status| (400..600).contains(status));
    let mut broken = Error::from(ErrorResponse {
        status: status.unwrap_or(200),
        body: error.to_string(),
        retry_after_ms: None,
    });
    broken.message = message;
    if let Some(code) = code(error) {
        broken.code = code;
    } else if error["type"] == "invalid_request_error" {
        broken.code = ErrorCode::BadRequest;
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(status: u16, body: impl Into<String>, retry_after_ms: Option<u64>) -> Error {
        refusal(ErrorResponse {
            status,
            body: body.into(),
            retry_after_ms,
        })
    }

    #[test]
    fn a_refusal_keeps_the_vendors_words() {
        let body = r#"{"error":{"message":"Slow down","type":"requests","param":"n","code":null}}"#;
        let error = refused(429, body, Some(1500));
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert_eq!(error.message, "Slow down");
        assert_eq!(error.param.as_deref(), Some("n"));
        assert_eq!(error.retry_after_ms, Some(1500));
        assert_eq!(error.upstream.unwrap().body, body);
        let word = |status, code: &str| {
            refused(
                status,
                json!({"error": {"message": "x", "code": code}}).to_string(),
                None,
            )
            .code
        };
        assert_eq!(word(429, "insufficient_quota"), ErrorCode::Forbidden);
        assert_eq!(word(400, "context_length_exceeded"), ErrorCode::TooLarge);
        assert_eq!(word(400, "invalid_value"), ErrorCode::BadRequest);
        let error = refused(502, "<html>", None);
        assert_eq!(error.message, "the vendor answered 502");
        let error = refused(404, r#"{"error":"no such model"}"#, None);
        assert_eq!(error.message, "no such model");
    }

    #[test]
    fn an_error_in_a_stream_is_classified_by_what_it_names() {
        let code = |error: Value| error_in_stream(&error).code;
        assert_eq!(
            code(json!({"code": 503, "message": "x"})),
            ErrorCode::Overloaded
        );
        assert_eq!(
            code(json!({"code": "rate_limit_exceeded"})),
            ErrorCode::RateLimited
        );
        assert_eq!(
            code(json!({"type": "server_error", "message": "x"})),
            ErrorCode::Upstream
        );
        assert_eq!(code(json!("x")), ErrorCode::Upstream);
    }
}

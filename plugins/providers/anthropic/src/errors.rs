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
    refusal
}

/// An error after the answer began, where no status says what it is. `event` is the whole event.
pub(crate) fn error_in_stream(event: &Value) -> Error {
    let error = event.get("error").unwrap_or(event);
    let message =
        message(error).unwrap_or_else(|| "the vendor broke its answer off without a reason".into());
    let response = ErrorResponse {
        status: 200,
        body: event.to_string(),
        retry_after_ms: None,
    };
    Error {
        code: code(error).unwrap_or(ErrorCode::Upstream),
        message,
        ..Error::from(response)
    }
}

fn message(error: &Value) -> Option<String> {
    let said = error.as_str().or_else(|| error["message"].as_str());
    said.filter(|said| !said.is_empty()).map(str::to_owned)
}

fn code(error: &Value) -> Option<ErrorCode> {
    Some(match error["type"].as_str()? {
        "invalid_request_error" | "conflict_error" => ErrorCode::BadRequest,
        "authentication_error" => ErrorCode::Unauthorised,
        "permission_error" | "billing_error" => ErrorCode::Forbidden,
        "not_found_error" => ErrorCode::NotFound,
        "request_too_large" => ErrorCode::TooLarge,
        "rate_limit_error" => ErrorCode::RateLimited,
        "timeout_error" => ErrorCode::TimedOut,
        "overloaded_error" => ErrorCode::Overloaded,
        "api_error" => ErrorCode::Upstream,
        _ => return None,
    })
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

    fn body(kind: &str) -> String {
        json!({"type": "error", "error": {"type": kind, "message": "Said"}, "request_id": "r"})
            .to_string()
    }

    #[test]
    fn a_refusal_keeps_the_vendors_words() {
        let error = refused(429, body("rate_limit_error"), Some(1500));
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert_eq!(error.message, "Said");
        assert_eq!(error.retry_after_ms, Some(1500));
        let upstream = error.upstream.unwrap();
        assert_eq!(
            (upstream.status, upstream.body),
            (429, body("rate_limit_error"))
        );
        assert_eq!(
            refused(502, "<html>", None).message,
            "the vendor answered 502"
        );
    }

    #[test]
    fn the_vendors_word_says_more_than_the_status() {
        let cases = [
            (400, "invalid_request_error", ErrorCode::BadRequest),
            (401, "authentication_error", ErrorCode::Unauthorised),
            (400, "billing_error", ErrorCode::Forbidden),
            (403, "permission_error", ErrorCode::Forbidden),
            (404, "not_found_error", ErrorCode::NotFound),
            (413, "request_too_large", ErrorCode::TooLarge),
            (500, "api_error", ErrorCode::Upstream),
            (500, "timeout_error", ErrorCode::TimedOut),
            (529, "overloaded_error", ErrorCode::Overloaded),
            (529, "a_new_word", ErrorCode::Overloaded),
        ];
        for (status, kind, code) in cases {
            assert_eq!(refused(status, body(kind), None).code, code, "{kind}");
        }
    }

    #[test]
    fn an_error_in_a_stream_is_classified_by_what_it_names() {
        let code = |kind: &str| {
            let event = json!({"type": "error", "error": {"type": kind, "message": "x"}});
            error_in_stream(&event).code
        };
        assert_eq!(code("overloaded_error"), ErrorCode::Overloaded);
        assert_eq!(code("rate_limit_error"), ErrorCode::RateLimited);
        assert_eq!(code("a_new_word"), ErrorCode::Upstream);
        assert_eq!(
            error_in_stream(&json!({"type": "error"})).code,
            ErrorCode::Upstream
        );
    }
}

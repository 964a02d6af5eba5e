use evenhand_sdk::Error;
use evenhand_sdk::http::ErrorResponse;
use evenhand_sdk::types::ErrorCode;
use serde_json::Value;

/// What the vendor said instead of an answer, in neutral words.
pub(crate) fn refusal(response: ErrorResponse) -> Error {
    let said: Value = serde_json::from_str(&response.body).unwrap_or_default();
    // Streams that never began answer with a list of one.
    let error = &said.get(0).unwrap_or(&said)["error"];
    let mut refusal = Error::from(response);
    if let Some(message) = message(error) {
        refusal.message = message;
    }
    if let Some(code) = code(error) {
        refusal.code = code;
    }
    refusal.retry_after_ms = refusal.retry_after_ms.or_else(|| retry_after_ms(error));
    refusal
}

/// An error after the answer began. `chunk` is the whole of it.
pub(crate) fn error_in_stream(chunk: &Value) -> Error {
    let error = &chunk["error"];
    let status = error["code"].as_u64();
    let status = status.and_then(|status| u16::try_from(status).ok());
    let mut broken = refusal(ErrorResponse {
        status: status
            .filter(|status| (400..600).contains(status))
            .unwrap_or(200),
        body: chunk.to_string(),
        retry_after_ms: None,
    });
    if message(error).is_none() {
        broken.message = "the vendor broke its answer off without a reason".into();
    }
    broken
}

fn message(error: &Value) -> Option<String> {
    let said = error["message"].as_str();
    said.filter(|said| !said.is_empty()).map(str::to_owned)
}

/// The vendor's word (`google.rpc.Code`) says more than the status, and some details more than the word.
fn code(error: &Value) -> Option<ErrorCode> {
    let said = error["message"].as_str().unwrap_or_default();
    Some(match error["status"].as_str()? {
        "INVALID_ARGUMENT" if reason(error) == Some("API_KEY_INVALID") => ErrorCode::Unauthorised,
        "INVALID_ARGUMENT" if said.contains("exceeds the maximum number of tokens") => {
            ErrorCode::TooLarge
        }
        "INVALID_ARGUMENT"
        | "FAILED_PRECONDITION"
        | "OUT_OF_RANGE"
        | "ABORTED"
        | "ALREADY_EXISTS" => ErrorCode::BadRequest,
        "UNAUTHENTICATED" => ErrorCode::Unauthorised,
        "PERMISSION_DENIED" => ErrorCode::Forbidden,
        "NOT_FOUND" => ErrorCode::NotFound,
        "RESOURCE_EXHAUSTED" => ErrorCode::RateLimited,
        "UNAVAILABLE" => ErrorCode::Overloaded,
        "DEADLINE_EXCEEDED" => ErrorCode::TimedOut,
        "UNIMPLEMENTED" => ErrorCode::Unsupported,
        "CANCELLED" => ErrorCode::Cancelled,
        "INTERNAL" | "UNKNOWN" | "DATA_LOSS" => ErrorCode::Upstream,
        _ => return None,
    })
}

fn detail<'a>(error: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut details = error["details"].as_array()?.iter();
    details.find(|detail| {
        let named = detail["@type"].as_str();
        named.is_some_and(|named| named.ends_with(kind))
    })
}

fn reason(error: &Value) -> Option<&str> {
    detail(error, "google.rpc.ErrorInfo")?["reason"].as_str()
}

/// A duration in JSON: `"3.5s"`.
fn retry_after_ms(error: &Value) -> Option<u64> {
    let wait = detail(error, "google.rpc.RetryInfo")?["retryDelay"].as_str()?;
    let seconds = wait.strip_suffix('s')?.parse::<f64>().ok()?;
    (seconds >= 0.0).then_some((seconds * 1000.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(status: u16, body: impl Into<String>) -> Error {
        refusal(ErrorResponse {
            status,
            body: body.into(),
            retry_after_ms: None,
        })
    }

    fn body(word: &str) -> Value {
        json!({"error": {"code": 400, "message": "Said", "status": word}})
    }

    #[test]
    fn a_refusal_keeps_the_vendors_words() {
        let body = json!({"error": {"code": 429, "message": "Slow down", "status": "RESOURCE_EXHAUSTED", "details": [
            {"@type": "type.googleapis.com/google.rpc.Help"},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}]}});
        for body in [body.to_string(), json!([body]).to_string()] {
            let error = refused(429, body.clone());
            assert_eq!(error.code, ErrorCode::RateLimited);
            assert_eq!(error.message, "Slow down");
            assert_eq!(error.retry_after_ms, Some(3500));
            let upstream = error.upstream.unwrap();
            assert_eq!((upstream.status, upstream.body), (429, body));
        }
        assert_eq!(refused(502, "<html>").message, "the vendor answered 502");
        assert_eq!(refused(502, "<html>").code, ErrorCode::Upstream);
    }

    #[test]
    fn the_vendors_word_says_more_than_the_status() {
        let cases = [
            (400, "INVALID_ARGUMENT", ErrorCode::BadRequest),
            (400, "FAILED_PRECONDITION", ErrorCode::BadRequest),
            (401, "UNAUTHENTICATED", ErrorCode::Unauthorised),
            (403, "PERMISSION_DENIED", ErrorCode::Forbidden),
            (404, "NOT_FOUND", ErrorCode::NotFound),
            (409, "ABORTED", ErrorCode::BadRequest),
            (429, "RESOURCE_EXHAUSTED", ErrorCode::RateLimited),
            (499, "CANCELLED", ErrorCode::Cancelled),
            (500, "INTERNAL", ErrorCode::Upstream),
            (501, "UNIMPLEMENTED", ErrorCode::Unsupported),
            (503, "UNAVAILABLE", ErrorCode::Overloaded),
            (504, "DEADLINE_EXCEEDED", ErrorCode::TimedOut),
            (503, "A_NEW_WORD", ErrorCode::Overloaded),
        ];
        for (status, word, code) in cases {
            assert_eq!(refused(status, body(word).to_string()).code, code, "{word}");
        }
        let mut key = body("INVALID_ARGUMENT");
        key["error"]["details"] = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
        assert_eq!(refused(400, key.to_string()).code, ErrorCode::Unauthorised);
        let mut long = body("INVALID_ARGUMENT");
        long["error"]["message"] =
            json!("The input token count (9) exceeds the maximum number of tokens allowed (8).");
        assert_eq!(refused(400, long.to_string()).code, ErrorCode::TooLarge);
    }

    #[test]
    fn an_error_in_a_stream_is_classified_by_what_it_names() {
        let error = error_in_stream(
            &json!({"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}}),
        );
        assert_eq!(
            (error.code, error.message.as_str()),
            (ErrorCode::Overloaded, "Busy")
        );
        assert_eq!(error.upstream.unwrap().status, 503);
        let error = error_in_stream(&json!({"error": {}}));
        assert_eq!(error.code, ErrorCode::Upstream);
        assert!(error.message.contains("without a reason"));
    }
}

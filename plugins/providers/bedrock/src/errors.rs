use evenhand_sdk::Error;
use evenhand_sdk::http::ErrorResponse;
use evenhand_sdk::types::ErrorCode;
use serde_json::Value;

use crate::frames::{Frame, Kind};

/// The header field that names the exception.
pub(crate) const KIND: &str = "x-amzn-errortype";

/// What the vendor said instead of an answer, in neutral words. `kind` is what the header field says.
pub(crate) fn refusal(response: ErrorResponse, kind: Option<&str>) -> Error {
    let said: Value = serde_json::from_str(&response.body).unwrap_or_default();
    let kind = kind.or_else(|| said["__type"].as_str()).unwrap_or_default();
    let mut refusal = Error::from(response);
    let message = message(&said);
    if let Some(code) = code(kind, message.as_deref().unwrap_or_default()) {
        refusal.code = code;
    }
    if let Some(message) = message {
        refusal.message = message;
    }
    refusal
}

/// A failure after the answer began, where no status says what it is.
pub(crate) fn error_in_stream(frame: &Frame) -> Error {
    let text = String::from_utf8_lossy(&frame.payload).into_owned();
    let said = match frame.kind {
        Kind::Error => Some(text.clone()),
        Kind::Event | Kind::Exception => message(&serde_json::from_str(&text).unwrap_or_default()),
    };
    let message = said.filter(|said| !said.is_empty()).unwrap_or_else(|| {
        format!(
            "the vendor broke its answer off: {}",
            match frame.name.as_str() {
                "" => "without a reason",
                name => name,
            }
        )
    });
    let response = ErrorResponse {
        status: 200,
        body: text,
        retry_after_ms: None,
    };
    Error {
        code: code(&frame.name, &message).unwrap_or(ErrorCode::Upstream),
        message,
        ..Error::from(response)
    }
}

fn message(said: &Value) -> Option<String> {
    let found = ["message", "Message", "originalMessage"]
        .iter()
        .find_map(|name| said[*name].as_str());
    found.filter(|said| !said.is_empty()).map(str::to_owned)
}

/// `kind` is `ThrottlingException`, perhaps with a namespace before `#` or a URL after `:`; in streams it begins in
/// lower case.
fn code(kind: &str, message: &str) -> Option<ErrorCode> {
    let kind = kind.rsplit('#').next().unwrap_or_default();
    let kind = kind.split(':').next().unwrap_or_default();
    Some(match kind.to_ascii_lowercase().as_str() {
        "validationexception" if is_too_long(message) => ErrorCode::TooLarge,
        "validationexception" => ErrorCode::BadRequest,
        "accessdeniedexception" => ErrorCode::Forbidden,
        "unrecognizedclientexception"
        | "invalidsignatureexception"
        | "incompletesignatureexception"
        | "missingauthenticationtokenexception"
        | "expiredtokenexception"
        | "invalidclienttokenid" => ErrorCode::Unauthorised,
        "resourcenotfoundexception" => ErrorCode::NotFound,
        // A quota, however large: another target may have room.
        "throttlingexception" | "servicequotaexceededexception" => ErrorCode::RateLimited,
        "serviceunavailableexception" | "modelnotreadyexception" => ErrorCode::Overloaded,
        "modeltimeoutexception" => ErrorCode::TimedOut,
        "internalserverexception" | "modelerrorexception" | "modelstreamerrorexception" => {
            ErrorCode::Upstream
        }
        _ => return None,
    })
}

/// The vendor has no exception of its own for a conversation that is too long; its makers' words differ.
fn is_too_long(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "too long",
        "too many input tokens",
        "too many tokens",
        "maximum context length",
    ]
    .iter()
    .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(status: u16, kind: Option<&str>, body: &str) -> Error {
        let response = ErrorResponse {
            status,
            body: body.into(),
            retry_after_ms: Some(1500),
        };
        refusal(response, kind)
    }

    #[test]
    fn a_refusal_keeps_the_vendors_words() {
        let body = r#"{"message":"Slow down"}"#;
        let error = refused(
            429,
            Some("ThrottlingException:http://internal.amazon.com/x/"),
            body,
        );
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert_eq!(error.message, "Slow down");
        assert_eq!(error.retry_after_ms, Some(1500));
        let upstream = error.upstream.unwrap();
        assert_eq!((upstream.status, upstream.body.as_str()), (429, body));
        let error = refused(502, None, "<html>");
        assert_eq!(error.message, "the vendor answered 502");
        assert_eq!(error.code, ErrorCode::Upstream);
    }

    #[test]
    fn every_exception_has_its_code() {
        let cases = [
            (400, "ValidationException", "wrong", ErrorCode::BadRequest),
            (
                400,
                "ValidationException",
                "Input is too long for requested model.",
                ErrorCode::TooLarge,
            ),
            (403, "AccessDeniedException", "x", ErrorCode::Forbidden),
            (
                403,
                "UnrecognizedClientException",
                "x",
                ErrorCode::Unauthorised,
            ),
            (
                403,
                "InvalidSignatureException",
                "x",
                ErrorCode::Unauthorised,
            ),
            (403, "ExpiredTokenException", "x", ErrorCode::Unauthorised),
            (404, "ResourceNotFoundException", "x", ErrorCode::NotFound),
            (
                429,
                "ThrottlingException",
                "Too many tokens, please wait.",
                ErrorCode::RateLimited,
            ),
            (
                400,
                "ServiceQuotaExceededException",
                "x",
                ErrorCode::RateLimited,
            ),
            (
                503,
                "ServiceUnavailableException",
                "x",
                ErrorCode::Overloaded,
            ),
            (429, "ModelNotReadyException", "x", ErrorCode::Overloaded),
            (408, "ModelTimeoutException", "x", ErrorCode::TimedOut),
            (500, "InternalServerException", "x", ErrorCode::Upstream),
            (424, "ModelErrorException", "x", ErrorCode::Upstream),
            (400, "ANewException", "x", ErrorCode::BadRequest),
        ];
        for (status, kind, message, code) in cases {
            let body = json!({"message": message}).to_string();
            assert_eq!(refused(status, Some(kind), &body).code, code, "{kind}");
            let body = json!({"__type": format!("com.amazon#{kind}"), "Message": message});
            assert_eq!(
                refused(status, None, &body.to_string()).code,
                code,
                "{kind}"
            );
        }
    }

    #[test]
    fn an_exception_in_a_stream_is_classified_by_what_it_names() {
        let error = |kind, name: &str, payload: &str| {
            error_in_stream(&Frame {
                kind,
                name: name.into(),
                payload: payload.into(),
            })
        };
        let cases = [
            ("throttlingException", ErrorCode::RateLimited),
            ("modelStreamErrorException", ErrorCode::Upstream),
            ("internalServerException", ErrorCode::Upstream),
            ("serviceUnavailableException", ErrorCode::Overloaded),
            ("validationException", ErrorCode::BadRequest),
            ("modelTimeoutException", ErrorCode::TimedOut),
            ("aNewException", ErrorCode::Upstream),
        ];
        for (name, code) in cases {
            let error = error(Kind::Exception, name, r#"{"message":"Said"}"#);
            assert_eq!(
                (error.code, error.message.as_str()),
                (code, "Said"),
                "{name}"
            );
        }
        let bare = error(Kind::Exception, "throttlingException", "{}");
        assert!(bare.message.contains("throttlingException"));
        let plain = error(Kind::Error, "InternalError", "An internal error");
        assert_eq!(
            (plain.code, plain.message.as_str()),
            (ErrorCode::Upstream, "An internal error")
        );
    }
}

use crate::types::{ErrorCode, UpstreamError};

pub use crate::generated::provider::evenhand::plugin::types::Error;

impl Error {
    /// An error of this kind.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            retry_after_ms: None,
            upstream: None,
        }
    }

    /// The request is at fault.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// This target cannot do it.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unsupported, message)
    }

    /// There is no such model or object.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// The vendor said what cannot be understood.
    pub fn upstream(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Upstream, message)
    }

    /// The plugin itself failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    /// The vendor answered with an HTTP status that is no success. `message` is what it said, in words.
    pub fn from_status(
        status: u16,
        message: impl Into<String>,
        body: String,
        retry_after_ms: Option<u64>,
    ) -> Self {
        let code = match status {
            401 => ErrorCode::Unauthorised,
            402 | 403 => ErrorCode::Forbidden,
            404 => ErrorCode::NotFound,
            408 | 504 => ErrorCode::TimedOut,
            413 => ErrorCode::TooLarge,
            429 => ErrorCode::RateLimited,
            503 | 529 => ErrorCode::Overloaded,
            400..=499 => ErrorCode::BadRequest,
            _ => ErrorCode::Upstream,
        };
        Self {
            code,
            message: message.into(),
            param: None,
            retry_after_ms,
            upstream: Some(UpstreamError { status, body }),
        }
    }

    /// The same error, naming the field at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

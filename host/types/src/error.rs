/// What kind of error it is; see `error-code` in `wit/types.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The request is at fault.
    BadRequest,
    /// A credential is missing or wrong.
    Unauthorised,
    /// The credential may not do this.
    Forbidden,
    /// There is no such model or object.
    NotFound,
    /// What the object is or does forbids it now, such as more input for a session that is over.
    Conflict,
    /// The request is too large.
    TooLarge,
    /// Too many requests.
    RateLimited,
    /// No capacity now.
    Overloaded,
    /// No answer in time.
    TimedOut,
    /// A grant or a policy refused it.
    RefusedByPolicy,
    /// The target cannot do it.
    Unsupported,
    /// The vendor failed, could not be reached, or said what cannot be understood.
    Upstream,
    /// The call was cancelled.
    Cancelled,
    /// The plugin trapped, overran a limit or broke the contract.
    PluginFailed,
    /// The host itself failed.
    Internal,
}

/// What a vendor said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// HTTP status.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// An error on a request's path, which each dialect shows in its own shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind.
    pub code: ErrorCode,
    /// What happened and what to do.
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
    /// When to try again, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// What the vendor said.
    pub upstream: Option<UpstreamError>,
    /// The plugin that it came from.
    pub plugin: Option<String>,
}

impl Error {
    /// An error of this kind.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            retry_after_ms: None,
            upstream: None,
            plugin: None,
        }
    }

    /// The request is at fault.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// The same error, naming the field at fault.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same error, naming the plugin.
    #[must_use]
    pub fn of(mut self, plugin: impl Into<String>) -> Self {
        self.plugin = Some(plugin.into());
        self
    }

    /// The HTTP status that tells a client: the vendor's own where it sent an error, else the code's.
    pub fn status(&self) -> u16 {
        if let Some(upstream) = &self.upstream
            && (400..600).contains(&upstream.status)
        {
            return upstream.status;
        }
        match self.code {
            ErrorCode::BadRequest | ErrorCode::Unsupported => 400,
            ErrorCode::Unauthorised => 401,
            ErrorCode::Forbidden | ErrorCode::RefusedByPolicy => 403,
            ErrorCode::NotFound => 404,
            ErrorCode::Conflict => 409,
            ErrorCode::TooLarge => 413,
            ErrorCode::RateLimited => 429,
            ErrorCode::Cancelled => 499,
            ErrorCode::Internal => 500,
            ErrorCode::Upstream | ErrorCode::PluginFailed => 502,
            ErrorCode::Overloaded => 503,
            ErrorCode::TimedOut => 504,
        }
    }

    /// Another target, or the same one later, may do better. A plugin that translates knows what its vendor's status means
    /// (429 may be an empty account), so its code decides and [`Error::status`] does not.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.code,
            ErrorCode::RateLimited
                | ErrorCode::Overloaded
                | ErrorCode::TimedOut
                | ErrorCode::Upstream
                | ErrorCode::PluginFailed
        )
    }

    /// The same of a vendor's own answer, of which nothing is known but its HTTP status.
    pub fn is_retryable_status(status: u16) -> bool {
        matches!(status, 408 | 429 | 500..)
    }
}

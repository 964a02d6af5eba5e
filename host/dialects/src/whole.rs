use serde_json::Value;
use types::neutral::Warning;

/// An answer in one piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    /// The body, in the client's dialect.
    pub body: Value,
    /// What was not honoured. The dialects' bodies have no place for that.
    pub warnings: Vec<Warning>,
}

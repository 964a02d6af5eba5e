use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::typed::schema_of;
use crate::Error;
use crate::tools::CallResult;

/// Why a call of a tool failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The model reads this and may try again with other arguments, or without the tool.
    Correctable(String),
    /// The tool can't work: not the model's to correct.
    Error(Error),
}

impl Failure {
    /// Tells the model what is wrong and what to do instead.
    pub fn correct(message: impl Into<String>) -> Self {
        Self::Correctable(message.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// What a [`Tool`](crate::Tool) gives.
pub trait Output {
    /// The schema of what is structured in it.
    fn schema() -> Option<Schema> {
        None
    }

    /// The same, for the host.
    ///
    /// # Errors
    /// `internal` where it can't be written.
    fn into_result(self) -> Result<CallResult, Error>;
}

impl Output for String {
    fn into_result(self) -> Result<CallResult, Error> {
        Ok(CallResult::text(self))
    }
}

impl Output for CallResult {
    fn into_result(self) -> Result<CallResult, Error> {
        Ok(self)
    }
}

/// A structured result: the model reads its JSON, programs too, and its schema is declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<T>(pub T);

impl<T: Serialize + JsonSchema> Output for Json<T> {
    fn schema() -> Option<Schema> {
        Some(schema_of::<T>())
    }

    fn into_result(self) -> Result<CallResult, Error> {
        let json = serde_json::to_string(&self.0)
            .map_err(|e| Error::internal(format!("its result can't be written as JSON: {e}")))?;
        Ok(CallResult {
            structured: Some(json.clone()),
            ..CallResult::text(json)
        })
    }
}

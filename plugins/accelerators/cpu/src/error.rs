//! What can go wrong in the engine.

use std::io;

/// A failure of the engine. Those of loading concern the operator, those of a request its sender.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("reading the model file: {0}")]
    Read(#[from] io::Error),
    /// The file is damaged, or isn't what its name says.
    #[error("the model file is not valid: {0}")]
    Invalid(String),
    /// The file is valid, but this engine has no code for it.
    #[error("this model is not supported: {0}")]
    Unsupported(String),
    /// The request has a value that makes no sense.
    #[error("{0}")]
    Request(String),
    /// The prompt leaves no room for an answer.
    #[error(
        "the prompt has {tokens} tokens or more, and the context holds {context} for prompt and answer together"
    )]
    PromptTooLong {
        /// Tokens of the prompt; a lower bound where it was too long to be worth counting.
        tokens: usize,
        /// Tokens that the context holds.
        context: usize,
    },
    /// A bug, here or in a library.
    #[error("the engine failed: {0}")]
    Internal(String),
}

impl Error {
    /// For errors of a library while a file is being loaded.
    pub(crate) fn invalid(cause: impl std::fmt::Display) -> Self {
        Self::Invalid(cause.to_string())
    }

    /// For errors of a library that no input should cause.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }
}

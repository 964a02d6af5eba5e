//! What goes wrong with a registry.

use std::error::Error;

use manifest::ManifestError;

use crate::ReferenceError;

/// What went wrong with a registry, and with what of it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// No connection can be made at all.
    #[error("HTTP can't be spoken here: {0}")]
    Client(String),
    /// It doesn't answer.
    #[error("the registry {host} can't be reached: {fault}")]
    Unreachable {
        /// The registry.
        host: String,
        /// Why.
        fault: String,
    },
    /// It wants what a registry shouldn't.
    #[error("the registry {host} answers what none should, and is not followed: {fault}")]
    Strange {
        /// The registry.
        host: String,
        /// What.
        fault: String,
    },
    /// It answers too slowly.
    #[error("the registry {host} was too slow: {what} took longer than {seconds} s")]
    TooSlow {
        /// The registry.
        host: String,
        /// What took so long.
        what: String,
        /// The limit.
        seconds: u64,
    },
    /// Nothing is there.
    #[error("{0}: the registry has nothing there; look at its name, tag and digest")]
    NotFound(String),
    /// It doesn't let us.
    #[error(
        "{reference}: the registry {host} does not allow it ({fault}); is `docker login {host}` done, and may that user do this?"
    )]
    NotAllowed {
        /// What was asked for.
        reference: String,
        /// The registry.
        host: String,
        /// What it said.
        fault: String,
    },
    /// It answers what a registry doesn't.
    #[error("{reference}: the registry answered {status} when asked for {what}{message}")]
    Answer {
        /// What was asked for.
        reference: String,
        /// Of it.
        what: String,
        /// The status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// What it sends is too large.
    #[error("{reference}: {what} has more than {limit} bytes, which is more than is read of it")]
    TooLarge {
        /// What was asked for.
        reference: String,
        /// Of it.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// It sends something else than it said.
    #[error(
        "{reference}: {what} should be {expected} but is {actual}: the registry has damaged or exchanged it, and it is not used"
    )]
    Digest {
        /// What was asked for.
        reference: String,
        /// Of it.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// It is something else than a component.
    #[error("{reference}: it is no component: {fault}")]
    Shape {
        /// What was asked for.
        reference: String,
        /// What it is instead.
        fault: String,
    },
    /// The reference is not what this needs.
    #[error("{reference}: {fault}")]
    Reference {
        /// The reference.
        reference: String,
        /// What it needs.
        fault: &'static str,
    },
    /// The component has no manifest, or a wrong one.
    #[error("{0}; build the component with `evenhand build`")]
    Manifest(#[from] ManifestError),
    /// The digest that was found is none.
    #[error(transparent)]
    Digests(#[from] ReferenceError),
}

/// An error with its causes, in one line and without the URL, which may hold a token.
pub(crate) fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

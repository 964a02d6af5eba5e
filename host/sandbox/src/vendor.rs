//! Who answers in place of the network, where components are tested.

use futures::future::BoxFuture;
use types::Error;

/// Answers requests that the gate has let through: checked, with their credentials, exactly as they would have been sent. Nothing of a
/// configuration leads here.
pub trait Vendor: Send + Sync {
    /// The answer.
    fn answer(
        &self,
        request: reqwest::Request,
    ) -> BoxFuture<'static, Result<http::Response<reqwest::Body>, Error>>;
}

//! The neutral form. It mirrors `wit/types.wit` field by field; the sandbox converts between the two, so that nothing
//! above it knows how a component is called.

mod content;
mod event;
mod request;

pub(crate) use content::base64_text;
pub use content::*;
pub use event::*;
pub use request::*;

/// A request that came in a client's dialect, of which the host reads no more than it must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeRequest {
    /// The wire format.
    pub dialect: String,
    /// The vendor's name of the model.
    pub model: String,
    /// The client reads the answer as it comes.
    pub stream: bool,
    /// Header fields that a vendor may see.
    pub headers: Vec<(String, String)>,
    /// The query without `?`.
    pub query: Option<String>,
}

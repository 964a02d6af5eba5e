//! Where nothing has to be translated: what the host must know of a request and its answer, with every other byte left
//! alone.
//!
//! The dialects are those of [`Wire`](crate::Wire).

mod choices;
mod field;
mod scan;
mod sse;
mod tap;

pub use scan::{Scan, scan};
pub use tap::Tap;

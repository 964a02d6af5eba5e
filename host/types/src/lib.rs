//! Types that all of the host shares: the neutral form, errors and the configuration. No I/O.

#![deny(missing_docs)]

pub mod config;
mod error;
pub mod neutral;
pub mod session;
pub mod tool;

pub use error::{Error, ErrorCode, UpstreamError};

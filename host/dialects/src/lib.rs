//! The wire formats that clients speak, and the neutral form: pure functions from bytes to neutral types and back.
//! No I/O, no sandbox, no vendors.
//!
//! A request enters through [`Wire::parse`]; an answer leaves in the request's [`Form`], through an [`Encoder`] (streamed) or
//! whole.
//! Where nothing has to be translated, [`native`] reads what the host must know and leaves every other byte alone.
//!
//! One rule holds for all requests: a top-level field that the neutral form has no place for becomes an extension of
//! the request; such a field of a message, block or tool becomes its `provider_data`. Nothing is dropped in silence.

#![deny(missing_docs)]

mod answer;
pub mod anthropic;
mod clock;
mod encoder;
mod errors;
mod field;
mod form;
mod frame;
pub mod hosted;
mod media;
mod models;
pub mod native;
pub mod openai;
mod seal;
mod turns;
mod whole;
mod wire;

pub use answer::Answer;
pub use encoder::Encoder;
pub use errors::Dialect;
pub use form::{Form, Response};
pub use models::ListedModel;
/// Agents that the host runs, and their sessions, of the one dialect that has such.
pub use openai::agents;
/// Answers that are kept, of the one dialect that has such.
pub use openai::responses;
pub use whole::Whole;
pub use wire::{Asked, Wire};

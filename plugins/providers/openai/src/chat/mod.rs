//! Chat completions: what nearly every server speaks.

mod choice;
mod content;
mod media;
mod request;
mod stream;
mod usage;

pub(crate) use choice::token;
pub(crate) use request::{DIALECT, translate};
pub(crate) use stream::Machine;
pub(crate) use usage::usage;

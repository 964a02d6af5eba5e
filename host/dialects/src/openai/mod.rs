//! What clients of OpenAI's API speak.

pub mod chat;
mod content;
pub mod embeddings;
pub mod responses;
pub(crate) mod usage;

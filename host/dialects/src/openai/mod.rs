//! What clients of OpenAI's API speak.

pub mod chat;
pub mod embeddings;
pub(crate) mod usage;

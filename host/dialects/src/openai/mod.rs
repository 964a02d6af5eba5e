//! What clients of OpenAI's API speak.

pub mod agents;
pub mod chat;
mod content;
pub mod embeddings;
mod page;
pub mod responses;
pub(crate) mod usage;

//! What clients of Anthropic's API speak.

pub mod messages;
pub(crate) mod usage;

//! What clients send and what they get, through the crate's public face.

mod agents_golden;
mod agents_log;
mod agents_properties;
mod agents_request;
mod agents_stream;
mod chat_answer;
mod chat_request;
mod echoes;
mod embeddings;
mod errors;
mod events;
mod golden;
mod messages_answer;
mod messages_request;
mod native_scan;
mod native_tap;
mod responses_answer;
mod responses_endings;
mod responses_golden;
mod responses_properties;
mod responses_request;
mod responses_stored;
mod responses_stream;
mod responses_tools;
mod roundtrip;
mod settings;

//! The Responses API: what the vendor itself recommends, and some servers speak too.

mod answer;
mod calls;
mod citations;
mod hosted;
mod input;
mod media;
mod parts;
mod reasoning;
mod request;
mod stream;
mod tools;
mod usage;

pub(crate) use request::{DIALECT, count, translate};
pub(crate) use stream::Machine;

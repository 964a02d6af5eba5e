//! Runs plugins: the engines, a component's limits and grants, its imports, and its calls. Nothing above this crate knows
//! wasmtime, and this crate knows neither clients' HTTP nor their dialects.

#![deny(missing_docs)]

mod address;
mod answer;
mod backend;
mod bindings;
mod body;
mod broker;
mod call;
mod compile;
mod contract;
mod convert;
mod credential;
mod drain;
mod egress;
mod engine;
mod forward;
mod gate;
mod generate;
mod health;
mod http;
mod inspect;
mod kept;
#[cfg(test)]
mod leak_tests;
mod limits;
mod load;
mod logs;
mod outgoing;
mod plugin;
mod pool;
mod quota;
mod scrub;
mod sigv4;
mod slice;
mod sql;
mod state;
mod tool_host;
mod tools;
mod traffic;
mod vendor;
mod wasi;
mod weights;
mod witness;

pub use backend::{About, Backend, Generation, Model, Offer, Step};
pub use body::Body;
pub use compile::{Cache, Compiler, Replaced, compile_from_stdin, read_component};
pub use contract::contracts;
pub use egress::Secrets;
pub use engine::Sandbox;
pub use forward::Forwarded;
pub use gate::Gate;
pub use generate::Events;
pub use inspect::{Inspection, Needs};
pub use load::Compiled;
pub use plugin::{Kind, Plugin};
pub use slice::{Guests, give_way};
pub use sql::DatabaseUrls;
pub use tools::{Behind, Link, no_person};
pub use vendor::Vendor;
pub use witness::Witness;

//! Evenhand over HTTP: the data plane, for clients, and the control plane, for operators.

#![deny(missing_docs)]

mod admin;
mod agents;
mod answer;
mod data;
mod guard;
mod incoming;
mod plugins;
mod query;
mod responses;

pub use admin::control_plane;
pub use data::{Served, data_plane};
pub use guard::caller;

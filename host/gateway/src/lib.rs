//! Evenhand over HTTP: the data plane, for clients, and the control plane, for operators.

#![deny(missing_docs)]

mod admin;
mod answer;
mod data;
mod guard;
mod incoming;
mod responses;

pub use admin::control_plane;
pub use data::data_plane;

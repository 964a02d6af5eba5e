//! Real components in real sandboxes. Those of `tests/plugins` do what a hostile or broken plugin would; `cargo xtask test` builds them.

#![allow(missing_docs)]

mod accelerators;
mod contract;
mod fairness;
mod guessing;
mod limits;
mod load;
mod memory;
mod mutated;
mod network;
mod outside;
mod panics;
mod quarantine;
mod secrets;
mod support;
mod tools;
mod vendor;
mod wasi;
mod witness;

//! Real components in real sandboxes. Those of `tests/plugins` do what a hostile or broken plugin would; `cargo xtask test` builds them.

#![allow(missing_docs)]

mod accelerators;
mod limits;
mod load;
mod outside;
mod support;
mod vendor;
mod witness;

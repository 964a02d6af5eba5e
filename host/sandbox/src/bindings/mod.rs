//! The contract in Rust: a module for each version that was published, named after the first that it serves. The newest implements;
//! an older one would say how its types and calls are those of the next. See docs/decisions/010-contract-versions.md.

mod since_v0_1_0;

use semver::Version;

pub(crate) use since_v0_1_0::*;

/// Versions of the contract whose components are taken, oldest first.
pub(crate) const CONTRACTS: &[Version] = &[since_v0_1_0::VERSION];

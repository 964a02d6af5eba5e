//! The conformance kit: runs the contract's cases against a component, in the host's own sandbox, with the grants that its manifest asks
//! for. What it reaches outside is played by the kit, from a script that the component's publisher wrote (`conformance.toml`).
//!
//! `docs/conformance.md` says how to write a script, and lists the cases.

#![deny(missing_docs)]

mod accelerator;
mod answer;
mod cases;
mod compare;
mod delivery;
mod grants;
mod person;
mod provider;
mod report;
mod requests;
mod run;
mod script;
mod stage;
mod subject;
mod tools;
mod values;

pub use cases::{CASES, Case, documentation};
pub use report::{Line, Outcome, Report, Stop};
pub use requests::{SCENARIOS, Scenario};
pub use run::{Candidate, run};
pub use script::{FILE, Script};

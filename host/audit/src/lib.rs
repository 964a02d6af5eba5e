//! The audit log: what was loaded, granted, refused and asked of the host, by whom and when.
//!
//! Three files side by side. `FILE` has a row of JSON a line, each with the SHA-256 of the row before it. `FILE.heads` has, from
//! time to time, the newest row's number and hash, signed with the key in `FILE.key`; who keeps `FILE.pub` and a copy of a head
//! elsewhere finds also a log that was written anew by somebody who had the key. [`verify`] looks at all of it; a start looks too, and
//! writes what it finds into the log.

#![deny(missing_docs)]

mod chain;
mod error;
mod event;
mod heads;
mod key;
mod lines;
mod log;
mod repeats;
mod row;
mod verify;

pub use error::Error;
pub use event::{Event, Who};
pub use heads::beside;
pub use log::Log;
pub use verify::{Fault, Finding, Verified, verify};

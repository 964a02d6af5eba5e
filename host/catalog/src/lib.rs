//! Which plugins serve: from the configuration file and the components' files to revisions, and from each change of a file to
//! the next revision. What is broken changes nothing; calls that run keep the revision that they started with.

#![deny(missing_docs)]

mod catalog;
mod recorded;
mod revision;
mod secrets;
mod store;
mod watch;

pub use catalog::{Catalog, Snapshot, State, Status, read_config};
pub use recorded::audit_log;
pub use revision::{Revision, digest, resolve};
pub use store::{StoreAt, store};
pub use watch::watch;

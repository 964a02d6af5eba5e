//! Which plugins serve: from the configuration file, from what operators changed, and from the components to revisions, and from each
//! change to the next revision. What is broken changes nothing; calls that run keep the revision that they started with.

#![deny(missing_docs)]

mod bring;
mod canary;
mod catalog;
mod change;
mod drain;
mod fetch;
mod history;
mod judge;
mod kept;
mod recorded;
mod revision;
mod secrets;
mod settings;
mod snapshot;
mod store;
mod verify;
mod watch;
mod widen;

pub use canary::Counts;
pub use catalog::Catalog;
pub use fetch::Builtin;
pub use history::{About, Recorded, Stage};
pub use judge::judge;
pub use recorded::audit_log;
pub use revision::{Revision, digest, resolve};
pub use settings::read_config;
pub use snapshot::{CanaryStatus, Snapshot, State, Status};
pub use store::{StoreAt, store};
pub use watch::watch;

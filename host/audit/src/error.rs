use std::io;
use std::path::{Path, PathBuf};

/// Why the log can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the log can't be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Two hosts would break each other's chain.
    #[error("{} is written by another evenhand: give each its own [audit] path", path.display())]
    Taken {
        /// The log.
        path: PathBuf,
    },
    /// A key of the wrong shape, or open to others.
    #[error("{}: {reason}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: &'static str,
    },
    /// The writer has ended.
    #[error("the audit log is closed")]
    Closed,
}

impl Error {
    /// For `map_err`: names the file.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

use std::path::PathBuf;

use serde::Deserialize;

/// `[audit]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The log, relative to the configuration file. Its signed heads and its keys stand beside it.
    #[serde(default = "default_path")]
    pub path: PathBuf,
}

fn default_path() -> PathBuf {
    "evenhand.audit".into()
}

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

/// Where a component is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Source {
    /// A file, relative to the configuration file.
    File(PathBuf),
    /// An artifact of a registry: `oci://host/repository[:tag][@sha256:…]`.
    Oci(String),
    /// A component inside this program: `builtin:NAME`.
    Builtin(String),
}

impl From<String> for Source {
    fn from(text: String) -> Self {
        if text.starts_with("oci://") {
            return Self::Oci(text);
        }
        match text.strip_prefix("builtin:") {
            Some(name) => Self::Builtin(name.into()),
            None => Self::File(text.into()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Oci(reference) => f.write_str(reference),
            Self::Builtin(name) => write!(f, "builtin:{name}"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

use std::path::PathBuf;

use serde::Deserialize;

/// `[[trust]]`: whose signature is needed for which components. With one, whatever nobody trusted has signed is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// A file with the public key (PEM, ECDSA P-256), relative to the configuration file.
    pub key: PathBuf,
    /// Names of components that it may sign, as in their manifests: `publisher/plugin` or `publisher/*`.
    pub names: Vec<String>,
}

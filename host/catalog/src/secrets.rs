//! Values of secrets, from where the configuration says they are.

use std::path::Path;

use anyhow::{Context, ensure};
use types::config::SecretSource;
use zeroize::Zeroizing;

/// Reads a secret. `folder` is the configuration file's, for relative paths.
///
/// # Errors
/// It is unset, empty or unreadable; the message never has the value.
pub(crate) fn read(source: &SecretSource, folder: &Path) -> anyhow::Result<Zeroizing<String>> {
    match source {
        SecretSource::Env(name) => {
            let value = std::env::var(name).map(Zeroizing::new);
            let value = value.ok().with_context(|| {
                format!("the environment variable {name} is not set (or is not UTF-8)")
            })?;
            ensure!(
                !value.is_empty(),
                "the environment variable {name} is empty"
            );
            Ok(value)
        }
        SecretSource::File(path) => {
            let path = crate::revision::resolve(folder, path);
            let mut value = std::fs::read_to_string(&path)
                .map(Zeroizing::new)
                .with_context(|| format!("the file {} can't be read", path.display()))?;
            if value.ends_with('\n') {
                value.pop();
            }
            ensure!(!value.is_empty(), "the file {} is empty", path.display());
            Ok(value)
        }
    }
}

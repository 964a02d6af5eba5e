//! Whether a component may be loaded under an entry: what it says of itself, who signed it, and which one is wanted.

use anyhow::{Context, bail, ensure};
use manifest::{Manifest, ManifestError, Name};
use registry::{Signer, Trust};
use types::config::Plugin;

use crate::fetch::Fetched;

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verified {
    pub(crate) manifest: Option<Manifest>,
    /// Whose signature it has; absent: nobody's is asked for.
    pub(crate) signer: Option<Signer>,
}

/// # Errors
/// Why it may not be loaded.
pub(crate) fn verify(
    fetched: &Fetched,
    entry: &Plugin,
    trust: Option<&Trust>,
) -> anyhow::Result<Verified> {
    if let Some(wanted) = &entry.digest {
        ensure!(
            *wanted == fetched.digest,
            "the component is {}, and the entry wants digest = {wanted:?}",
            fetched.digest
        );
    }
    // Before anything that it says is looked at.
    let manifest = match manifest::read(&fetched.bytes) {
        // Whoever compiles it says what is wrong with it.
        Err(ManifestError::Component(_)) => Ok(None),
        read => read,
    };
    let signer = match trust {
        Some(trust) => {
            let name = manifest.as_ref().ok().and_then(Option::as_ref);
            let name: Option<&Name> = name.map(|manifest| &manifest.name);
            let (bytes, image) = (&fetched.bytes, fetched.image.as_deref());
            Some(trust.check(name, bytes, image, &fetched.signatures)?)
        }
        None => None,
    };
    let Some(manifest) = manifest? else {
        return Ok(Verified {
            manifest: None,
            signer,
        });
    };
    let config = serde_json::to_value(&entry.config).context("config is not JSON")?;
    if let Err(error) = manifest.check_config(&config) {
        bail!(error);
    }
    Ok(Verified {
        manifest: Some(manifest),
        signer,
    })
}

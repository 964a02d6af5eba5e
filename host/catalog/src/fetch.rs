//! From where a component is said to be to its bytes.

use std::path::Path;

use anyhow::Context;
use registry::{Reference, Registry, Signature};
use types::config::Source;

use crate::revision::{digest, resolve};

/// A component that is nothing here yet.
pub(crate) struct Fetched {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the bytes, in hexadecimal.
    pub(crate) digest: String,
    /// The digest of the artifact that it came in, where it came from a registry.
    pub(crate) image: Option<String>,
    pub(crate) signatures: Vec<Signature>,
}

impl Fetched {
    pub(crate) fn new(bytes: Vec<u8>, image: Option<String>, signatures: Vec<Signature>) -> Self {
        Self {
            digest: digest(&bytes),
            bytes,
            image,
            signatures,
        }
    }
}

/// Reads or pulls a component. `folder`: the configuration file's.
///
/// # Errors
/// It isn't there, or is no component; the registry's.
pub(crate) async fn fetch(
    source: &Source,
    folder: &Path,
    builtin: Builtin,
) -> anyhow::Result<Fetched> {
    match source {
        Source::File(path) => {
            let path = resolve(folder, path);
            let read = tokio::task::spawn_blocking(move || {
                let signatures = registry::beside(&path)?;
                anyhow::Ok((sandbox::read_component(&path)?, signatures))
            });
            let (bytes, signatures) = read.await.context("reading it was lost")??;
            Ok(Fetched::new(bytes, None, signatures))
        }
        Source::Oci(text) => {
            let reference: Reference = text.parse()?;
            let artifact = Registry::new()?
                .pull(&reference)
                .await
                .with_context(|| text.clone())?;
            let image = Some(artifact.digest);
            Ok(Fetched::new(artifact.component, image, artifact.signatures))
        }
        Source::Builtin(name) => {
            let (bytes, signature) = builtin(name)
                .with_context(|| format!("this evenhand has no component {name:?} inside it"))?;
            let signatures = signature.and_then(Signature::of_text).into_iter().collect();
            Ok(Fetched::new(bytes.to_vec(), None, signatures))
        }
    }
}

/// Components inside this program, by name, with their signatures.
pub type Builtin = fn(&str) -> Option<(&'static [u8], Option<&'static str>)>;

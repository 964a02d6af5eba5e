//! Components in OCI registries, who signed them, and who is trusted for which names.
//!
//! Artifacts have the [CNCF's layout for Wasm](https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/), signatures the
//! formats of [cosign](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md): whoever has those tools needs none of ours.
//! Nothing that a registry sends is believed before its digest fits, and nothing of it is read without a bound.

#![deny(missing_docs)]

mod access;
mod artifact;
mod cosign;
mod encrypted;
mod error;
mod keys;
mod reference;
mod signature;
mod transport;
mod trust;

use sha2::{Digest, Sha256};

pub use artifact::Artifact;
pub use error::RegistryError;
pub use keys::{KeyError, PublicKey, SigningKey};
pub use reference::{Reference, ReferenceError};
pub use signature::{Signature, SignatureError, beside, file_of, sign_blob};
pub use transport::{LARGEST_COMPONENT, Registry};
pub use trust::{NameRule, Signer, Trust, TrustError, Untrusted};

/// `sha256:…` of these bytes, as OCI writes it.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Is it `sha256:` and 64 small hexadecimal digits? No other digest is spoken here.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests;

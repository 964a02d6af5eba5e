//! Signatures in cosign's formats: over a file, or over a payload that names an image's digest.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::{Reference, SigningKey};

/// The type that cosign's payloads have.
pub(crate) const TYPE: &str = "cosign container image signature";

/// Longest signature, in characters of base64; one of P-256 has 96.
const LONGEST: usize = 1024;

/// A signature that came with a component. Whose it is, is not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// Over the component's bytes: `x.wasm.sig`, as `cosign sign-blob` writes it.
    Blob {
        /// DER.
        #[serde(with = "base64_text")]
        signature: Vec<u8>,
    },
    /// Over a payload that names the manifest's digest, as `cosign sign` puts it beside an image.
    Image {
        /// JSON, byte for byte.
        #[serde(with = "base64_text")]
        payload: Vec<u8>,
        /// DER.
        #[serde(with = "base64_text")]
        signature: Vec<u8>,
    },
}

impl Signature {
    /// The signature over a component's bytes that this text holds, in base64; `None`: it is none.
    pub fn of_text(text: &str) -> Option<Self> {
        let signature = decode(text.as_bytes())?;
        Some(Self::Blob { signature })
    }
}

/// Bytes as base64, in JSON.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}

/// What is wrong with a signature's text.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// It can't be read.
    #[error("{0}: the signature can't be read: {1}")]
    Io(String, io::Error),
    /// It is not one.
    #[error(
        "{0}: it is no signature: it should be one line of base64, as `evenhand sign` and `cosign sign-blob` write it"
    )]
    Text(String),
}

/// The text of `x.wasm.sig`: this key's signature over these bytes, in base64.
pub fn sign_blob(bytes: &[u8], key: &SigningKey) -> String {
    STANDARD.encode(key.sign(bytes))
}

/// Where the signature of a local file is: `x.wasm.sig` for `x.wasm`.
pub fn file_of(component: &Path) -> PathBuf {
    let mut file: OsString = component.into();
    file.push(".sig");
    file.into()
}

/// The signatures of a local file `x.wasm`: that in `x.wasm.sig`, or none where that file isn't there.
///
/// # Errors
/// The file can't be read, or holds no signature.
pub fn beside(component: &Path) -> Result<Vec<Signature>, SignatureError> {
    let file = file_of(component);
    let name = file.display().to_string();
    let mut text = Vec::new();
    let read =
        File::open(&file).and_then(|opened| opened.take(LONGEST as u64 + 1).read_to_end(&mut text));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SignatureError::Io(name, error)),
        Ok(_) => {}
    }
    match decode(&text) {
        Some(signature) => Ok(vec![Signature::Blob { signature }]),
        None => Err(SignatureError::Text(name)),
    }
}

/// The bytes behind a signature's base64, whose lines some tools break.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let plain: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let bytes = STANDARD.decode(plain).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

/// What cosign signs of an image: <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#simple-signing>.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) critical: Critical,
    pub(crate) optional: Option<serde_json::Value>,
}

/// What a verifier must look at.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Critical {
    pub(crate) identity: Identity,
    pub(crate) image: Image,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Identity {
    pub(crate) docker_reference: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Image {
    pub(crate) docker_manifest_digest: String,
}

impl Payload {
    /// The one for an artifact.
    pub(crate) fn of(reference: &Reference, digest: &str) -> Self {
        Self {
            critical: Critical {
                identity: Identity {
                    docker_reference: reference.name(),
                },
                image: Image {
                    docker_manifest_digest: digest.to_owned(),
                },
                kind: TYPE.to_owned(),
            },
            optional: None,
        }
    }

    /// The digest that a payload speaks of; `None`: it is no payload of cosign's.
    pub(crate) fn digest(json: &[u8]) -> Option<String> {
        let payload: Self = serde_json::from_slice(json).ok()?;
        (payload.critical.kind == TYPE).then_some(payload.critical.image.docker_manifest_digest)
    }
}

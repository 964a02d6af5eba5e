//! Signatures beside an artifact, where cosign keeps them: an image under the tag `sha256-HEX.sig`, with a layer for each.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
};
use serde_json::json;

use crate::access::Access;
use crate::signature::{Payload, decode};
use crate::{Reference, Registry, RegistryError, Signature, SigningKey, digest};

/// The media type of a payload.
const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The annotation of a payload's layer with the signature, in base64.
const ANNOTATION: &str = "dev.cosignproject.cosign/signature";

/// Largest payload, in bytes: cosign's has some three hundred, and all are kept with the component.
const LARGEST: u64 = 8 * 1024;

/// Most signatures that are looked at.
const MOST: usize = 16;

impl Registry {
    /// Signs the artifact that a pinned reference names, and puts the signature beside those that are there. What this key signed
    /// already stays as it is.
    ///
    /// # Errors
    /// The reference is not pinned, the artifact isn't there, or the registry doesn't take the signature.
    pub async fn sign(&self, reference: &Reference, key: &SigningKey) -> Result<(), RegistryError> {
        let Some(digest) = reference.digest() else {
            return Err(RegistryError::Reference {
                reference: reference.to_string(),
                fault: "a signature is for one artifact: name its digest, …@sha256:DIGEST",
            });
        };
        let mut access = Access::to_push(self, reference);
        // Nothing is signed that isn't there, or isn't what the digest says.
        access.manifest().await?;
        if access.signed_by(digest, key).await? {
            return Ok(());
        }
        access.add_signature(digest, key).await?;
        // Registries have no lock: somebody who signed at the same time may have replaced ours.
        match access.signed_by(digest, key).await? {
            true => Ok(()),
            false => Err(RegistryError::Reference {
                reference: reference.to_string(),
                fault: "somebody else signed at the same time, and our signature is lost: sign again",
            }),
        }
    }
}

/// The tag of an artifact's signatures.
fn tag(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

impl Access<'_> {
    /// All signatures beside the artifact of this digest.
    pub(crate) async fn signatures(
        &mut self,
        digest: &str,
    ) -> Result<Vec<Signature>, RegistryError> {
        let Some((manifest, _)) = self.manifest_at(&tag(digest)).await? else {
            return Ok(Vec::new());
        };
        let layers = manifest
            .layers
            .iter()
            .filter(|layer| layer.media_type == PAYLOAD);
        if layers.clone().count() > MOST {
            return Err(RegistryError::Shape {
                reference: self.reference.to_string(),
                fault: format!("it has more than {MOST} signatures; take the needless ones away"),
            });
        }
        let mut all = Vec::new();
        for layer in layers {
            let annotations = layer.annotations.as_ref();
            let text = annotations.and_then(|annotations| annotations.get(ANNOTATION));
            // What is no signature counts as none.
            let Some(signature) = text.and_then(|text| decode(text.as_bytes())) else {
                continue;
            };
            let payload = self.blob(layer, LARGEST, "a signature's payload").await?;
            all.push(Signature::Image { payload, signature });
        }
        Ok(all)
    }

    async fn signed_by(&mut self, digest: &str, key: &SigningKey) -> Result<bool, RegistryError> {
        let public = key.public();
        let signatures = self.signatures(digest).await?;
        Ok(signatures.iter().any(|signature| match signature {
            Signature::Image { payload, signature } => {
                Payload::digest(payload).as_deref() == Some(digest)
                    && public.verifies(payload, signature)
            }
            Signature::Blob { .. } => false,
        }))
    }

    async fn add_signature(&mut self, of: &str, key: &SigningKey) -> Result<(), RegistryError> {
        let payload = serde_json::to_vec(&Payload::of(self.reference, of)).unwrap_or_default();
        let signature = STANDARD.encode(key.sign(&payload));
        let mut manifest = match self.manifest_at(&tag(of)).await? {
            Some((manifest, _)) => manifest,
            None => OciImageManifest::default(),
        };
        manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.to_owned());
        manifest.layers.push(OciDescriptor {
            media_type: PAYLOAD.to_owned(),
            digest: digest(&payload),
            size: payload.len() as i64,
            annotations: Some(BTreeMap::from([(ANNOTATION.to_owned(), signature)])),
            ..OciDescriptor::default()
        });
        self.put_blob(payload.into()).await?;
        let config = config(&manifest.layers);
        manifest.config = OciDescriptor {
            media_type: IMAGE_CONFIG_MEDIA_TYPE.to_owned(),
            digest: digest(&config),
            size: config.len() as i64,
            ..OciDescriptor::default()
        };
        self.put_blob(config.into()).await?;
        let json = serde_json::to_vec(&manifest).unwrap_or_default();
        self.put_manifest(&tag(of), OCI_IMAGE_MEDIA_TYPE, json)
            .await?;
        Ok(())
    }
}

/// The image configuration over these layers, as cosign writes it.
fn config(layers: &[OciDescriptor]) -> Vec<u8> {
    let digests: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let made = "0001-01-01T00:00:00Z";
    let history: Vec<_> = layers.iter().map(|_| json!({ "created": made })).collect();
    json!({
        "architecture": "",
        "created": made,
        "history": history,
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": digests },
        "config": {},
    })
    .to_string()
    .into_bytes()
}

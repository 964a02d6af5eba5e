//! Components as artifacts: pull and push.

use std::collections::BTreeMap;
use std::fmt;

use manifest::{Manifest, ManifestError};
use oci_client::annotations as keys;
use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
};
use oci_wasm::{
    COMPONENT_OS, ToConfig, WASM_ARCHITECTURE, WASM_LAYER_MEDIA_TYPE,
    WASM_MANIFEST_CONFIG_MEDIA_TYPE, WasmConfig,
};
use tokio::time::timeout;

use crate::access::Access;
use crate::transport::{LARGEST_TEXT, WHOLE};
use crate::{LARGEST_COMPONENT, Reference, Registry, RegistryError, Signature, digest, is_digest};

/// What a registry had under a reference. The digest is the manifest's, the manifest names the component's, and both were computed
/// here: these bytes are those that the digest stands for.
#[derive(Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The component.
    pub component: Vec<u8>,
    /// The digest of its OCI manifest, `sha256:…`: what a reference is pinned to.
    pub digest: String,
    /// All signatures beside it, by anybody: none is verified yet.
    pub signatures: Vec<Signature>,
}

impl fmt::Debug for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, signatures) = (self.component.len(), self.signatures.len());
        write!(
            f,
            "Artifact({}, {size} bytes, {signatures} signatures)",
            self.digest
        )
    }
}

impl Registry {
    /// The component under a reference, with its signatures.
    ///
    /// # Errors
    /// The registry can't be reached, has nothing there, something else than a component, or not what its digests say.
    pub async fn pull(&self, reference: &Reference) -> Result<Artifact, RegistryError> {
        let pull = async {
            let mut access = Access::to_pull(self, reference);
            let (manifest, digest) = access.manifest().await?;
            let layer = component_layer(reference, &manifest)?;
            let config = access
                .blob(&manifest.config, LARGEST_TEXT, "its configuration")
                .await?;
            check_config(reference, &config, layer)?;
            let component = access
                .blob(layer, LARGEST_COMPONENT, "the component")
                .await?;
            let signatures = access.signatures(&digest).await?;
            Ok(Artifact {
                component,
                digest,
                signatures,
            })
        };
        timeout(WHOLE, pull).await.unwrap_or_else(|_| {
            Err(RegistryError::TooSlow {
                host: reference.host().to_owned(),
                what: format!("{reference}, as a whole,"),
                seconds: WHOLE.as_secs(),
            })
        })
    }

    /// The same reference, pinned to what it leads to now.
    ///
    /// # Errors
    /// As of [`Registry::pull`].
    pub async fn resolve(&self, reference: &Reference) -> Result<Reference, RegistryError> {
        let (manifest, digest) = Access::to_pull(self, reference).manifest().await?;
        component_layer(reference, &manifest)?;
        Ok(reference.with_digest(&digest)?)
    }

    /// Stores a component under a tag, and gives back the reference that is pinned to it.
    ///
    /// # Errors
    /// The component has no manifest or is too large, the reference has no tag or is pinned, or the registry doesn't take it.
    pub async fn push(
        &self,
        reference: &Reference,
        component: Vec<u8>,
    ) -> Result<Reference, RegistryError> {
        let needs = |fault| RegistryError::Reference {
            reference: reference.to_string(),
            fault,
        };
        let tag = match (reference.tag(), reference.digest()) {
            (Some(tag), None) => tag,
            _ => {
                return Err(needs(
                    "a component is stored under a tag, and has no digest before it is",
                ));
            }
        };
        if component.len() as u64 > LARGEST_COMPONENT {
            return Err(RegistryError::TooLarge {
                reference: reference.to_string(),
                what: "the component".into(),
                limit: LARGEST_COMPONENT,
            });
        }
        let none = || ManifestError::Shape("it has none".into());
        let about = manifest::read(&component)?.ok_or_else(none)?;
        let (config, layer, manifest) =
            layout(component, &about).map_err(|e| ManifestError::Component(format!("{e:#}")))?;
        let mut access = Access::to_push(self, reference);
        access.put_blob(layer.data).await?;
        access.put_blob(config.data).await?;
        let json = serde_json::to_vec(&manifest).unwrap_or_default();
        let digest = access.put_manifest(tag, OCI_IMAGE_MEDIA_TYPE, json).await?;
        Ok(reference.with_digest(&digest)?)
    }
}

/// Configuration, layer and manifest of a component.
fn layout(
    component: Vec<u8>,
    about: &Manifest,
) -> Result<(Config, ImageLayer, OciImageManifest), Box<dyn std::error::Error + Send + Sync>> {
    let publisher = Some(about.name.publisher().to_owned());
    let (config, layer) = WasmConfig::from_raw_component(component, publisher)?;
    let config = config.to_config()?;
    let layers = [layer];
    let mut manifest = OciImageManifest::build(&layers, &config, Some(annotations(about)));
    manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.to_owned());
    let [layer] = layers;
    Ok((config, layer, manifest))
}

/// What registries show of it.
fn annotations(about: &Manifest) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([
        (keys::ORG_OPENCONTAINERS_IMAGE_TITLE, about.name.to_string()),
        (
            keys::ORG_OPENCONTAINERS_IMAGE_VERSION,
            about.version.to_string(),
        ),
        (
            keys::ORG_OPENCONTAINERS_IMAGE_LICENSES,
            about.licence.clone(),
        ),
    ]);
    let optional = [
        (keys::ORG_OPENCONTAINERS_IMAGE_URL, &about.homepage),
        (
            keys::ORG_OPENCONTAINERS_IMAGE_DESCRIPTION,
            &about.description,
        ),
    ];
    all.extend(
        optional
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.clone()?))),
    );
    all.into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// The one layer of a component's manifest.
fn component_layer<'m>(
    reference: &Reference,
    manifest: &'m OciImageManifest,
) -> Result<&'m OciDescriptor, RegistryError> {
    let wrong = |fault: String| RegistryError::Shape {
        reference: reference.to_string(),
        fault,
    };
    if manifest.config.media_type != WASM_MANIFEST_CONFIG_MEDIA_TYPE {
        return Err(wrong(format!(
            "its configuration is {:?}, that of a component is {WASM_MANIFEST_CONFIG_MEDIA_TYPE}",
            manifest.config.media_type
        )));
    }
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == WASM_LAYER_MEDIA_TYPE => Ok(layer),
        [layer] => Err(wrong(format!(
            "its layer is {:?}, that of a component is {WASM_LAYER_MEDIA_TYPE}",
            layer.media_type
        ))),
        layers => Err(wrong(format!(
            "it has {} layers, a component has one",
            layers.len()
        ))),
    }
}

/// Does the configuration speak of a component, and of this one?
fn check_config(
    reference: &Reference,
    json: &[u8],
    layer: &OciDescriptor,
) -> Result<(), RegistryError> {
    let wrong = |fault: String| RegistryError::Shape {
        reference: reference.to_string(),
        fault,
    };
    let config = WasmConfig::try_from(json)
        .map_err(|e| wrong(format!("its configuration can't be read: {e}")))?;
    if config.architecture != WASM_ARCHITECTURE || config.os != COMPONENT_OS {
        return Err(wrong(format!(
            "it is for {:?} on {:?}, a component for {WASM_ARCHITECTURE} on {COMPONENT_OS}",
            config.architecture, config.os
        )));
    }
    if config.layer_digests != [layer.digest.as_str()] {
        return Err(wrong("its configuration speaks of another layer".into()));
    }
    Ok(())
}

impl Access<'_> {
    /// The image manifest under the reference, and its digest.
    pub(crate) async fn manifest(&mut self) -> Result<(OciImageManifest, String), RegistryError> {
        let wanted = self.reference.wanted();
        match self.manifest_at(wanted).await? {
            Some(found) => Ok(found),
            None => Err(RegistryError::NotFound(self.reference.to_string())),
        }
    }

    /// The image manifest under a tag or digest, and its digest; `None`: there is none.
    pub(crate) async fn manifest_at(
        &mut self,
        wanted: &str,
    ) -> Result<Option<(OciImageManifest, String)>, RegistryError> {
        // Of several platforms, too: to be told what is there.
        let accept = [
            OCI_IMAGE_MEDIA_TYPE,
            IMAGE_MANIFEST_MEDIA_TYPE,
            OCI_IMAGE_INDEX_MEDIA_TYPE,
            IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        ]
        .join(", ");
        let what = "the OCI manifest";
        let path = format!("manifests/{wanted}");
        let Some(response) = self.get(&path, &accept, what).await? else {
            return Ok(None);
        };
        let said = response.headers().get("docker-content-digest");
        let said = said.and_then(|said| said.to_str().ok()).map(str::to_owned);
        let json = self.read(response, LARGEST_TEXT, what).await?;
        let actual = digest(&json);
        let pinned = is_digest(wanted).then(|| wanted.to_owned());
        for expected in pinned.into_iter().chain(said) {
            if expected.starts_with("sha256:") && expected != actual {
                return Err(self.damaged(what, expected, actual));
            }
        }
        let manifest = self.image(&json)?;
        Ok(Some((manifest, actual)))
    }

    fn image(&self, json: &[u8]) -> Result<OciImageManifest, RegistryError> {
        let wrong = |fault: String| RegistryError::Shape {
            reference: self.reference.to_string(),
            fault,
        };
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            media_type: Option<String>,
            manifests: Option<serde::de::IgnoredAny>,
        }
        let unreadable = |e| wrong(format!("its OCI manifest can't be read: {e}"));
        let kind: Kind = serde_json::from_slice(json).map_err(unreadable)?;
        if kind.manifests.is_some() {
            return Err(wrong(
                "it is an index of several images, a component is one; name the digest of one of them".into(),
            ));
        }
        match kind.media_type.as_deref() {
            None | Some(OCI_IMAGE_MEDIA_TYPE) => serde_json::from_slice(json).map_err(unreadable),
            Some(other) => Err(wrong(format!(
                "its OCI manifest is {other:?}, that of a component is {OCI_IMAGE_MEDIA_TYPE}"
            ))),
        }
    }

    /// The bytes that a descriptor names: as many as it says, with the digest that it says.
    pub(crate) async fn blob(
        &mut self,
        descriptor: &OciDescriptor,
        limit: u64,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let reference = self.reference;
        let expected = descriptor.digest.clone();
        let wrong = |fault: String| RegistryError::Shape {
            reference: reference.to_string(),
            fault,
        };
        if !is_digest(&expected) {
            return Err(wrong(format!(
                "{what} has the digest {expected:?}, which is not sha256"
            )));
        }
        let size = u64::try_from(descriptor.size)
            .map_err(|_| wrong(format!("{what} has a size below 0")))?;
        if size > limit {
            return Err(RegistryError::TooLarge {
                reference: reference.to_string(),
                what: what.to_owned(),
                limit,
            });
        }
        let path = format!("blobs/{expected}");
        let response = self.get(&path, "*/*", what).await?;
        let response = response
            .ok_or_else(|| RegistryError::NotFound(format!("{reference}, {what} ({expected})")))?;
        let bytes = self.read(response, size, what).await?;
        let actual = digest(&bytes);
        match actual == expected {
            true => Ok(bytes),
            false => Err(self.damaged(what, expected, actual)),
        }
    }

    fn damaged(&self, what: &str, expected: String, actual: String) -> RegistryError {
        RegistryError::Digest {
            reference: self.reference.to_string(),
            what: what.to_owned(),
            expected,
            actual,
        }
    }
}

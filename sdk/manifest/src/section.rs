//! The manifest's place in a component.

use wasm_encoder::{ComponentSection, CustomSection};
use wasmparser::{Encoding, Parser, Payload};

use crate::{LONGEST, Manifest, ManifestError};

/// The custom section's name.
pub const SECTION: &str = "evenhand:manifest";

/// Reads a component's manifest, without running or compiling it; `None`: it has none.
///
/// # Errors
/// It is no component, has several manifests, or one that is wrong.
pub fn read(component: &[u8]) -> Result<Option<Manifest>, ManifestError> {
    let unreadable = |e: wasmparser::BinaryReaderError| ManifestError::Component(e.to_string());
    let mut found = None;
    // Modules and components within are somebody else's.
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(unreadable)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => {
                return Err(ManifestError::Component(
                    "it is a module, not a component".into(),
                ));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section)
                if depth == 0
                    && section.name() == SECTION
                    && found.replace(section.data()).is_some() =>
            {
                return Err(ManifestError::Meaning("there are two of it".into()));
            }
            _ => {}
        }
    }
    found.map(Manifest::parse).transpose()
}

/// A component with a manifest.
///
/// # Errors
/// It is no component or has a manifest, or the manifest is wrong.
pub fn embed(mut component: Vec<u8>, manifest: &Manifest) -> Result<Vec<u8>, ManifestError> {
    manifest.check()?;
    if read(&component)?.is_some() {
        return Err(ManifestError::Component("it has a manifest".into()));
    }
    let json = serde_json::to_vec(manifest).map_err(|e| ManifestError::Shape(e.to_string()))?;
    if json.len() > LONGEST {
        return Err(ManifestError::Shape(format!(
            "it has more than {LONGEST} bytes"
        )));
    }
    let section = CustomSection {
        name: SECTION.into(),
        data: json.into(),
    };
    section.append_to_component(&mut component);
    Ok(component)
}

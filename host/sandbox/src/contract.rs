//! Which version of the contract a component was built for: asked before it is compiled, so that what comes from elsewhere is told
//! what to do in place of a linker's words.

use anyhow::bail;
use manifest::ManifestError;
use semver::Version;
use wasmparser::{Parser, Payload};

use crate::bindings::CONTRACTS;
use crate::logs::printable;

/// What the contract's names begin with.
const PACKAGE: &str = "evenhand:plugin/";

/// Versions of the contract whose components are taken, oldest first.
pub fn contracts() -> &'static [Version] {
    CONTRACTS
}

/// Refuses a component of a version that is not taken: by what it imports and exports, and by what its manifest says.
pub(crate) fn ensure_contract(component: &[u8]) -> anyhow::Result<()> {
    for version in names(component) {
        match Version::parse(&version) {
            Ok(version) => ensure_taken(&version)?,
            Err(_) => bail!(
                "it was built for the contract evenhand:plugin@{}, which is no version; this Evenhand takes {}",
                printable(&version),
                taken()
            ),
        }
    }
    match manifest::read(component) {
        Ok(Some(manifest)) => ensure_taken(&manifest.contract),
        // Whoever compiles it says what is wrong.
        Ok(None) | Err(ManifestError::Component(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn ensure_taken(version: &Version) -> anyhow::Result<()> {
    if CONTRACTS.contains(version) {
        return Ok(());
    }
    let what = match CONTRACTS.last() {
        Some(newest) if version > newest => {
            "install a newer Evenhand, or build it with an SDK of such a version"
        }
        _ => "build it again, with an SDK of such a version",
    };
    bail!(
        "it was built for the contract evenhand:plugin@{version}, which this Evenhand does not know; it takes {}: {what}",
        taken()
    )
}

fn taken() -> String {
    let versions: Vec<String> = CONTRACTS.iter().map(ToString::to_string).collect();
    versions.join(", ")
}

/// Versions in the names of what it imports and exports. Those of components within it are their own matter. What can't be read
/// has none: whoever compiles it says what is wrong.
fn names(component: &[u8]) -> Vec<String> {
    let mut versions = Vec::new();
    let mut add = |name: &str| {
        let version = name
            .strip_prefix(PACKAGE)
            .and_then(|rest| rest.split_once('@'));
        if let Some((_, version)) = version
            && !versions.iter().any(|known| known == version)
        {
            versions.push(version.to_owned());
        }
    };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentImportSection(section)) if depth == 0 => {
                for import in section.into_iter().flatten() {
                    add(import.name.name);
                }
            }
            Ok(Payload::ComponentExportSection(section)) if depth == 0 => {
                for export in section.into_iter().flatten() {
                    add(export.name.name);
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str) -> Vec<u8> {
        let text = format!(
            r#"(component
                (component (import "evenhand:plugin/types@7.0.0" (instance)))
                (instance $i) (export "evenhand:plugin/{name}" (instance $i)))"#
        );
        wat::parse_str(text).unwrap()
    }

    fn refused(component: &[u8]) -> String {
        ensure_contract(component).unwrap_err().to_string()
    }

    #[test]
    fn names_tell_the_contract() {
        assert!(ensure_contract(&component("provider@0.1.0")).is_ok());
        assert!(ensure_contract(b"\0asm\x0d\0\x01\0garbage").is_ok());
        let newer = refused(&component("provider@0.2.0"));
        assert!(
            newer.contains("@0.2.0") && newer.contains("it takes 0.1.0: install a newer Evenhand"),
            "{newer}"
        );
        let older = refused(&component("tools@0.0.9"));
        assert!(
            older.contains("@0.0.9") && older.contains("build it again"),
            "{older}"
        );
    }

    #[test]
    fn a_manifest_tells_the_contract() {
        let with = |contract: &str| {
            let manifest = format!(
                r#"{{"name": "acme/weather", "version": "1.0.0", "contract": "{contract}", "licence": "MIT"}}"#
            );
            let manifest = manifest::Manifest::parse(manifest.as_bytes()).unwrap();
            manifest::embed(component("provider@0.1.0"), &manifest).unwrap()
        };
        assert!(ensure_contract(&with("0.1.0")).is_ok());
        let newer = refused(&with("0.1.1"));
        assert!(
            newer.contains("@0.1.1") && newer.contains("takes 0.1.0"),
            "{newer}"
        );
    }
}

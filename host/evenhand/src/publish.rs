//! `evenhand publish`: a component into an OCI registry.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use registry::{Reference, Registry};

use crate::key;

/// Pushes a component, signs it where a key is given, and prints the reference that is pinned to it.
pub(crate) async fn publish(
    component: &Path,
    reference: &str,
    key: Option<&Path>,
) -> Result<ExitCode> {
    let shown = component.display();
    let reference: Reference = reference.parse()?;
    // Whatever is wrong with the key is found before anything is published.
    let key = key.map(key::read).transpose()?;
    let bytes = fs::read(component).with_context(|| format!("{shown} can't be read"))?;
    let Some(about) = manifest::read(&bytes).with_context(|| shown.to_string())? else {
        bail!("{shown} has no manifest: `evenhand build` puts one into it");
    };
    let tag = reference.tag().unwrap_or_default();
    if is_other(tag, &about.version) {
        eprintln!(
            "warning: the tag is {tag}, the manifest says version {}",
            about.version
        );
    }
    let registry = Registry::new()?;
    let pinned = registry.push(&reference, bytes).await?;
    match &key {
        Some(key) => {
            registry.sign(&pinned, key).await.with_context(|| {
                format!("{pinned} is published, and not signed; `evenhand sign {pinned} --key KEY` does it")
            })?;
            eprintln!("signed with the key {}", key.public().fingerprint());
        }
        None => eprintln!("not signed: `evenhand sign {pinned} --key KEY` does it"),
    }
    println!("{pinned}");
    Ok(ExitCode::SUCCESS)
}

/// Is a tag a version, and not this one? A tag has no `+`; people write `_` for it.
fn is_other<V: FromStr + PartialEq>(tag: &str, version: &V) -> bool {
    let plain = tag.strip_prefix('v').unwrap_or(tag).replace('_', "+");
    plain.parse::<V>().is_ok_and(|tagged| tagged != *version)
}

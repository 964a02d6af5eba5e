//! `evenhand sign`: a publisher's word for a component, in cosign's formats.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use registry::{Reference, Registry, SigningKey};

use crate::key;

/// Signs a file, or an artifact of a registry.
pub(crate) async fn sign(what: &str, key: &Path) -> Result<ExitCode> {
    if !Reference::is_meant(what) {
        let key = key::read(key)?;
        return file(Path::new(what), &key);
    }
    let reference: Reference = what.parse()?;
    let key = key::read(key)?;
    let registry = Registry::new()?;
    // A tag may lead elsewhere tomorrow: what is signed is what it leads to now.
    let pinned = registry.resolve(&reference).await?;
    registry.sign(&pinned, &key).await?;
    eprintln!("signed with the key {}", key.public().fingerprint());
    println!("{pinned}");
    Ok(ExitCode::SUCCESS)
}

fn file(component: &Path, key: &SigningKey) -> Result<ExitCode> {
    let shown = component.display();
    let bytes = fs::read(component).with_context(|| format!("{shown} can't be read"))?;
    // Anything may be signed, such as an archive; of a component it is told what it is.
    let about = match bytes.starts_with(b"\0asm") {
        true => Some(manifest::read(&bytes).with_context(|| shown.to_string())?),
        false => None,
    };
    match about {
        None => {}
        Some(Some(about)) => eprintln!("{shown} is {} {}", about.name, about.version),
        Some(None) => eprintln!(
            "{shown} has no manifest: nobody can be trusted for its name, so no host with a trust list loads it (`evenhand build` puts one in)"
        ),
    }
    let mut file = component.as_os_str().to_owned();
    file.push(".sig");
    let file = PathBuf::from(file);
    fs::write(&file, registry::sign_blob(&bytes, key))
        .with_context(|| format!("{} can't be written", file.display()))?;
    eprintln!("signed with the key {}", key.public().fingerprint());
    println!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

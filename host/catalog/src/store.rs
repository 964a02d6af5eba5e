//! Where databases are that the configuration names.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use types::config::StoreUrl;
use zeroize::Zeroizing;

use crate::catalog::{folder, read_config};
use crate::revision::resolve;

/// Where the configuration keeps answers and sessions, and for how long; absolute. `None`: nowhere.
///
/// # Errors
/// The file can't be read or is invalid, or the address isn't where it says.
pub async fn store(file: &Path) -> anyhow::Result<Option<(Zeroizing<String>, Duration)>> {
    let Some(store) = read_config(file)?.store else {
        return Ok(None);
    };
    let url = url(&store.url, folder(file)).await.context("store.url")?;
    Ok(Some((url, store.keep)))
}

/// The address of a database; the path of a file is relative to `folder`.
pub(crate) async fn url(url: &StoreUrl, folder: &Path) -> anyhow::Result<Zeroizing<String>> {
    let url = match url {
        StoreUrl::Plain(url) => Zeroizing::new(url.clone()),
        StoreUrl::Secret(source) => crate::secrets::read(source, folder).await?,
    };
    Ok(match url.strip_prefix("sqlite://") {
        Some(path) => {
            let file = resolve(folder, Path::new(path));
            Zeroizing::new(format!("sqlite://{}", file.display()))
        }
        None => url,
    })
}

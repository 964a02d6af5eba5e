//! Where databases are that the configuration names.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use types::config::StoreUrl;
use zeroize::Zeroizing;

use crate::revision::resolve;
use crate::settings::{folder, read_config};

/// The database of a configuration.
pub struct StoreAt {
    /// Its address; a path is absolute.
    pub url: Zeroizing<String>,
    /// How long answers and sessions are kept.
    pub keep: Duration,
    /// How long a host that is gone keeps its sessions from others.
    pub lease: Duration,
}

/// Where the configuration keeps answers and sessions; `None`: nowhere.
///
/// # Errors
/// The file can't be read or is invalid, or the address isn't where it says.
pub async fn store(file: &Path) -> anyhow::Result<Option<StoreAt>> {
    let Some(store) = read_config(file)?.store else {
        return Ok(None);
    };
    let url = url(&store.url, folder(file)).await.context("store.url")?;
    Ok(Some(StoreAt {
        url,
        keep: store.keep,
        lease: store.lease,
    }))
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

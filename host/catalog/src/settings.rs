//! What a configuration file says, with what it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use registry::{PublicKey, Trust};
use types::config::{Config, Key, SecretSource, Source};
use zeroize::Zeroizing;

use crate::kept::{self, AllKept, Entries};
use crate::revision::resolve;
use crate::secrets;
use crate::snapshot::Snapshot;

/// What a configuration file says, as it stands there.
pub(crate) struct InFile {
    pub(crate) path: PathBuf,
    pub(crate) config: Config,
    pub(crate) entries: Entries,
}

impl InFile {
    /// The folder that its relative paths begin at.
    pub(crate) fn folder(&self) -> &Path {
        folder(&self.path)
    }

    /// A source, as operators are told of it.
    pub(crate) fn told(&self, source: &Source) -> String {
        match source {
            Source::File(path) => resolve(self.folder(), path).display().to_string(),
            other => other.to_string(),
        }
    }
}

/// What a configuration file says, with what operators changed, and its secrets and keys read.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) file: Arc<InFile>,
    pub(crate) config: Config,
    pub(crate) kept: AllKept,
    pub(crate) keys: Vec<(Key, Zeroizing<String>)>,
    pub(crate) admin_token: Option<Zeroizing<String>>,
    /// `None`: anybody is trusted.
    pub(crate) trust: Option<Trust>,
    /// Why the file, as it is by now, is not what is wanted.
    pub(crate) config_error: Option<String>,
}

impl Wanted {
    /// What serves, with other things kept.
    pub(crate) fn with(before: &Snapshot, kept: &AllKept) -> anyhow::Result<Self> {
        let wanted = Self {
            file: before.file.clone(),
            config: before.config.clone(),
            kept: AllKept::new(),
            keys: before.keys.clone(),
            admin_token: before.admin_token.clone(),
            trust: before.trust.clone(),
            config_error: before.config_error.clone(),
        };
        wanted.keeping(before, kept)
    }

    /// The same, with what is kept by now.
    pub(crate) fn over(&self, now: &Snapshot) -> anyhow::Result<Self> {
        self.clone().keeping(now, &now.kept)
    }

    fn keeping(self, now: &Snapshot, kept: &AllKept) -> anyhow::Result<Self> {
        let file = &self.file;
        let (config, kept) = kept::merge(file.config.clone(), &file.entries, kept)?;
        let wanted = Self {
            config,
            kept,
            ..self
        };
        keep_addresses(wanted, now)
    }
}

pub(crate) fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

/// Reads a configuration file, without what it names.
///
/// # Errors
/// It can't be read or is invalid.
pub fn read_config(file: &Path) -> anyhow::Result<Config> {
    Ok(parse(file)?.0)
}

fn parse(file: &Path) -> anyhow::Result<(Config, Entries)> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} can't be read", file.display()))?;
    let invalid = || format!("{} is invalid", file.display());
    let config = Config::parse(&text).with_context(invalid)?;
    let entries = kept::entries(&text).with_context(invalid)?;
    Ok((config, entries))
}

/// Reads a configuration file, and puts what operators changed over it.
pub(crate) async fn read(file: &Path, kept: &AllKept) -> anyhow::Result<Wanted> {
    let (config, entries) = parse(file)?;
    let in_file = InFile {
        path: file.to_owned(),
        config: config.clone(),
        entries,
    };
    let (config, kept) = kept::merge(config, &in_file.entries, kept)?;
    let mut keys = Vec::new();
    for key in &config.keys {
        let secret = secrets::read(&key.secret, folder(file)).await;
        let secret = secret.with_context(|| format!("key {:?}", key.name))?;
        keys.push((key.clone(), secret));
    }
    let token = config.admin.as_ref().and_then(|admin| admin.token.as_ref());
    let admin_token = match token {
        Some(source) => {
            let token = secrets::read(source, folder(file)).await;
            Some(token.context("admin.token")?)
        }
        None => None,
    };
    let mut trusted = Vec::new();
    for trust in &config.trust {
        let path = resolve(folder(file), &trust.key);
        let about = || format!("trust: the key {}", path.display());
        let pem = std::fs::read_to_string(&path).with_context(about)?;
        trusted.push((
            PublicKey::from_pem(&pem).with_context(about)?,
            trust.names.clone(),
        ));
    }
    let trust = match trusted.is_empty() {
        true => None,
        false => Some(Trust::new(trusted).context("trust")?),
    };
    Ok(Wanted {
        file: Arc::new(in_file),
        config,
        kept,
        keys,
        admin_token,
        trust,
        config_error: None,
    })
}

/// Addresses are bound and the audit log is opened once, at the start: what they ask of the rest of the file (keys, a token) is asked as long as they serve.
pub(crate) fn keep_addresses(mut wanted: Wanted, before: &Snapshot) -> anyhow::Result<Wanted> {
    let asked = wanted.config.clone();
    wanted.config.server.listen = before.config.server.listen;
    wanted.config.audit.clone_from(&before.config.audit);
    wanted.config.store.clone_from(&before.config.store);
    wanted.config.compile.clone_from(&before.config.compile);
    wanted.config.cache.clone_from(&before.config.cache);
    match (&mut wanted.config.admin, &before.config.admin) {
        (Some(admin), Some(bound)) => admin.listen = bound.listen,
        (None, None) => {}
        (admin @ Some(_), None) => *admin = None,
        (None, Some(_)) => anyhow::bail!(
            "[admin] is gone, but the control plane serves until evenhand starts again: put it back, or restart"
        ),
    }
    wanted.config.check().with_context(|| {
        "the addresses to listen on change only when evenhand starts again, and those of now need more".to_owned()
    })?;
    if wanted.config != asked {
        tracing::warn!(
            "an address to listen on, [audit], [store], [compile] or [cache] changed: that takes effect when evenhand starts again"
        );
    }
    Ok(wanted)
}

/// The files whose change matters: the configuration, components and their signatures, keys, secrets.
pub(crate) fn files(now: &Snapshot) -> BTreeSet<PathBuf> {
    let folder = now.file.folder();
    let keys = now.config.keys.iter().map(|key| &key.secret);
    let plugins = now.config.plugins.iter();
    let granted = plugins
        .clone()
        .flat_map(|plugin| plugin.grant.secrets.values().map(|secret| &secret.source));
    let token = now
        .config
        .admin
        .iter()
        .filter_map(|admin| admin.token.as_ref());
    let secrets = keys
        .chain(granted)
        .chain(token)
        .filter_map(|source| match source {
            SecretSource::File(path) => Some(resolve(folder, path)),
            _ => None,
        });
    let components = plugins.filter_map(|plugin| match &plugin.source {
        Source::File(path) => Some(resolve(folder, path)),
        Source::Oci(_) | Source::Builtin(_) => None,
    });
    let signed = |file: PathBuf| [registry::file_of(&file), file];
    let trusted = now.config.trust.iter();
    std::iter::once(now.file.path.clone())
        .chain(components.flat_map(signed))
        .chain(trusted.map(|trust| resolve(folder, &trust.key)))
        .chain(secrets)
        .collect()
}

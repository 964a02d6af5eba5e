//! What is kept of a plugin beside the configuration file: what serves, and what operators changed by the API. A change holds until
//! that entry of the file changes.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use types::config::{Canary, Config, Plugin};

use crate::revision::digest;

/// What is kept of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The digest of the file's entry that this is about; absent: an operator added the plugin.
    pub(crate) base: Option<String>,
    /// Its entry, where an operator added or changed it.
    pub(crate) entry: Option<Value>,
    /// The number of the revision that serves.
    pub(crate) serving: Option<u64>,
    /// The one that served before.
    pub(crate) previous: Option<u64>,
    /// That revision serves whatever is at its source now.
    pub(crate) held: bool,
    /// The digest of a component that was taken back: it is not tried again as long as its source has it.
    #[serde(default)]
    pub(crate) refused: Option<String>,
    /// The number of the revision on trial, and how.
    pub(crate) canary: Option<(u64, Canary)>,
}

impl Kept {
    /// Revisions that serve or may serve again; 0: none.
    pub(crate) fn numbers(&self) -> [u64; 3] {
        let canary = self.canary.map(|(number, _)| number);
        [self.serving, self.previous, canary].map(|number| number.unwrap_or(0))
    }
}

/// What is kept, by plugin.
pub(crate) type AllKept = BTreeMap<String, Kept>;

/// What is kept, without the entries that operators added or changed.
pub(crate) fn of_the_file(all: AllKept) -> AllKept {
    let of_file = all.into_iter().filter(|(_, kept)| kept.base.is_some());
    let plain = of_file.map(|(name, kept)| {
        (
            name,
            Kept {
                entry: None,
                ..kept
            },
        )
    });
    plain.collect()
}

/// The entries of a configuration file as they stand there, by name.
pub(crate) type Entries = BTreeMap<String, Value>;

/// The entries of a configuration file's text.
///
/// # Errors
/// It isn't TOML.
pub(crate) fn entries(text: &str) -> anyhow::Result<Entries> {
    let file: toml::Table = toml::from_str(text)?;
    let plugins = file.get("plugin").and_then(|all| all.as_array());
    let mut entries = Entries::new();
    for plugin in plugins.into_iter().flatten() {
        if let Some(name) = plugin.get("name").and_then(|name| name.as_str()) {
            entries.insert(name.into(), serde_json::to_value(plugin)?);
        }
    }
    Ok(entries)
}

/// The digest of an entry.
pub(crate) fn base(entry: &Value) -> String {
    digest(entry.to_string().as_bytes())
}

/// Reads an entry that an operator sent or changed.
///
/// # Errors
/// It is none.
pub(crate) fn parse(entry: &Value) -> anyhow::Result<Plugin> {
    Ok(serde_json::from_value(entry.clone())?)
}

/// The file's configuration with what operators changed, and what of that still holds.
///
/// # Errors
/// Both together contradict each other.
pub(crate) fn merge(
    mut config: Config,
    entries: &Entries,
    kept: &AllKept,
) -> anyhow::Result<(Config, AllKept)> {
    let mut holds = AllKept::new();
    for plugin in &mut config.plugins {
        let base = entries.get(&plugin.name).map(base);
        let mut mine = kept.get(&plugin.name).cloned().unwrap_or_default();
        if mine.base != base {
            if mine.entry.is_some() || mine.held || mine.canary.is_some() {
                tracing::info!(
                    plugin = plugin.name,
                    "its entry in the file has changed: what was changed by the API holds no longer"
                );
            }
            mine = Kept {
                base,
                entry: None,
                held: false,
                canary: None,
                ..mine
            };
        }
        if let Some(entry) = &mine.entry {
            *plugin = parse(entry).with_context(|| {
                format!(
                    "the entry of {:?} as it was changed by the API",
                    plugin.name
                )
            })?;
        }
        holds.insert(plugin.name.clone(), mine);
    }
    for (name, added) in kept {
        if let (None, Some(entry), false) = (&added.base, &added.entry, holds.contains_key(name)) {
            let plugin = parse(entry)
                .with_context(|| format!("the entry of {name:?} as it was added by the API"))?;
            ensure!(
                plugin.name == *name,
                "the entry of {name:?} as it was added by the API names another"
            );
            config.plugins.push(plugin);
            holds.insert(name.clone(), added.clone());
        }
    }
    config.check().context("with what was changed by the API")?;
    Ok((config, holds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[[plugin]]\nname = \"a\"\nsource = \"a.wasm\"\n";

    fn merged(text: &str, kept: &AllKept) -> anyhow::Result<(Config, AllKept)> {
        merge(Config::parse(text)?, &entries(text)?, kept)
    }

    fn changed(base: Option<String>, entry: Value) -> Kept {
        Kept {
            base,
            entry: Some(entry),
            serving: Some(3),
            held: true,
            ..Kept::default()
        }
    }

    #[test]
    fn a_change_holds_until_the_entry_of_the_file_changes() {
        let base = base(&entries(FILE).unwrap()["a"]);
        let entry = serde_json::json!({"name": "a", "source": "oci://host/a:2"});
        let kept = AllKept::from([("a".into(), changed(Some(base), entry))]);
        let (config, holds) = merged(FILE, &kept).unwrap();
        assert_eq!(config.plugins[0].source.to_string(), "oci://host/a:2");
        assert_eq!(holds, kept);
        // Other parts of the file, and comments, are other things.
        let more = format!("# new\n[admin]\n{FILE}[[plugin]]\nname = \"b\"\nsource = \"b.wasm\"\n");
        let (config, holds) = merged(&more, &kept).unwrap();
        assert_eq!(config.plugins[0].source.to_string(), "oci://host/a:2");
        assert!(holds["b"].base.is_some() && holds["b"].entry.is_none());
        let (config, holds) = merged(&FILE.replace("a.wasm", "a2.wasm"), &kept).unwrap();
        assert_eq!(config.plugins[0].source.to_string(), "a2.wasm");
        let mine = &holds["a"];
        assert!(!mine.held && mine.entry.is_none() && mine.serving == Some(3));
    }

    #[test]
    fn what_was_added_stays_until_the_file_has_one_of_its_name() {
        let entry = serde_json::json!({"name": "x", "source": "/x.wasm", "limits": {"memory": "32MiB", "deadline": "1m"}});
        let kept = AllKept::from([("x".into(), changed(None, entry))]);
        let (config, holds) = merged(FILE, &kept).unwrap();
        assert_eq!((config.plugins.len(), holds.len()), (2, 2));
        assert_eq!(config.plugins[1].limits.memory.as_u64(), 32 << 20);
        let same = "[[plugin]]\nname = \"x\"\nsource = \"mine.wasm\"\n";
        let (config, holds) = merged(same, &kept).unwrap();
        assert_eq!(config.plugins.len(), 1);
        assert_eq!(config.plugins[0].source.to_string(), "mine.wasm");
        assert!(holds["x"].base.is_some());
    }

    #[test]
    fn a_change_that_contradicts_the_file_is_told() {
        let entry =
            serde_json::json!({"name": "x", "source": "/x.wasm", "grant": {"accelerators": ["a"]}});
        let kept = AllKept::from([("x".into(), changed(None, entry))]);
        let error = merged(FILE, &kept).unwrap_err();
        assert!(format!("{error:#}").contains("by the API"), "{error:#}");
    }
}

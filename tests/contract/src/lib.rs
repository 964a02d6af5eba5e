//! Whether a state of the contract still takes what was built for another: docs/decisions/010-contract-versions.md as code.

#![deny(missing_docs)]

mod describe;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use semver::Version;
use wit_parser::{IndexMap, InterfaceId, PackageId, Resolve, World, WorldItem, WorldKey};

/// The contract in a folder.
pub struct Contract {
    resolve: Resolve,
    package: PackageId,
}

impl Contract {
    /// Reads the `.wit` files of a folder.
    ///
    /// # Errors
    /// They are no package.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve
            .push_dir(folder)
            .with_context(|| format!("{} is no WIT package", folder.display()))?;
        Ok(Self { resolve, package })
    }

    /// Its version.
    ///
    /// # Errors
    /// It has none.
    pub fn version(&self) -> Result<Version> {
        let name = &self.resolve.packages[self.package].name;
        name.version
            .clone()
            .context("the package has no version: write `package evenhand:plugin@X.Y.Z`")
    }

    /// Why components that were built for an older state would not work with this one; empty: they would.
    ///
    /// A component imports interfaces and gets all that it knows of them, so these may grow. It exports interfaces and has no more
    /// of them than it knew, so those may not. Types are the same or not: no field and no case can be added.
    pub fn breaks(&self, older: &Self) -> Vec<String> {
        let mut breaks = Vec::new();
        let exported = older.exported();
        let interfaces = &older.resolve.packages[older.package].interfaces;
        for (name, before) in interfaces {
            match self.resolve.packages[self.package].interfaces.get(name) {
                None => breaks.push(format!("interface {name} is gone")),
                Some(now) => {
                    let both = (older.items(*before), self.items(*now));
                    self.compare(name, both, exported.contains(name), &mut breaks);
                }
            }
        }
        for (name, before) in &older.resolve.packages[older.package].worlds {
            match self.resolve.packages[self.package].worlds.get(name) {
                None => breaks.push(format!("world {name} is gone")),
                Some(now) => {
                    let (before, now) =
                        (&older.resolve.worlds[*before], &self.resolve.worlds[*now]);
                    let (imports, exports) = older.sides(before);
                    let (now_imports, now_exports) = self.sides(now);
                    for gone in imports.difference(&now_imports) {
                        breaks.push(format!("world {name} no longer imports {gone}"));
                    }
                    for gone in exports.difference(&now_exports) {
                        breaks.push(format!("world {name} no longer exports {gone}"));
                    }
                    for new in now_exports.difference(&exports) {
                        breaks.push(format!(
                            "world {name} exports {new} too, which older components don't have"
                        ));
                    }
                }
            }
        }
        breaks
    }

    fn compare(
        &self,
        interface: &str,
        (before, now): (describe::Items, describe::Items),
        exported: bool,
        breaks: &mut Vec<String>,
    ) {
        for (name, was) in &before {
            match now.get(name) {
                None => breaks.push(format!("{name} of {interface} is gone")),
                Some(is) if is != was => {
                    breaks.push(format!("{name} of {interface} was `{was}` and is `{is}`"));
                }
                Some(_) => {}
            }
        }
        // New records and variants are of no use without a function that has them.
        let works = |name: &str| name.starts_with("func ") || name.starts_with("resource ");
        let is_new = |name: &&String| works(name) && !before.contains_key(*name);
        for name in now.keys().filter(is_new).filter(|_| exported) {
            breaks.push(format!(
                "{name} of {interface} is new, and older components, which export it, don't have it"
            ));
        }
    }

    /// Interfaces that a world exports, by name.
    fn exported(&self) -> BTreeSet<String> {
        let worlds = self.resolve.packages[self.package].worlds.values();
        worlds
            .flat_map(|world| self.sides(&self.resolve.worlds[*world]).1)
            .collect()
    }

    /// What a world imports and what it exports.
    fn sides(&self, world: &World) -> (BTreeSet<String>, BTreeSet<String>) {
        let names =
            |keys: &IndexMap<WorldKey, WorldItem>| keys.keys().map(|key| self.key(key)).collect();
        (names(&world.imports), names(&world.exports))
    }

    fn key(&self, key: &WorldKey) -> String {
        match key {
            WorldKey::Name(name) => name.clone(),
            WorldKey::Interface(id) => self.interface(*id),
        }
    }

    fn interface(&self, id: InterfaceId) -> String {
        self.resolve.interfaces[id].name.clone().unwrap_or_default()
    }
}

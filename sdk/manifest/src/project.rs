//! `plugin.toml`: a publisher's project.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Manifest, ManifestError};

/// The name of a project's file.
pub const FILE: &str = "plugin.toml";

/// A publisher's project.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// What the component says of itself.
    pub plugin: Manifest,
    /// How it is built.
    pub build: Build,
}

/// How a component is built.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// A program and its arguments, one after the other, in the project's folder.
    pub commands: Vec<Vec<String>>,
    /// The component that they make, relative to the folder.
    pub component: PathBuf,
    /// Folders and files, relative to the project's, a change of which is a change of the component.
    #[serde(default = "watch")]
    pub watch: Vec<PathBuf>,
}

fn watch() -> Vec<PathBuf> {
    vec!["src".into()]
}

impl Project {
    /// Reads the `plugin.toml` of a folder.
    ///
    /// # Errors
    /// It isn't there, or is wrong; the message names the line.
    pub fn open(folder: &Path) -> Result<Self, ManifestError> {
        let file = folder.join(FILE);
        let shape = |error: &dyn std::fmt::Display| {
            ManifestError::Shape(format!("{}: {error}", file.display()))
        };
        let text = std::fs::read_to_string(&file).map_err(|error| shape(&error))?;
        // Its errors show the line.
        let project: Self = toml::from_str(&text).map_err(|error| shape(&error))?;
        project.plugin.check()?;
        let empty = project.build.commands.iter().any(Vec::is_empty);
        if project.build.commands.is_empty() || empty {
            return Err(shape(
                &"build.commands: each is a program and its arguments",
            ));
        }
        Ok(project)
    }
}

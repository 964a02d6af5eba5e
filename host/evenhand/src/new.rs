//! `evenhand new`: a publisher's project, ready to build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use include_dir::{Dir, DirEntry, include_dir};
use manifest::Name;

use crate::kit::{self, Language};

/// `KIND/LANGUAGE/…`, for all languages `KIND/…`, and for all kinds `any/LANGUAGE/…`. In their files `{{name}}` stands for `publisher/plugin`, `{{plugin}}` for its second part, `{{crate}}` for the
/// same as Rust writes it in names of files, and `{{contract}}` for the contract's version.
static TEMPLATES: Dir = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/templates");

/// Whose a plugin is where nobody says.
const PUBLISHER: &str = "example";

/// What a plugin can be.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// Serves models.
    Provider,
    /// Computes for providers.
    Accelerator,
    /// Does something for models.
    Tool,
}

/// Makes a project in a folder of the plugin's name.
pub(crate) fn run(kind: Kind, name: &str, language: Language) -> Result<ExitCode> {
    let name: Name = match name.contains('/') {
        true => name.parse(),
        false => format!("{PUBLISHER}/{name}").parse(),
    }
    .map_err(anyhow::Error::msg)?;
    let folder = PathBuf::from(name.plugin());
    make(kind, &name, language, &folder)?;
    let folder = folder.display();
    println!("{folder}: the {} {name} in {}", word(kind), word(language));
    if name.publisher() == PUBLISHER {
        println!("  {PUBLISHER:?} is nobody: write your own name for it in {folder}/plugin.toml");
    }
    println!("next:");
    println!("  cd {folder}");
    println!("  evenhand build    # then README.md");
    Ok(ExitCode::SUCCESS)
}

/// Makes a project: all of it, or nothing.
fn make(kind: Kind, name: &Name, language: Language, folder: &Path) -> Result<()> {
    let (kind, lang) = (word(kind), word(language));
    let template = TEMPLATES.get_dir(format!("{kind}/{lang}"));
    let template = template.with_context(|| {
        let known = TEMPLATES
            .get_dir(&kind)
            .into_iter()
            .flat_map(Dir::dirs)
            .filter_map(|dir| dir.path().file_name()?.to_str())
            .collect::<Vec<_>>();
        format!(
            "there is no template of the kind {kind} in {lang}: --lang {}",
            known.join("|")
        )
    })?;
    ensure!(
        !folder.exists(),
        "{} is there already: choose another name, or remove it",
        folder.display()
    );
    let part = folder.with_extension("part");
    let _ = fs::remove_dir_all(&part);
    for dir in [TEMPLATES.get_dir(format!("any/{lang}")), Some(template)] {
        let dir = dir.with_context(|| format!("there is no template in {lang}"))?;
        write(dir, dir.path(), &part, name)?;
    }
    // What is the same in all languages.
    for file in TEMPLATES.get_dir(&kind).into_iter().flat_map(Dir::files) {
        let to = part.join(file.path().file_name().unwrap_or_default());
        let text = file.contents_utf8().context("a template is no text")?;
        kit::put(&to, filled(text, name).as_bytes())?;
    }
    kit::write(&part, language)?;
    fs::rename(&part, folder).with_context(|| folder.display().to_string())
}

/// Writes a template's files.
fn write(dir: &Dir, base: &Path, folder: &Path, name: &Name) -> Result<()> {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => write(dir, base, folder, name)?,
            DirEntry::File(file) => {
                let to = folder.join(file.path().strip_prefix(base)?);
                let text = file.contents_utf8().context("a template is no text")?;
                kit::put(&to, filled(text, name).as_bytes())?;
            }
        }
    }
    Ok(())
}

fn filled(text: &str, name: &Name) -> String {
    text.replace("{{name}}", &name.to_string())
        .replace("{{plugin}}", name.plugin())
        .replace("{{crate}}", &name.plugin().replace('-', "_"))
        .replace("{{contract}}", &manifest::CONTRACT.to_string())
}

/// As it is written on the command line.
fn word(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifest::Project;

    fn all() -> Vec<(Kind, Language)> {
        let kinds = Kind::value_variants().iter();
        kinds
            .flat_map(|kind| Language::value_variants().iter().map(|lang| (*kind, *lang)))
            .collect()
    }

    #[test]
    fn each_template_is_a_project() {
        let name: Name = "acme/sea-weather".parse().unwrap();
        let temp = tempfile::tempdir().unwrap();
        let mut made = 0;
        for (kind, language) in all() {
            let folder = temp
                .path()
                .join(format!("{}-{}", word(kind), word(language)));
            match make(kind, &name, language, &folder) {
                Ok(()) => made += 1,
                Err(error) => {
                    let error = error.to_string();
                    assert!(matches!(kind, Kind::Accelerator), "{error}");
                    assert!(error.ends_with("in python: --lang rust") || error.contains("in "));
                    continue;
                }
            }
            let project = Project::open(&folder).unwrap();
            assert_eq!(project.plugin.name, name);
            for file in [".gitignore", "README.md", "dev.toml"] {
                let text = fs::read_to_string(folder.join(file)).unwrap();
                assert!(
                    !text.contains("{{"),
                    "{file} of {kind:?} in {language:?}: {text}"
                );
            }
            assert!(folder.join("evenhand/wit/types.wit").exists());
            // What the configuration for development grants is what is asked for.
            let config = fs::read_to_string(folder.join("dev.toml")).unwrap();
            let config = types::config::Config::parse(&config).unwrap();
            let entry = &config.plugins[0];
            assert_eq!(project.plugin.unmet(entry), [], "{kind:?} in {language:?}");
            assert_eq!(project.plugin.unasked(&entry.grant), Vec::<String>::new());
            let again = make(kind, &name, language, &folder).unwrap_err();
            assert!(again.to_string().contains("is there already"), "{again}");
        }
        assert_eq!(made, 9);
    }
}

//! What is served where nobody says what: models on this machine's processor, by components inside this program.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::{builtin, models};

/// The file that is looked for where none is named.
pub(crate) const FILE: &str = "evenhand.toml";

/// The configuration of a checkout. Its places are others in a program that is installed.
const CHECKOUT: &str = include_str!("../../../plugins/default.toml");

const HEAD: &str = "\
# Written by `evenhand serve` at each start where no configuration is named and the folder has no evenhand.toml.
# To change it, copy it there.

";

/// The configuration to serve: the one that is named, else `evenhand.toml`, else the default, which listens where `listen` says.
///
/// # Errors
/// There is none to be had, with what to do.
pub(crate) fn configuration(named: Option<&Path>, listen: Option<SocketAddr>) -> Result<PathBuf> {
    let file = named.unwrap_or(Path::new(FILE));
    let file =
        std::path::absolute(file).with_context(|| format!("{} is no path", file.display()))?;
    // A link that leads nowhere is an error of its own.
    if named.is_some() || file.symlink_metadata().is_ok() {
        ensure!(
            listen.is_none(),
            "{} says where to listen: write listen under its [server]",
            file.display()
        );
        return Ok(file);
    }
    ensure!(
        !builtin::is_empty(),
        "there is no {FILE} here, and this evenhand has no default: it was built without components inside. Name a configuration by --config (docs/config.md), or build it by `cargo xtask dist`"
    );
    let missing = models::missing()?;
    if !missing.is_empty() {
        bail!(
            "there is no {FILE} here, and the models of the default configuration are not all in {} ({} missing): `evenhand models` fetches them, 190 MB, with Python 3 and pip; or name a configuration by --config",
            models::folder()?.display(),
            missing.join(", ")
        );
    }
    let file = write(&folder()?, text(listen))?;
    println!(
        "no configuration is named, and there is no {FILE} here: the default is served, {}",
        file.display()
    );
    Ok(file)
}

/// Writes the default configuration into a folder, which is made; beside it is what it keeps.
fn write(folder: &Path, text: String) -> Result<PathBuf> {
    fs::create_dir_all(folder)
        .with_context(|| format!("{} could not be made", folder.display()))?;
    let file = folder.join("default.toml");
    // A host that serves it already sees a whole file or none, and no change where there is none.
    if fs::read_to_string(&file).ok().as_ref() != Some(&text) {
        let part = folder.join(".default.toml.part");
        fs::write(&part, text).with_context(|| part.display().to_string())?;
        fs::rename(&part, &file).with_context(|| file.display().to_string())?;
    }
    Ok(file)
}

/// `listen`: where clients connect; operators connect at the port after it.
fn text(listen: Option<SocketAddr>) -> String {
    let lines = CHECKOUT.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.map(|line| match (line, listen) {
        ("[admin]", Some(listen)) => {
            let mut admin = listen;
            admin.set_port(match listen.port() {
                0 => 0,
                port => port.wrapping_add(1),
            });
            format!("[server]\nlisten = \"{listen}\"\n\n[admin]\nlisten = \"{admin}\"\n")
        }
        _ => match line.strip_prefix("source = \"../target/plugins/") {
            Some(file) => format!("source = \"builtin:{}\n", file.replace(".wasm", "")),
            None => format!("{}\n", line.replace("sqlite://../target/", "sqlite://")),
        },
    });
    format!("{HEAD}{}", lines.collect::<String>().trim_start())
}

/// `$XDG_DATA_HOME/evenhand`, or `~/.local/share/evenhand`: <https://specifications.freedesktop.org/basedir-spec/latest/>.
fn folder() -> Result<PathBuf> {
    let named = env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = match named.filter(|path| path.is_absolute()) {
        Some(data) => data,
        None => env::home_dir()
            .context("there is no home folder: set HOME")?
            .join(".local/share"),
    };
    Ok(data.join("evenhand"))
}

#[cfg(test)]
mod tests {
    use types::config::{Config, Source};

    use super::*;

    #[test]
    fn the_default_needs_no_checkout() {
        let text = text(None);
        assert!(!text.contains("../"), "{text}");
        let config = Config::parse(&text).unwrap();
        let sources: Vec<&Source> = config.plugins.iter().map(|plugin| &plugin.source).collect();
        assert_eq!(
            sources,
            [
                &Source::Builtin("local".into()),
                &Source::Builtin("cpu".into())
            ]
        );
        assert!(text.contains("sqlite://evenhand.db"), "{text}");
    }

    #[test]
    fn it_listens_where_it_is_told_to() {
        for (listen, admin) in [
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("127.0.0.1:9000", "127.0.0.1:9001"),
        ] {
            let config = Config::parse(&text(listen.parse().ok())).unwrap();
            assert_eq!(config.server.listen.to_string(), listen);
            assert_eq!(config.admin.unwrap().listen.to_string(), admin);
        }
    }

    #[test]
    fn it_is_written_where_it_is_missing_or_another() {
        let folder = tempfile::tempdir().unwrap();
        let within = folder.path().join("a/b");
        let file = write(&within, text(None)).unwrap();
        fs::write(&file, "else").unwrap();
        assert_eq!(write(&within, text(None)).unwrap(), file);
        assert_eq!(fs::read_to_string(&file).unwrap(), text(None));
        assert_eq!(fs::read_dir(&within).unwrap().count(), 1);
    }
}

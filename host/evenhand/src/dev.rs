//! `evenhand dev`: a publisher's project is built whenever it changes, and served meanwhile, with its log and its traffic in sight.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use manifest::{FILE, Manifest, Project, What};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::build::build;
use crate::serve::serve;

/// What is shown: each call, each request of the plugin, and all that it logs.
pub(crate) const SHOWN: &str = "info,rmcp=warn,call=info,egress=debug,plugin=trace";

/// How often the project is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The project's own configuration.
const CONFIG: &str = "dev.toml";

/// Builds and serves a project until it is told to stop. `listen`: for a configuration that is made of the manifest.
pub(crate) fn run(folder: &Path, listen: Option<SocketAddr>) -> Result<ExitCode> {
    let folder =
        std::path::absolute(folder).with_context(|| format!("{} is no path", folder.display()))?;
    // A folder that is no project is told at once.
    Project::open(&folder)?;
    // Its folder goes when this function ends.
    let (config, _made) = Configuration::of(&folder, listen)?;
    let file = config.file.clone();
    let mut seen = Seen::default();
    while !seen.build(&folder, "and nothing is served until it works") {
        seen.changed(&folder);
    }
    config.update(&folder);
    // Until this program ends.
    std::thread::spawn(move || {
        loop {
            seen.changed(&folder);
            if seen.build(&folder, "and what serves stays") {
                config.update(&folder);
            }
        }
    });
    crate::sandboxed(Some(&file), async |sandbox| {
        serve(file.clone(), sandbox).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// What was looked at, and what was built.
#[derive(Default)]
struct Seen {
    marks: BTreeMap<PathBuf, (SystemTime, u64)>,
    built: Option<u64>,
}

impl Seen {
    /// Builds it, and says how that went. What could not be built changes nothing: `then` says what that means.
    fn build(&mut self, folder: &Path, then: &str) -> bool {
        let begun = Instant::now();
        self.marks = marks(folder);
        self.built = Some(contents(&self.marks));
        match build(folder) {
            Ok(file) => {
                eprintln!(
                    "evenhand: built {} in {:.1?}",
                    file.display(),
                    begun.elapsed()
                );
                true
            }
            Err(error) => {
                eprintln!("evenhand: the build failed, {then}: {error:#}");
                false
            }
        }
    }

    /// Waits until something is other than what was built, and keeps still. Files that a build writes anew as they were are no change.
    fn changed(&mut self, folder: &Path) {
        loop {
            std::thread::sleep(LOOK);
            let now = marks(folder);
            if now == self.marks {
                continue;
            }
            self.marks = now;
            loop {
                std::thread::sleep(LOOK);
                let later = marks(folder);
                if later == self.marks {
                    break;
                }
                self.marks = later;
            }
            let is_new = Some(contents(&self.marks)) != self.built;
            if is_new {
                return;
            }
        }
    }
}

/// The files that a project is made of, each with what tells one state of it from another.
fn marks(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut marks = BTreeMap::new();
    let mut look: Vec<PathBuf> = vec![folder.join(FILE)];
    // While it can't be read, its own file is what has to change.
    if let Ok(project) = Project::open(folder) {
        look.extend(project.build.watch.iter().map(|path| folder.join(path)));
    }
    while let Some(path) = look.pop() {
        let Ok(found) = fs::metadata(&path) else {
            continue;
        };
        if found.is_dir() {
            // A link to a folder may lead in a circle.
            if path.is_symlink() {
                continue;
            }
            let inside = fs::read_dir(&path).into_iter().flatten().flatten();
            look.extend(inside.map(|entry| entry.path()));
        } else {
            let changed = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            marks.insert(path, (changed, found.len()));
        }
    }
    marks
}

/// A number that is another where a file is another.
fn contents(marks: &BTreeMap<PathBuf, (SystemTime, u64)>) -> u64 {
    let mut hash = DefaultHasher::new();
    for path in marks.keys() {
        path.hash(&mut hash);
        fs::read(path).ok().hash(&mut hash);
    }
    hash.finish()
}

/// What is served: the project's `dev.toml`, or what its manifest asks for.
struct Configuration {
    file: PathBuf,
    /// It was made, and listens here.
    made: Option<Option<SocketAddr>>,
}

impl Configuration {
    /// The configuration of a project, and the folder that was made for it.
    fn of(folder: &Path, listen: Option<SocketAddr>) -> Result<(Self, Option<TempDir>)> {
        let file = folder.join(CONFIG);
        if file.is_file() {
            ensure!(
                listen.is_none(),
                "{} says where to listen: write listen under its [server]",
                file.display()
            );
            return Ok((Self { file, made: None }, None));
        }
        let within = TempDir::with_prefix("evenhand-dev-").context("no folder could be made")?;
        let file = within.path().join(CONFIG);
        let manifest = Project::open(folder)?.plugin;
        has_secrets(&manifest, folder)?;
        fs::write(&file, made(&manifest, folder, listen)?)?;
        eprintln!("evenhand: there is no {CONFIG}: it is granted what its manifest asks for");
        let made = Some(listen);
        Ok((Self { file, made }, Some(within)))
    }

    /// Makes it anew where the manifest asks for something else.
    fn update(&self, folder: &Path) {
        let Some(listen) = self.made else {
            return;
        };
        let text = Project::open(folder)
            .map_err(anyhow::Error::from)
            .and_then(|project| made(&project.plugin, folder, listen));
        let written = text.and_then(|text| {
            let same = fs::read_to_string(&self.file).is_ok_and(|before| before == text);
            let part = self.file.with_extension("part");
            if !same {
                fs::write(&part, text)?;
                fs::rename(&part, &self.file)?;
            }
            Ok(())
        });
        if let Err(error) = written {
            eprintln!("evenhand: its grant stays as it was: {error:#}");
        }
    }
}

/// The configuration that grants what a manifest asks for. Secrets are variables of the environment.
fn made(manifest: &Manifest, folder: &Path, listen: Option<SocketAddr>) -> Result<String> {
    let plugin = manifest.name.plugin();
    let component = folder.join(format!("{plugin}.wasm"));
    let mut entry = json!({ "name": plugin, "source": component });
    let secrets = secrets(manifest).into_iter();
    let sources = secrets.map(|name| {
        let source = json!({ "env": variable(&name) });
        (name, source)
    });
    catalog::widen(&mut entry, &manifest.asks(), &sources.collect())
        .with_context(|| format!("write {}", folder.join(CONFIG).display()))?;
    let mut config = Map::new();
    if let Some(listen) = listen {
        config.insert("server".into(), json!({ "listen": listen }));
    }
    config.insert("store".into(), json!({ "url": "sqlite://dev.db" }));
    config.insert("plugin".into(), json!([entry]));
    Ok(toml::to_string(&Value::Object(config))?)
}

fn secrets(manifest: &Manifest) -> BTreeSet<String> {
    let asks = manifest.asks().into_iter();
    asks.filter_map(|ask| match ask.what {
        What::Secret { name, .. } => Some(name),
        _ => None,
    })
    .collect()
}

/// The variable that a secret is in.
fn variable(secret: &str) -> String {
    secret.to_uppercase().replace('-', "_")
}

/// Are the secrets there that it asks for?
fn has_secrets(manifest: &Manifest, folder: &Path) -> Result<()> {
    let secrets = secrets(manifest);
    let unset =
        |name: &&String| std::env::var_os(variable(name)).is_none_or(|value| value.is_empty());
    let missing: Vec<String> = secrets
        .iter()
        .filter(unset)
        .map(|name| format!("{} (the secret {name:?})", variable(name)))
        .collect();
    ensure!(
        missing.is_empty(),
        "it asks for secrets that are not in the environment: set {}, or say in {} where they are",
        missing.join(" and "),
        folder.join(CONFIG).display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(more: &str) -> Manifest {
        let text = format!(
            r#"{{"name": "acme/weather", "version": "1.0.0", "licence": "MIT",
            "egress": [{{"rule": "GET https://a.example/*", "why": "asks"}}],
            "secret": [{{"name": "api-key", "as": "bearer", "to": ["https://a.example"], "why": "pays"}}]{more}}}"#
        );
        Manifest::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn it_is_granted_what_it_asks_for() {
        let powers = r#", "power": [{"power": "kv", "name": "places", "why": "x"}]"#;
        let manifest = manifest(powers);
        let text = made(&manifest, Path::new("/p"), "127.0.0.1:0".parse().ok()).unwrap();
        let config = types::config::Config::parse(&text).unwrap();
        assert_eq!(manifest.unmet(&config.plugins[0]), []);
        assert_eq!(
            manifest.unasked(&config.plugins[0].grant),
            Vec::<String>::new()
        );
        assert!(text.contains("API_KEY"), "{text}");
    }

    #[test]
    fn what_it_cannot_know_is_said() {
        let power = r#", "power": [{"power": "sql", "name": "crm", "why": "x"}]"#;
        let error = made(&manifest(power), Path::new("/p"), None).unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("/p/dev.toml") && error.contains("\"crm\""),
            "{error}"
        );
        let error = has_secrets(&manifest(""), Path::new("/p"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("API_KEY (the secret \"api-key\")"),
            "{error}"
        );
    }

    #[test]
    fn a_change_is_one_of_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let text = "[plugin]\nname = \"acme/weather\"\nversion = \"1.0.0\"\nlicence = \"MIT\"\n[build]\ncommands = [[\"true\"]]\ncomponent = \"x\"\n";
        fs::write(path.join(FILE), text).unwrap();
        fs::create_dir_all(path.join("src/in")).unwrap();
        fs::write(path.join("src/in/a"), "1").unwrap();
        fs::write(path.join("else"), "1").unwrap();
        let state = || contents(&marks(path));
        let first = state();
        fs::write(path.join("src/in/a"), "1").unwrap();
        fs::write(path.join("else"), "2").unwrap();
        assert_eq!(state(), first);
        fs::write(path.join("src/in/a"), "2").unwrap();
        let second = state();
        assert_ne!(second, first);
        fs::write(path.join(FILE), "no project").unwrap();
        assert_ne!(state(), second);
    }
}

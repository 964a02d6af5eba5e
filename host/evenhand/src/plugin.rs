//! `evenhand plugin`: what operators do with the plugins of a running host, by its control plane.

mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Map, Value, json};

use self::words::{list, one, show};

/// The environment's variables for the control plane.
const URL: &str = "EVENHAND_ADMIN_URL";
const TOKEN: &str = "EVENHAND_ADMIN_TOKEN";

/// The control plane of a host that runs.
#[derive(Args)]
pub(crate) struct Host {
    /// Its address; by default that of EVENHAND_ADMIN_URL, or http://127.0.0.1:8788. The token is read from EVENHAND_ADMIN_TOKEN.
    #[arg(long, global = true)]
    url: Option<String>,
    /// Prints the host's answer as JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// What is done.
#[derive(Subcommand)]
pub(crate) enum Task {
    /// Every plugin, and what serves it.
    List,
    /// A plugin: what serves, what it asks for and is granted, and its revisions.
    Show {
        /// Its name.
        name: String,
    },
    /// Adds a plugin. It may compute and log; `--accept` grants what its manifest asks for, `--entry` what a file says.
    Add {
        /// The name that it gets here.
        name: String,
        /// A file on the host's machine, or oci://host/repository:tag[@sha256:…].
        source: String,
        /// A TOML file with its `config`, `grant` and `limits`, as in a [[plugin]].
        #[arg(long)]
        entry: Option<PathBuf>,
        #[command(flatten)]
        accept: Accept,
    },
    /// Brings what is at a plugin's source now, or at another. Its grant stays as it is.
    Upgrade {
        /// Its name.
        name: String,
        /// Absent: the same as before, asked anew.
        source: Option<String>,
        /// The new revision gets this share of the calls first, such as 10%. It is taken back if more of them fail than of the others.
        #[arg(long, value_name = "SHARE")]
        canary: Option<String>,
        /// It gets all calls after so many, if no larger part of them failed.
        #[arg(long, value_name = "CALLS", requires = "canary")]
        promote_after: Option<u64>,
        #[command(flatten)]
        accept: Accept,
    },
    /// Gives all calls to the revision on trial.
    Promote {
        /// The plugin's name.
        name: String,
    },
    /// Gives calls back to the revision that served before, or takes back the one on trial.
    Rollback {
        /// The plugin's name.
        name: String,
        /// A revision's number, as `show` tells it.
        #[arg(long)]
        to: Option<u64>,
    },
    /// Grants what the newest revision asks for; `show` tells what that is.
    Accept {
        /// The plugin's name.
        name: String,
        /// Where a secret's value comes from: NAME=env:VARIABLE or NAME=file:PATH.
        #[arg(long = "secret", value_name = "NAME=SOURCE")]
        secrets: Vec<String>,
    },
    /// Holds a plugin at the revision that serves, whatever is at its source.
    Pin {
        /// Its name.
        name: String,
        /// Lets it follow its source again.
        #[arg(long)]
        off: bool,
    },
    /// Removes a plugin that was added by `add`.
    Remove {
        /// Its name.
        name: String,
    },
}

/// What is granted along with a change.
#[derive(Args)]
pub(crate) struct Accept {
    /// Grants what the manifest asks for.
    #[arg(long)]
    accept: bool,
    /// Where a secret's value comes from: NAME=env:VARIABLE or NAME=file:PATH.
    #[arg(long = "secret", value_name = "NAME=SOURCE", requires = "accept")]
    secrets: Vec<String>,
}

/// Runs a task against a host.
pub(crate) async fn run(host: Host, task: Task) -> Result<ExitCode> {
    let plane = Plane::new(&host)?;
    match task {
        Task::List => {
            let all = plane.get("").await?;
            host.print(&all, list)?;
        }
        Task::Show { name } => {
            let one = plane.get(&format!("/{name}")).await?;
            host.print(&one, show)?;
        }
        Task::Add {
            name,
            source,
            entry,
            accept,
        } => {
            let mut body = match &entry {
                Some(file) => entry_of(file)?,
                None => json!({}),
            };
            body["name"] = json!(name);
            body["source"] = json!(of_host(&source)?);
            let added = plane.post("", &body).await?;
            plane.accepted(&host, &name, added, &accept).await?;
        }
        Task::Upgrade {
            name,
            source,
            canary,
            promote_after,
            accept,
        } => {
            let mut body = Map::new();
            if let Some(source) = source {
                body.insert("source".into(), json!(of_host(&source)?));
            }
            if let Some(share) = canary {
                let canary = match promote_after {
                    Some(calls) => json!({"share": share, "promote_after": calls}),
                    None => json!({"share": share}),
                };
                body.insert("canary".into(), canary);
            }
            let upgraded = plane
                .post(&format!("/{name}/upgrade"), &body.into())
                .await?;
            plane.accepted(&host, &name, upgraded, &accept).await?;
        }
        Task::Promote { name } => {
            let told = plane.post(&format!("/{name}/promote"), &json!({})).await?;
            host.print(&told, one)?;
        }
        Task::Rollback { name, to } => {
            let body = to.map_or_else(|| json!({}), |to| json!({"to": to}));
            let told = plane.post(&format!("/{name}/rollback"), &body).await?;
            host.print(&told, one)?;
        }
        Task::Accept { name, secrets } => {
            let told = plane.accept(&name, &secrets).await?;
            host.print(&told, one)?;
        }
        Task::Pin { name, off } => {
            let method = if off { Method::DELETE } else { Method::POST };
            let told = plane.send(method, &format!("/{name}/pin"), None).await?;
            host.print(&told, one)?;
        }
        Task::Remove { name } => {
            plane
                .send(Method::DELETE, &format!("/{name}"), None)
                .await?;
            println!("{name}: removed");
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Host {
    fn print(&self, answer: &Value, words: fn(&Value) -> String) -> Result<()> {
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(answer)?),
            false => print!("{}", words(answer)),
        }
        Ok(())
    }
}

/// Sends requests to a control plane.
struct Plane {
    client: Client,
    plugins: String,
    token: Option<String>,
}

impl Plane {
    fn new(host: &Host) -> Result<Self> {
        let given = host.url.clone().or_else(|| std::env::var(URL).ok());
        let url = given.unwrap_or_else(|| "http://127.0.0.1:8788".into());
        Ok(Self {
            client: Client::builder().no_proxy().build()?,
            plugins: format!("{}/admin/v1/plugins", url.trim_end_matches('/')),
            token: std::env::var(TOKEN).ok().filter(|token| !token.is_empty()),
        })
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = format!("{}{path}", self.plugins);
        let mut request = self.client.request(method, &url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.with_context(|| {
            format!("no host answers at {url}: is it running, with [admin] in its configuration? Its address is --url or {URL}")
        })?;
        let status = answer.status();
        let text = answer.text().await?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(body);
        }
        let message = body["error"]["message"].as_str().unwrap_or(&text);
        match status {
            StatusCode::UNAUTHORIZED => bail!("{message} (evenhand sends what {TOKEN} has)"),
            _ => bail!("{message}"),
        }
    }

    async fn accept(&self, name: &str, secrets: &[String]) -> Result<Value> {
        let sources: Result<Map<String, Value>> = secrets.iter().map(|text| secret(text)).collect();
        let body = json!({ "secrets": sources? });
        self.post(&format!("/{name}/accept"), &body).await
    }

    /// Accepts what was asked for, and prints what came of it.
    async fn accepted(&self, host: &Host, name: &str, told: Value, accept: &Accept) -> Result<()> {
        let told = match accept.accept {
            true => self.accept(name, &accept.secrets).await.with_context(|| {
                format!("{name} is loaded with the grant that it has, and what it asks for is not granted")
            })?,
            false => told,
        };
        host.print(&told, one)
    }
}

/// `NAME=env:VARIABLE` or `NAME=file:PATH`.
fn secret(text: &str) -> Result<(String, Value)> {
    let wrong = || format!("--secret {text:?}: write NAME=env:VARIABLE or NAME=file:PATH");
    let (name, source) = text.split_once('=').with_context(wrong)?;
    let (kind, place) = source.split_once(':').with_context(wrong)?;
    ensure!(matches!(kind, "env" | "file") && !place.is_empty(), wrong());
    Ok((name.into(), json!({ kind: place })))
}

/// A file's path, whole, since the host runs in another folder.
fn of_host(source: &str) -> Result<String> {
    if source.starts_with("oci://") || source.starts_with("builtin:") {
        return Ok(source.into());
    }
    let path = std::path::absolute(source)?;
    Ok(path.display().to_string())
}

fn entry_of(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} can't be read", file.display()))?;
    let table: toml::Table =
        toml::from_str(&text).with_context(|| format!("{} is invalid", file.display()))?;
    Ok(serde_json::to_value(table)?)
}

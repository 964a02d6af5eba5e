//! The `evenhand` binary.

mod audit_log;
mod build;
mod builtin;
mod check;
mod compiling;
mod default;
mod dev;
mod inspect;
mod key;
mod kit;
mod models;
mod new;
mod plugin;
mod powers;
mod publish;
mod serve;
mod sign;
mod table;
mod test;
mod witness;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use sandbox::{Guests, Sandbox};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

/// Neutral ground for AI vendors: serves the sandboxed plugins of rivals, to clients of either's SDK.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves what a configuration file names, and follows its changes.
    Serve {
        /// The configuration file; absent: evenhand.toml, and where there is none, models of this machine.
        #[arg(long)]
        config: Option<PathBuf>,
        /// Where clients of those connect; operators at the port after it. By default 127.0.0.1:8787.
        #[arg(long, conflicts_with = "config")]
        listen: Option<SocketAddr>,
    },
    /// Fetches the models of the default configuration into ~/.cache/evenhand/models, by Python's pip.
    Models,
    /// Loads what a configuration file names, and says what each plugin could do. Fails where one would not serve.
    Check {
        /// The configuration file.
        #[arg(default_value = "evenhand.toml")]
        config: PathBuf,
    },
    /// Looks at an audit log.
    Audit {
        #[command(subcommand)]
        task: audit_log::Task,
    },
    /// Says what a component is, what it asks for, and what a configuration would grant it. Does not run it. Fails where it would
    /// not be loaded.
    Inspect {
        /// The component.
        file: PathBuf,
        /// A configuration file, whose entries for this component are told.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Runs the contract's cases against a component, with a vendor that its publisher scripted. Fails where one fails.
    Test(test::Args),
    /// Looks at the plugins of a running host, and changes them while it serves.
    Plugin {
        #[command(flatten)]
        host: plugin::Host,
        #[command(subcommand)]
        task: plugin::Task,
    },
    /// Makes keys that sign components.
    Key {
        #[command(subcommand)]
        task: key::Task,
    },
    /// Signs a component: a file, whose signature is written beside it; or an artifact in a registry, which holds its signatures.
    Sign {
        /// FILE.wasm, or oci://HOST/REPOSITORY:TAG or …@sha256:DIGEST.
        what: String,
        /// The private key, such as `acme.key`.
        #[arg(long)]
        key: PathBuf,
    },
    /// Stores a component in an OCI registry, and prints the reference that is pinned to it.
    Publish {
        /// The component, as `evenhand build` makes it.
        file: PathBuf,
        /// oci://HOST/REPOSITORY:TAG
        reference: String,
        /// The private key to sign it with.
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Makes a plugin's project, in a folder of its name, that builds and passes its tests.
    New {
        /// What it is.
        kind: new::Kind,
        /// Its name: `publisher/plugin`, or `plugin`.
        name: String,
        /// What it is written in.
        #[arg(long, default_value = "rust")]
        lang: kit::Language,
    },
    /// Builds a plugin's project: runs the commands of its plugin.toml, and puts its manifest into the component, PLUGIN.wasm.
    Build {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Writes the folder `evenhand` of a plugin's project anew: the contract of this version, and what the language needs of it.
    Sdk {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// What it is written in.
        #[arg(long, default_value = "rust")]
        lang: kit::Language,
    },
    /// Serves a plugin's project, and builds it again whenever it changes; shows its log, the calls and its requests. What is served
    /// is in the project's dev.toml; where there is none, the plugin alone, granted what its manifest asks for.
    Dev {
        /// The project's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Where clients connect, where there is no dev.toml; by default 127.0.0.1:8787.
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
    /// Compiles one component, from standard input to standard output, within limits: what `serve` and `check` start.
    #[command(hide = true)]
    CompileComponent {
        /// Time of a processor.
        #[arg(long)]
        seconds: u64,
        /// Address space, in bytes.
        #[arg(long)]
        memory: u64,
    },
}

fn main() -> ExitCode {
    // Fails where one is there already, which none is.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let shown = match &cli.command {
        Command::Dev { .. } => dev::SHOWN,
        _ => "info,rmcp=warn",
    };
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(shown)),
        )
        .with_writer(std::io::stderr)
        .init();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("evenhand: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve { config, listen } => {
            let config = default::configuration(config.as_deref(), listen)?;
            sandboxed(Some(&config), async |sandbox| {
                serve::serve(config.clone(), sandbox).await?;
                Ok(ExitCode::SUCCESS)
            })
        }
        Command::Check { config } => {
            let config = absolute(&config)?;
            sandboxed(Some(&config), async |sandbox| {
                check::check(config.clone(), sandbox).await
            })
        }
        Command::Audit { task } => audit_log::run(task),
        Command::Inspect { file, config } => {
            let config = config.as_deref().map(absolute).transpose()?;
            let config = config.as_deref();
            sandboxed(config, async |sandbox| {
                inspect::inspect(&file, config, sandbox).await
            })
        }
        Command::Test(args) => sandboxed(None, async |sandbox| test::test(args, sandbox).await),
        Command::Plugin { host, task } => alone(plugin::run(host, task)),
        Command::Key { task } => key::run(task),
        Command::Sign { what, key } => alone(sign::sign(&what, &key)),
        Command::Publish {
            file,
            reference,
            key,
        } => alone(publish::publish(&file, &reference, key.as_deref())),
        Command::New { kind, name, lang } => new::run(kind, &name, lang),
        Command::Build { folder } => build::run(&folder),
        Command::Sdk { folder, lang } => kit::run(&folder, lang),
        Command::Models => {
            models::fetch()?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Dev { folder, listen } => dev::run(&folder, listen),
        Command::CompileComponent { seconds, memory } => {
            sandbox::compile_from_stdin(Duration::from_secs(seconds), memory)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs a command that needs no sandbox.
fn alone(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    runtime("io", || {})?.block_on(command)
}

/// Runs a command with a sandbox as a configuration file wants it.
fn sandboxed(
    config: Option<&Path>,
    run: impl AsyncFnOnce(Sandbox) -> Result<ExitCode>,
) -> Result<ExitCode> {
    // Guests compute on threads of their own: one that spins delays no client and no vendor's answer.
    // Those that computed for long, on others that give way.
    let (io, fast) = (runtime("io", || {})?, runtime("guest", || {})?);
    let slow = runtime("slow guest", sandbox::give_way)?;
    let guests = Guests {
        fast: fast.handle().clone(),
        slow: slow.handle().clone(),
    };
    let compiler = compiling::compiler(config)?;
    let sandbox = Sandbox::new(io.handle().clone(), guests, compiler)?;
    let code = io.block_on(run(sandbox));
    // What still runs belongs to nobody now.
    slow.shutdown_background();
    fast.shutdown_background();
    io.shutdown_background();
    code
}

fn runtime(name: &str, begin: fn()) -> Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name(name)
        .on_thread_start(begin)
        .enable_all()
        .build()
        .context("threads could not be started")
}

/// Paths in the file are relative to it, wherever we run.
fn absolute(file: &Path) -> Result<PathBuf> {
    std::path::absolute(file).with_context(|| format!("{} is no path", file.display()))
}

//! The `evenhand` binary.

mod audit_log;
mod check;
mod compiling;
mod inspect;
mod plugin;
mod powers;
mod serve;
mod table;
mod test;
mod witness;

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
        /// The configuration file.
        #[arg(long, default_value = "evenhand.toml")]
        config: PathBuf,
    },
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

/// Components inside this program.
pub(crate) fn builtin(_name: &str) -> Option<(&'static [u8], Option<&'static str>)> {
    None
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Whoever speaks TLS by reqwest uses this; an error says that it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,rmcp=warn")),
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
        Command::Serve { config } => {
            let config = absolute(&config)?;
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
        Command::Plugin { host, task } => runtime("io", || {})?.block_on(plugin::run(host, task)),
        Command::CompileComponent { seconds, memory } => {
            sandbox::compile_from_stdin(Duration::from_secs(seconds), memory)?;
            Ok(ExitCode::SUCCESS)
        }
    }
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

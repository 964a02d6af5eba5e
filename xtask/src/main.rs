//! `cargo xtask`: what a checkout needs beside `cargo build`. Each task installs what it needs.

mod contract;
mod dist;
mod languages;
#[path = "../../host/evenhand/src/models.rs"]
#[allow(dead_code, reason = "the binary uses all of it")]
mod models;
mod node;
mod plugins;
mod python;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};

/// Tasks of the Evenhand workspace.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Fetches the default models into ~/.cache/evenhand/models.
    Models,
    /// Builds our plugins: target/plugins/NAME.wasm.
    Plugins,
    /// Builds everything and serves on 127.0.0.1:8787; by default, models that run on this machine.
    Serve {
        /// Handed to `evenhand serve`, such as `--config FILE`; or another command of the binary, such as `check FILE`.
        #[arg(last = true)]
        args: Vec<OsString>,
    },
    /// Runs a worked example: a hosted agent, its tools, and whoever it asks.
    Example {
        /// A folder of `examples`, such as `insurance-claim`; `--yes` says yes to whatever the agent asks, `--message TEXT` gives it
        /// another task.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Publishes the contract of wit/ under its version: tests/contract/VERSION, which stays as it is from then on.
    Contract,
    /// Makes what people install: target/dist/evenhand-VERSION-TARGET.tar.gz.
    Dist {
        /// A key that signs the archive and the components in it, as `evenhand sign` takes it.
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Measures what the host costs, beside the vendor alone.
    Bench,
    /// Runs every test.
    Test {
        /// Only the attacks of hostile components, beside a neighbour that must not notice.
        suite: Option<Suite>,
        /// Only the product's tests, with these arguments for pytest.
        #[arg(last = true)]
        pytest: Vec<OsString>,
    },
}

/// A part of the tests.
#[derive(Clone, Copy, ValueEnum)]
enum Suite {
    Hostile,
}

fn main() -> Result<()> {
    match Task::parse() {
        Task::Models => models::fetch(),
        Task::Plugins => plugins::build(),
        Task::Serve { args } => serve(&args),
        Task::Example { args } => example(&args),
        Task::Contract => contract::publish(),
        Task::Dist { key } => dist::make(key.as_deref()),
        Task::Bench => bench(),
        Task::Test {
            suite: None,
            pytest,
        } if pytest.is_empty() => test(),
        Task::Test { suite, pytest } => product(suite, &pytest),
    }
}

/// Becomes `evenhand serve ARGS`, or `evenhand ARGS` where they begin with another command of it. Paths in them are the caller's.
fn serve(args: &[OsString]) -> Result<()> {
    prepare()?;
    let mut evenhand = Command::new(root().join("target/release/evenhand"));
    let first = args.first().and_then(|arg| arg.to_str());
    if first.is_none_or(|arg| arg.starts_with('-')) {
        evenhand.arg("serve");
        let mut words = args.iter().filter_map(|arg| arg.to_str());
        if !words.any(|arg| arg.starts_with("--config")) {
            evenhand
                .arg("--config")
                .arg(root().join("plugins/default.toml"));
        }
    }
    step("starting evenhand");
    let error = evenhand.args(args).exec();
    Err(error).context("could not start target/release/evenhand")
}

fn test() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    // They are inside the binary.
    plugins::build()?;
    run(cargo()
        .arg("clippy")
        .args(WHOLE)
        .args(["--all-targets", "--", "-D", "warnings"]))?;
    models::fetch()?;
    whole()?;
    install_debian("docker-registry")?;
    install("cargo-nextest")?;
    // Not as examples, which the attacks of `tests/hostile` are: they run in sandboxes only.
    run(cargo()
        .args(["nextest", "run"])
        .args(WHOLE)
        .args(["--lib", "--bins", "--tests"]))?;
    run(cargo().args(["test", "--doc"]).args(WHOLE))?;
    install("cargo-deny")?;
    run(cargo().args(["deny", "check", "bans", "licenses", "sources"]))?;
    python::pytest("tests", &[])
}

/// The tests of the built binary alone.
fn product(suite: Option<Suite>, pytest: &[OsString]) -> Result<()> {
    models::fetch()?;
    whole()?;
    let folder = match suite {
        Some(Suite::Hostile) => "tests/hostile",
        None => "tests",
    };
    python::pytest(folder, pytest)
}

fn example(args: &[OsString]) -> Result<()> {
    binary()?;
    python::example(args)
}

fn bench() -> Result<()> {
    whole()?;
    run(&mut Command::new("target/release/bench"))
}

/// The tests' profile and set of features, that of the whole workspace: one for all, so that nothing is built twice.
const WHOLE: [&str; 2] = ["--release", "--workspace"];

/// All that tests and measurements run.
fn whole() -> Result<()> {
    plugins::build()?;
    plugins::attacks()?;
    tested()
}

/// The binary as the tests run it, and they: with them its dependencies have other features, and would be built twice.
fn tested() -> Result<()> {
    run(cargo().arg("build").args(WHOLE).args(["--bins", "--tests"]))
}

/// All that serving needs.
fn prepare() -> Result<()> {
    models::fetch()?;
    binary()
}

/// Our plugins, and the binary with them inside.
fn binary() -> Result<()> {
    plugins::build()?;
    run(cargo().args(["build", "--release", "--package", "evenhand"]))
}

/// Installs a tool of cargo's by its package's name, unless it is there.
fn install(package: &str) -> Result<()> {
    let command = package.trim_start_matches("cargo-");
    let there = cargo().args([command, "--version"]).output();
    if there.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    run(cargo().args(["install", "--locked", package]))
}

/// Installs a package of Debian's with a program of the same name, unless it is there.
fn install_debian(package: &str) -> Result<()> {
    if is_there(package) {
        return Ok(());
    }
    let apt = |args: &[&str]| {
        let id = Command::new("id").arg("--user").output()?;
        // Whoever is not root must be allowed to become it.
        let words: &[&str] = match id.stdout.as_slice() {
            b"0\n" => &["apt-get"],
            _ => &["sudo", "apt-get"],
        };
        run(Command::new(words[0]).args(&words[1..]).args(args))
    };
    apt(&["update"])?;
    apt(&["install", "--yes", "--no-install-recommends", package])
}

fn is_there(program: &str) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| output.status.success())
}

/// Cargo, for which our components are parts of the binary: what the tests run is what people install.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.env("EVENHAND_COMPONENTS", root().join("target/plugins"));
    // What the cargo that started us says of xtask: build scripts that look at it would run again, and wasmtime's neighbours with them.
    for (name, _) in std::env::vars_os() {
        let is_of_xtask = |start| name.to_string_lossy().starts_with(start);
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .into_iter()
            .any(is_of_xtask)
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// Tells what is done now.
fn step(what: impl std::fmt::Display) {
    eprintln!("xtask: {what}");
}

/// What a program says, without the end of its line.
fn said(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(args)
        .current_dir(root())
        .output();
    let output = output.with_context(|| format!("could not start {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {} failed",
        args.join(" ")
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Runs a command in the workspace's root and fails when it fails.
fn run(command: &mut Command) -> Result<()> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    let line = words.join(" ");
    step(&line);
    let status = command
        .current_dir(root())
        .status()
        .with_context(|| format!("could not start {line}"))?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

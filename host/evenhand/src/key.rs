//! `evenhand key`: the keys that publishers sign with.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use registry::SigningKey;
use zeroize::Zeroizing;

/// The variables with a key's password: ours, and cosign's.
const PASSWORDS: [&str; 2] = ["EVENHAND_KEY_PASSWORD", "COSIGN_PASSWORD"];

/// The largest file that is read as a key, in bytes.
const LARGEST: u64 = 64 * 1024;

#[derive(Subcommand)]
pub(crate) enum Task {
    /// Makes a key pair: PREFIX.key, which signs and is kept, encrypted with the password in EVENHAND_KEY_PASSWORD; and PREFIX.pub,
    /// which operators trust. `cosign` takes both.
    New {
        /// What the files' names begin with, such as `acme`.
        prefix: PathBuf,
    },
}

pub(crate) fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::New { prefix } => new(&prefix),
    }
}

fn new(prefix: &Path) -> Result<ExitCode> {
    let Some(password) = password() else {
        bail!(
            "a key is encrypted: set {} to its password, or to nothing for a key without one",
            PASSWORDS[0]
        );
    };
    let (private, public) = (with(prefix, ".key"), with(prefix, ".pub"));
    // Before the private one is made: half a pair is of no use.
    if public.exists() {
        bail!("{} exists; choose another name", public.display());
    }
    let key = SigningKey::generate();
    let pem = Zeroizing::new(key.to_encrypted_pem(password.as_bytes())?);
    write(&private, pem.as_bytes(), 0o600)?;
    write(&public, key.public().to_pem()?.as_bytes(), 0o644)?;
    println!("{}: signs; keep it, and tell nobody", private.display());
    println!(
        "{}: give it to operators, who trust it for your names",
        public.display()
    );
    println!("fingerprint {}", key.public().fingerprint());
    Ok(ExitCode::SUCCESS)
}

/// The key in a file, opened with the password of the environment.
pub(crate) fn read(file: &Path) -> Result<SigningKey> {
    let shown = file.display();
    let size = fs::metadata(file)
        .with_context(|| format!("the key {shown} can't be read"))?
        .len();
    if size > LARGEST {
        bail!("{shown} is no key: it has more than {LARGEST} bytes");
    }
    let text =
        fs::read_to_string(file).with_context(|| format!("the key {shown} can't be read"))?;
    let text = Zeroizing::new(text);
    let password = password();
    let password = password.as_ref().map(|password| password.as_bytes());
    SigningKey::from_pem(&text, password).with_context(|| format!("{shown} can't be used"))
}

fn password() -> Option<Zeroizing<String>> {
    let mut set = PASSWORDS.iter().filter_map(|name| std::env::var(name).ok());
    set.next().map(Zeroizing::new)
}

fn with(prefix: &Path, ending: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Writes a file that isn't there yet.
fn write(file: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(mode).open(file);
    let shown = file.display();
    match opened {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} exists, and a key is never overwritten: choose another name")
        }
        opened => {
            let mut opened = opened.with_context(|| format!("{shown} can't be written"))?;
            opened.write_all(bytes).and_then(|()| opened.sync_all())
        }
    }
    .with_context(|| format!("{shown} can't be written"))
}

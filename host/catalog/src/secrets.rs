//! Values of secrets, from where the configuration says they are.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;
use types::config::SecretSource;
use zeroize::Zeroizing;

/// A command that hasn't printed the value in this time won't.
const COMMAND: Duration = Duration::from_secs(10);

/// Largest value that a command prints, in bytes. Room for it is made at once, so that no copy of a part is left behind.
const LARGEST: usize = 64 * 1024;

/// Reads a secret. `folder` is the configuration file's, for relative paths; commands run in it.
///
/// # Errors
/// It is unset, empty or unreadable; the message never has the value.
pub(crate) async fn read(
    source: &SecretSource,
    folder: &Path,
) -> anyhow::Result<Zeroizing<String>> {
    match source {
        SecretSource::Env(name) => {
            let value = std::env::var(name).map(Zeroizing::new);
            let value = value.ok().with_context(|| {
                format!("the environment variable {name} is not set (or is not UTF-8)")
            })?;
            ensure!(
                !value.is_empty(),
                "the environment variable {name} is empty"
            );
            Ok(value)
        }
        SecretSource::File(path) => {
            let path = crate::revision::resolve(folder, path);
            let value = std::fs::read_to_string(&path)
                .map(Zeroizing::new)
                .with_context(|| format!("the file {} can't be read", path.display()))?;
            let value = without_newline(value);
            ensure!(!value.is_empty(), "the file {} is empty", path.display());
            Ok(value)
        }
        SecretSource::Command(command) => within(COMMAND, command, folder).await,
    }
}

async fn within(
    limit: Duration,
    command: &[String],
    folder: &Path,
) -> anyhow::Result<Zeroizing<String>> {
    let program = command.first().map_or("", String::as_str);
    match timeout(limit, print(command, folder)).await {
        Ok(value) => value.with_context(|| format!("the command {program:?}")),
        Err(_) => bail!("the command {program:?} took longer than {limit:?}"),
    }
}

/// What a program prints. Dropped, it is killed; what it says on its standard error is the operator's to read.
async fn print(command: &[String], folder: &Path) -> anyhow::Result<Zeroizing<String>> {
    let (program, arguments) = command.split_first().context("is not named")?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("can't be run")?;
    let stdout = child.stdout.take().context("has no standard output")?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST + 1));
    let room = bytes.capacity() as u64;
    stdout.take(room).read_to_end(&mut bytes).await?;
    ensure!(
        bytes.len() <= LARGEST,
        "printed more than {LARGEST} bytes, which is no secret"
    );
    let status = child.wait().await?;
    ensure!(status.success(), "failed ({status})");
    let text = std::str::from_utf8(&bytes).ok();
    let text = text.context("printed what is no UTF-8")?;
    let value = without_newline(Zeroizing::new(text.to_owned()));
    ensure!(!value.is_empty(), "printed nothing");
    Ok(value)
}

fn without_newline(mut value: Zeroizing<String>) -> Zeroizing<String> {
    if value.ends_with('\n') {
        value.pop();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn printed(folder: &Path, command: &[&str]) -> Result<String, String> {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let value = read(&SecretSource::Command(command), folder).await;
        value
            .map(|value| value.to_string())
            .map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn a_command_prints_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "sk-of-a-file\n\n").unwrap();
        let folder = folder.path();
        // No shell reads the words, and only one newline is cut.
        let said = printed(folder, &["printf", "%s\n", "a b $HOME; *"]).await;
        assert_eq!(said.as_deref(), Ok("a b $HOME; *"));
        let said = printed(folder, &["cat", "key"]).await;
        assert_eq!(said.as_deref(), Ok("sk-of-a-file\n"));
    }

    #[tokio::test]
    async fn a_command_that_fails_shows_nothing_of_what_it_printed() {
        let folder = tempfile::tempdir().unwrap();
        for (command, reason) in [
            (
                &["sh", "-c", "echo sk-secret; exit 3"][..],
                "exit status: 3",
            ),
            (&["sh", "-c", "printf 'sk-secret\\377'"], "UTF-8"),
            (&["sh", "-c", "yes sk-secret"], "more than 65536 bytes"),
            (&["true"], "printed nothing"),
            (&["echo"], "printed nothing"),
            (&["evenhand-no-such-program"], "can't be run"),
        ] {
            let error = printed(folder.path(), command).await.unwrap_err();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains(&format!("{:?}", command[0])), "{error}");
            assert!(!error.contains("sk-secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let command = ["sleep", "3600"].map(str::to_owned);
        let limit = Duration::from_millis(50);
        let error = within(limit, &command, folder.path()).await.unwrap_err();
        assert!(
            error.to_string().contains("took longer than 50ms"),
            "{error}"
        );
    }
}

//! The process that compiles, seen from the one that serves: what goes in, what comes out, and what ends it.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytesize::ByteSize;
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use types::config::Compile;

use super::{ARTIFACT, invalid};
use crate::logs::printable;

/// Most that it may say about what is wrong.
const SAID: u64 = 8 * 1024;

/// The machine may be busy, and the process gives way to all others: it has this many times its limit to get its time.
const PATIENCE: u32 = 4;

/// Runs `binary compile-component` on a component. Whoever stops waiting ends it.
pub(super) async fn compile(
    binary: &Path,
    limits: &Compile,
    bytes: Vec<u8>,
) -> anyhow::Result<Vec<u8>> {
    let mut child = Command::new(binary)
        .arg("compile-component")
        .args(["--seconds", &limits.time.as_secs().to_string()])
        .args(["--memory", &limits.memory.as_u64().to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // An interrupt from the terminal is for the host, which ends it then.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| {
            format!(
                "{}, which compiles it, could not be started",
                binary.display()
            )
        })?;
    let wall = limits.time.saturating_mul(PATIENCE);
    match timeout(wall, outcome(&mut child, bytes)).await {
        Err(_) => bail!(
            "compiling it did not end within {wall:?} and was stopped: it is too large or made to be slow; {}",
            more("time")
        ),
        Ok(outcome) => judge(outcome?, limits),
    }
}

struct Outcome {
    status: ExitStatus,
    artifact: Vec<u8>,
    said: String,
}

async fn outcome(child: &mut Child, bytes: Vec<u8>) -> anyhow::Result<Outcome> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        bail!("the process that compiles has no pipes");
    };
    let give = async move {
        // Where it ends early, its status says why.
        let _ = stdin.write_all(&bytes).await;
        drop(stdin);
        Ok(())
    };
    let artifact = async {
        let artifact = most(stdout, ARTIFACT + 1).await?;
        if artifact.len() as u64 > ARTIFACT {
            bail!(
                "its compiled form is larger than {}, the largest that one may be",
                ByteSize(ARTIFACT)
            );
        }
        Ok(artifact)
    };
    let said = async { Ok(most(stderr, SAID).await?) };
    let ((), artifact, said) = tokio::try_join!(give, artifact, said)?;
    Ok(Outcome {
        status: child.wait().await?,
        artifact,
        // What it says may be made of what a component says.
        said: printable(String::from_utf8_lossy(&said).trim()).into_owned(),
    })
}

async fn most(from: impl AsyncRead + Unpin, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Tells which limit it was.
fn judge(outcome: Outcome, limits: &Compile) -> anyhow::Result<Vec<u8>> {
    let Outcome {
        status,
        artifact,
        said,
    } = outcome;
    if status.success() {
        return Ok(artifact);
    }
    let signal = |wanted: Signal| status.signal() == Some(wanted.as_raw());
    if signal(Signal::XCPU) {
        bail!(
            "compiling it takes more than {:?} of a processor's time and was stopped: it is too large or made to be slow; {}",
            Duration::from_secs(limits.time.as_secs()),
            more("time")
        );
    }
    // How Rust's own allocator gives up.
    if signal(Signal::ABORT) && said.contains("memory allocation of") {
        bail!(
            "compiling it takes more than {} of memory and was stopped: it is too large or made to be; {}",
            limits.memory,
            more("memory")
        );
    }
    match status.signal() {
        Some(9) => bail!(
            "the process that compiles it was killed: by somebody, or because the machine has no memory left"
        ),
        Some(number) => {
            bail!("the process that compiles it was ended by signal {number}: {said}")
        }
        None => {
            let reason = said.strip_prefix("evenhand: ").unwrap_or(&said);
            Err(anyhow!(reason.to_owned())).with_context(invalid)
        }
    }
}

fn more(limit: &str) -> String {
    format!("if you trust it, allow more with {limit} under [compile], and start evenhand again")
}

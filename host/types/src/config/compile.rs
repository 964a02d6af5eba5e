use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// `[compile]`: what compiling one component may use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compile {
    /// Time of one processor.
    #[serde(with = "humantime_serde")]
    pub time: Duration,
    /// Address space.
    pub memory: ByteSize,
}

impl Default for Compile {
    fn default() -> Self {
        Self {
            // The largest of our own (5 MB) takes 6 s and 0.2 GB; those of scripting languages have up to 40 MB.
            time: Duration::from_secs(120),
            memory: ByteSize::gib(4),
        }
    }
}

impl Compile {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.time < Duration::from_secs(1) {
            return Err("compile.time is less than 1s: it is counted in whole seconds".into());
        }
        if self.memory < ByteSize::mib(64) {
            return Err("compile.memory is less than 64MiB, with which nothing compiles".into());
        }
        Ok(())
    }
}

/// `[cache]`: where compiled components are kept.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// The folder.
    pub path: PathBuf,
    /// Most bytes in it; 0: nothing is kept.
    pub size: ByteSize,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            path: "~/.cache/evenhand/compiled".into(),
            // Some hundred revisions of the largest components that we know.
            size: ByteSize::gib(4),
        }
    }
}

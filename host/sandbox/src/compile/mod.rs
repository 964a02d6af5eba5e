//! From a component's bytes to code that the engines run. A component that nobody vouches for is compiled in a process of its own
//! (`process` starts it, `child` runs in it), because compiling has bounds neither of time nor of memory.

mod cache;
mod child;
mod process;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use bytesize::ByteSize;
use tokio::sync::Mutex;
use types::config::Compile;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine::foreign;
use crate::load::EXPECTED;

use cache::{Miss, Name};

pub use cache::{Cache, Replaced};
pub use child::compile_from_stdin;

/// Largest component. Those that bring a scripting language's runtime have up to 40 MB.
const COMPONENT: u64 = 64 << 20;

/// Largest compiled form: some eight times the largest component, as we see it at ours.
const ARTIFACT: u64 = 512 << 20;

/// Makes code of components, one at a time.
pub struct Compiler {
    place: Place,
    cache: Option<Arc<Cache>>,
    turn: Mutex<()>,
}

/// Where it is done.
enum Place {
    InProcess,
    Child { binary: PathBuf, limits: Compile },
}

impl Compiler {
    /// Compiles in this process, without limits: for components that one made oneself, in tests.
    pub fn in_process() -> Self {
        Self::at(Place::InProcess)
    }

    /// Compiles in a process of its own, within these limits. `binary` is this program's own file, whose command
    /// `compile-component --seconds N --memory BYTES` is [`compile_from_stdin`].
    pub fn child(binary: PathBuf, limits: Compile) -> Self {
        Self::at(Place::Child { binary, limits })
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            cache: None,
            turn: Mutex::default(),
        }
    }

    /// Keeps compiled forms there.
    #[must_use]
    pub fn cached(self, cache: Cache) -> Self {
        let cache = Some(Arc::new(cache));
        Self { cache, ..self }
    }

    /// What of the cache was refused since this was asked for.
    pub(crate) fn replaced(&self) -> Vec<Replaced> {
        let cache = self.cache.as_ref();
        cache.map(|cache| cache.replaced()).unwrap_or_default()
    }

    /// Code that `engine` runs, of a component's bytes.
    pub(crate) async fn compile(
        &self,
        engine: &Engine,
        bytes: Vec<u8>,
    ) -> anyhow::Result<Component> {
        within(bytes.len() as u64)?;
        let Some(cache) = &self.cache else {
            let artifact = self.artifact(engine, bytes).await?;
            return blocking(engine, move |engine| load(engine, &artifact)).await;
        };
        let (kept, bytes) = {
            let cache = cache.clone();
            let look = move |engine: &Engine| Ok((cache.component(engine, &bytes), bytes));
            blocking(engine, look).await?
        };
        let name = match kept {
            Ok(component) => return Ok(component),
            Err(name) => name,
        };
        let artifact = self.artifact(engine, bytes).await?;
        let cache = cache.clone();
        blocking(engine, move |engine| {
            let component = load(engine, &artifact)?;
            if let Err(error) = cache.write(&name, &artifact) {
                tracing::warn!(
                    "a compiled component could not be kept, the next start takes longer: {error:#}"
                );
            }
            Ok(component)
        })
        .await
    }

    async fn artifact(&self, engine: &Engine, bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        // One at a time, so that what several cost together is bounded too.
        let _turn = self.turn.lock().await;
        match &self.place {
            Place::Child { binary, limits } => process::compile(binary, limits, bytes).await,
            Place::InProcess => {
                let compile = move |engine: &Engine| {
                    let compiled = engine.precompile_component(&bytes);
                    compiled.map_err(foreign).with_context(invalid)
                };
                blocking(engine, compile).await
            }
        }
    }
}

impl Cache {
    /// The component, where it is kept and good; else what it would be kept as.
    fn component(&self, engine: &Engine, bytes: &[u8]) -> Result<Component, Name> {
        let name = Name::of(engine, bytes);
        let kept = match self.read(&name) {
            Ok(artifact) => load(engine, &artifact),
            Err(Miss::Absent) => return Err(name),
            Err(Miss::Refused(reason)) => Err(reason),
        };
        kept.map_err(|reason| {
            self.refuse(&name, &reason);
            name
        })
    }
}

/// Runs what takes long, but not for ever, beside what serves.
async fn blocking<T: Send + 'static>(
    engine: &Engine,
    run: impl FnOnce(&Engine) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let engine = engine.clone();
    tokio::task::spawn_blocking(move || run(&engine)).await?
}

fn invalid() -> String {
    format!("it is not a valid component; {EXPECTED}")
}

/// Makes code of a compiled form that we made ourselves.
#[expect(
    unsafe_code,
    reason = "a compiled form is code, which wasmtime runs as it stands. This one comes over a pipe from a process of our own binary \
              that saw nothing but the component, was made by this process, or was kept with a code that only we can make. What that trusts: docs/security.md, `Compiling`"
)]
fn load(engine: &Engine, artifact: &[u8]) -> anyhow::Result<Component> {
    // SAFETY: made by our own compiler, or kept under our own code; the reason above says where it comes from.
    let loaded = unsafe { Component::deserialize(engine, artifact) };
    loaded
        .map_err(foreign)
        .context("its compiled form can't be loaded, which is a fault of evenhand's: report it")
}

/// Reads a component's file, unless it is larger than a component may be.
///
/// # Errors
/// It can't be read, or is too large.
pub fn read_component(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(COMPONENT + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{} can't be read", file.display()))?;
    within(bytes.len() as u64).with_context(|| file.display().to_string())?;
    Ok(bytes)
}

fn within(bytes: u64) -> anyhow::Result<()> {
    ensure!(
        bytes <= COMPONENT,
        "it is larger than {}, the largest that a component may be: build it with optimisation and without debug information",
        ByteSize(COMPONENT)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Runtime;

    use super::*;
    use crate::{Guests, Sandbox};

    #[test]
    fn both_engines_run_the_same_code() {
        let threads = Runtime::new().unwrap();
        let threads = threads.handle();
        let guests = Guests {
            fast: threads.clone(),
            slow: threads.clone(),
        };
        let sandbox = Sandbox::new(threads.clone(), guests, Compiler::in_process());
        let sandbox = sandbox.unwrap();
        let cache = tempfile::tempdir().unwrap();
        let cache = Cache::open(cache.path().into(), 1).unwrap();
        let [pooled, kept] = [&sandbox.pooled, &sandbox.kept]
            .map(|place| cache.file(&Name::of(&place.engine, b"a component")));
        assert_eq!(pooled, kept);
        assert_ne!(
            kept,
            cache.file(&Name::of(&sandbox.kept.engine, b"another"))
        );
    }
}

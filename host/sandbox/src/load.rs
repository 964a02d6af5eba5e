//! From bytes to a plugin that serves.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytesize::ByteSize;
use tokio::sync::{Semaphore, watch};
use types::config::Plugin as Entry;
use wasmtime::Store;
use wasmtime::component::Component;

use crate::bindings::accelerator::AcceleratorPre;
use crate::bindings::completions::CompletionsWorldPre;
use crate::bindings::native::ProviderNativeWorldPre;
use crate::bindings::prompts::PromptsWorldPre;
use crate::bindings::provider::ProviderWorldPre;
use crate::bindings::resources::ResourcesWorldPre;
use crate::bindings::tool::ToolWorldPre;
use crate::bindings::{BACKEND, COMPLETIONS, NATIVE, PROMPTS, PROVIDER, RESOURCES, TOOLS};
use crate::call::{self, Bounds};
use crate::contract::ensure_contract;
use crate::egress::{Egress, Secrets};
use crate::engine::{CALLS, MEMORIES, POOLED_MEMORY, Place, Sandbox, foreign};
use crate::gate::Gate;
use crate::kept::{Kept, Limit};
use crate::plugin::{Guest, Plugin, Provider};
use crate::sql::{self, DatabaseUrls};
use crate::state::{Shared, State};
use crate::tools::ToolGuest;
use crate::witness::Limited;

/// What a component that is no plugin is told.
pub(crate) const EXPECTED: &str = "expected a WebAssembly component of the package evenhand:plugin@0.1.0 that exports `provider`, `backend` or `tools`; `cargo build --target wasm32-wasip2` with the crate evenhand-sdk makes one";

/// What a component is told whose imports can't be linked.
pub(crate) const UNKNOWN: &str = "it imports what the contract doesn't have";

/// Most calls of one plugin at a time: what [`crate::pool`] gives to it where no other wants any.
const MOST: usize = CALLS as usize / 2;

/// Most dialects that a plugin may forward, and most bytes of a name.
const DIALECTS: usize = 16;
const DIALECT: usize = 64;

/// A plugin must answer the host's first questions in this time.
pub(crate) const PROBE: Duration = Duration::from_secs(30);

/// A component's code.
pub struct Compiled {
    component: Component,
    keep: bool,
}

impl Sandbox {
    /// Makes a plugin of a component's bytes: compiles it, links it to what its entry grants, and asks it what it is.
    /// `secrets` has a value for each secret of the grant; paths of weights are taken as they stand. Compiling takes seconds, and
    /// happens where the sandbox's compiler does it.
    ///
    /// # Errors
    /// Why it can't serve: no component, of another contract or world, imports that the contract lacks, a secret that isn't set, a trap.
    pub async fn load(
        &self,
        bytes: Vec<u8>,
        entry: &Entry,
        secrets: &Secrets,
        urls: &DatabaseUrls,
    ) -> anyhow::Result<Plugin> {
        let compiled = self.compile(bytes, entry.grant.keep).await?;
        self.link(compiled, entry, secrets, urls).await
    }

    /// The first half of [`Self::load`]: makes code of a component's bytes. `keep`: for an instance that is kept.
    ///
    /// # Errors
    /// It is no component, was built for another contract, or takes too much to compile.
    pub async fn compile(&self, bytes: Vec<u8>, keep: bool) -> anyhow::Result<Compiled> {
        ensure_component(&bytes)?;
        ensure_contract(&bytes)?;
        let component = self.compiler.compile(&self.place(keep).engine, bytes).await;
        for file in self.compiler.replaced() {
            self.witness.replaced(&file);
        }
        let component = component?;
        Ok(Compiled { component, keep })
    }

    fn place(&self, keep: bool) -> &Place {
        if keep { &self.kept } else { &self.pooled }
    }

    /// The second half: links it to what its entry grants, and asks it what it is.
    ///
    /// # Errors
    /// Those of [`Self::load`].
    pub async fn link(
        &self,
        compiled: Compiled,
        entry: &Entry,
        secrets: &Secrets,
        urls: &DatabaseUrls,
    ) -> anyhow::Result<Plugin> {
        let Compiled { component, keep } = compiled;
        ensure!(
            keep == entry.grant.keep,
            "it was compiled for another grant.keep"
        );
        let grant = &entry.grant;
        let bounds = Bounds::from(&entry.limits);
        ensure!(
            bounds.concurrency <= MOST,
            "limits.concurrency = {} is more than {MOST}: of the {CALLS} calls that run at a time, a plugin has at most half",
            bounds.concurrency
        );
        if !grant.keep {
            ensure!(
                bounds.memory <= POOLED_MEMORY,
                "limits.memory = {} is more than the {} that an instance of a call can have",
                ByteSize(bounds.memory),
                ByteSize(POOLED_MEMORY)
            );
        }
        let told = Limited {
            plugin: entry.name.clone(),
            witness: self.witness.clone(),
        };
        let shared = Arc::new(Shared {
            name: entry.name.clone(),
            config: serde_json::to_string(&entry.config)
                .context("the plugin's config is not JSON")?,
            egress: Egress::new(grant, &entry.limits, secrets, told, self.io.clone())?
                .with_vendor(self.vendor.clone()),
            weights: grant.weights.clone(),
            accelerators: grant.accelerators.clone(),
            broker: self.broker.clone(),
            witness: self.witness.clone(),
            databases: sql::open(grant, urls).await?,
            notes: self.notes.clone(),
            store: self.store.clone(),
            grant: grant.clone(),
        });
        let (guest, dialects) = self
            .admit(self.place(keep), &component, &shared, &bounds, keep)
            .await?;
        let gate = match &guest {
            Guest::Provider(_) | Guest::Tools(_) => Gate::new(&entry.name, self.witness.clone()),
            Guest::Accelerator(kept) => kept.gate.clone(),
        };
        Ok(Plugin {
            guest,
            dialects,
            permits: Arc::new(Semaphore::new(entry.limits.concurrency)),
            ending: watch::Sender::new(()),
            share: self.pool.share(),
            gate,
            guests: self.guests.clone(),
            shared,
            bounds,
        })
    }

    /// Links a component to its world, and asks it the first questions.
    async fn admit(
        &self,
        place: &Place,
        component: &Component,
        shared: &Arc<Shared>,
        bounds: &Bounds,
        keep: bool,
    ) -> anyhow::Result<(Guest, Vec<String>)> {
        let ty = component.component_type();
        let exports: Vec<String> = ty
            .exports(&place.engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let has = |name: &str| exports.iter().any(|export| export == name);
        let link = || {
            place
                .linker
                .instantiate_pre(component)
                .map_err(foreign)
                .context(UNKNOWN)
        };
        let kinds = [PROVIDER, BACKEND, TOOLS];
        let mut kinds = kinds.into_iter().filter(|name| has(name));
        let (kind, more) = (kinds.next(), kinds.next());
        ensure!(
            more.is_none(),
            "it exports more than one of `provider`, `backend` and `tools`; {EXPECTED}, one of them"
        );
        if kind.is_some_and(|kind| kind != TOOLS) {
            let of_tools = shared.grant.of_tools();
            ensure!(
                of_tools.is_empty(),
                "grant.{} is for tools, and it is none",
                of_tools.join(", grant.")
            );
        }
        ensure!(
            !keep || kind == Some(BACKEND),
            "grant.keep is for accelerators: others get a fresh instance for every call"
        );
        match kind {
            Some(PROVIDER) => {
                let pre = link()?;
                let world = ProviderWorldPre::new(pre.clone()).map_err(foreign)?;
                let native = has(NATIVE)
                    .then(|| ProviderNativeWorldPre::new(pre))
                    .transpose()
                    .map_err(foreign)?;
                let dialects = self
                    .question(world.clone(), native.clone(), shared, bounds)
                    .await?;
                Ok((
                    Guest::Provider(Box::new(Provider {
                        world,
                        native,
                        weight: weight(component)?,
                    })),
                    dialects,
                ))
            }
            Some(BACKEND) => {
                ensure!(
                    keep,
                    "it is an accelerator, whose instance is kept with its weights: that is a grant, write keep = true under [plugin.grant]"
                );
                let pre = AcceleratorPre::new(link()?).map_err(foreign)?;
                let kept = Kept::start(pre, shared.clone(), bounds.clone())?;
                drop(kept.describe(Limit::Load, false).await?);
                Ok((Guest::Accelerator(kept), Vec::new()))
            }
            Some(_) => {
                let pre = link()?;
                macro_rules! offered {
                    ($name:expr, $world:ident) => {
                        has($name)
                            .then(|| $world::new(pre.clone()))
                            .transpose()
                            .map_err(foreign)?
                    };
                }
                let tools = ToolGuest {
                    world: ToolWorldPre::new(pre.clone()).map_err(foreign)?,
                    resources: offered!(RESOURCES, ResourcesWorldPre),
                    prompts: offered!(PROMPTS, PromptsWorldPre),
                    completions: offered!(COMPLETIONS, CompletionsWorldPre),
                    weight: weight(component)?,
                };
                Ok((Guest::Tools(Box::new(tools)), Vec::new()))
            }
            None if exports.is_empty() => bail!("it exports nothing; {EXPECTED}"),
            None => bail!("it exports {}; {EXPECTED}", exports.join(", ")),
        }
    }

    /// Asks a provider whether it can work as it is configured, and which dialects it forwards. It computes where calls do.
    async fn question(
        &self,
        world: ProviderWorldPre<State>,
        native: Option<ProviderNativeWorldPre<State>>,
        shared: &Arc<Shared>,
        bounds: &Bounds,
    ) -> anyhow::Result<Vec<String>> {
        let (shared, bounds) = (shared.clone(), bounds.clone());
        let asked = self.guests.spawn(async move {
            let within = PROBE.min(bounds.deadline);
            let failed = |trap, store: &Store<State>| {
                call::failed(&shared, &trap, store.data().memory.hit, &bounds)
            };
            let questions = async {
                let mut store = call::store(world.engine(), &shared, &bounds);
                let asked = async {
                    let world = world.instantiate_async(&mut store).await?;
                    let provider = world.evenhand_plugin_provider();
                    provider.call_check(&mut store).await
                };
                match asked.await {
                    Err(trap) => return Err(failed(trap, &store)),
                    Ok(Err(error)) => return Err(call::said(&shared, error)),
                    Ok(Ok(())) => drop(store),
                }
                let Some(native) = &native else {
                    return Ok(Vec::new());
                };
                let mut store = call::store(world.engine(), &shared, &bounds);
                let asked = async {
                    let world = native.instantiate_async(&mut store).await?;
                    let native = world.evenhand_plugin_native();
                    native.call_dialects(&mut store).await
                };
                asked.await.map_err(|trap| failed(trap, &store))
            };
            let answer = tokio::time::timeout(within, questions).await;
            answer.unwrap_or_else(|_| Err(call::timed_out(&shared, "load", within)))
        });
        let answer = asked.await.ok().flatten();
        let dialects =
            answer.context("its first questions were lost in the host; the log says why")??;
        ensure!(
            dialects.len() <= DIALECTS && dialects.iter().all(|name| name.len() <= DIALECT),
            "it forwards more than {DIALECTS} dialects, or one with a name of more than {DIALECT} bytes"
        );
        Ok(dialects)
    }
}

/// Places of the pool that an instance takes: one for each `MEMORIES` memories.
fn weight(component: &Component) -> anyhow::Result<u32> {
    let needs = component
        .resources_required()
        .context("it imports components or modules; a plugin brings its own")?;
    Ok(needs.num_memories.div_ceil(MEMORIES).max(1))
}

/// Tells what a file is by its first bytes: `\0asm`, then version and layer.
/// <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>
pub(crate) fn ensure_component(bytes: &[u8]) -> anyhow::Result<()> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            bail!("it is a core WebAssembly module, not a component; {EXPECTED}")
        }
        _ if bytes.is_empty() => bail!("the file is empty; {EXPECTED}"),
        _ => bail!("it is not WebAssembly; {EXPECTED}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_named() {
        let refused = |bytes: &[u8]| ensure_component(bytes).unwrap_err().to_string();
        assert!(refused(b"").contains("empty"));
        assert!(refused(b"#!/bin/sh\n").contains("not WebAssembly"));
        assert!(refused(b"\0asm\x01\0\0\0").contains("core WebAssembly module"));
        assert!(ensure_component(b"\0asm\x0d\0\x01\0").is_ok());
    }
}

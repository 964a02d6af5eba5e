//! The two engines and what all plugins share.

use std::sync::Arc;
use std::time::Duration;

use store::Store;
use tokio::runtime::Handle;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::bindings::{self, kv, notes, sql, tool_host, tool_types};
use crate::broker::Broker;
use crate::compile::Compiler;
use crate::plugin::{Guest, Plugin};
use crate::pool::Pool;
use crate::slice::Guests;
use crate::state::State;
use crate::tool_host::Notes;
use crate::vendor::Vendor;
use crate::witness::{Nobody, Told, Witness};

/// Calls at a time, over all plugins: more would wait for a core anyway.
pub(crate) const CALLS: u32 = 1000;

/// Core modules and tables that a component may be made of; those of `componentize-py` have about 20, most of them tiny.
pub(crate) const MODULES: u32 = 32;

/// Memories of the pool for each call. A component with more takes the place of several calls, so that none finds the pool empty.
pub(crate) const MEMORIES: u32 = 2;

/// Largest memory of an instance from the pool. A slot is address space, not memory, until it is touched.
pub(crate) const POOLED_MEMORY: u64 = 512 << 20;

/// How often a guest that computes gives way to others.
const EPOCH: Duration = Duration::from_millis(10);

/// Where components run.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) pooled: Place,
    pub(crate) kept: Place,
    pub(crate) io: Handle,
    pub(crate) guests: Guests,
    pub(crate) pool: Arc<Pool>,
    pub(crate) broker: Broker,
    pub(crate) witness: Told,
    pub(crate) compiler: Arc<Compiler>,
    pub(crate) notes: Notes,
    pub(crate) store: Option<Store>,
    pub(crate) vendor: Option<Arc<dyn Vendor>>,
}

/// An engine, and what it links components to.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
}

impl Place {
    fn new(config: &Config) -> anyhow::Result<Self> {
        let engine = Engine::new(config).map_err(foreign)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(foreign)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(foreign)?;
        bindings::provider::ProviderWorld::add_to_linker::<_, HasSelf<State>>(
            &mut linker,
            |state| state,
        )
        .map_err(foreign)?;
        // What the world of tools has beside: `log`, `config` and `http` are the same for all.
        tool_host::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)
            .and_then(|()| notes::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state))
            .and_then(|()| kv::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state))
            .and_then(|()| sql::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state))
            .and_then(|()| {
                tool_types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)
            })
            .map_err(foreign)?;
        Ok(Self { engine, linker })
    }
}

impl Sandbox {
    /// Calls run on `guests`, their requests to the outside on `io`, so that a guest that spins delays neither clients nor
    /// vendors' answers. `compiler` makes code of components.
    ///
    /// # Errors
    /// A machine that wasmtime can't run on.
    pub fn new(io: Handle, guests: Guests, compiler: Compiler) -> anyhow::Result<Self> {
        // Requests of components are encrypted by this; where whoever runs us has chosen another, that stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(CALLS)
            .total_core_instances(CALLS * MODULES)
            .total_memories(CALLS * MEMORIES)
            .total_tables(CALLS * MODULES)
            .total_stacks(CALLS)
            .max_core_instances_per_component(MODULES)
            .max_memories_per_component(MODULES)
            .max_tables_per_component(MODULES)
            .max_memory_size(POOLED_MEMORY as usize)
            // Measured: with pagemap_scan these halve the cost of an instance, from 37 µs to 18 µs.
            .linear_memory_keep_resident(1 << 20)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10)
            .pagemap_scan(Enabled::Auto);
        let mut config = config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let pooled = Place::new(&config)?;
        let kept = Place::new(&self::config())?;
        tick(&pooled.engine, &kept.engine);
        Ok(Self {
            pooled,
            kept,
            io,
            guests,
            pool: Pool::new(CALLS as usize),
            broker: Broker::default(),
            witness: Arc::new(Nobody),
            compiler: Arc::new(compiler),
            notes: Notes::default(),
            store: None,
            vendor: None,
        })
    }
}

impl Sandbox {
    /// The same sandbox, whose plugins from now on are told of to somebody.
    #[must_use]
    pub fn witnessed_by(mut self, witness: Arc<dyn Witness>) -> Self {
        self.witness = witness;
        self
    }

    /// The same sandbox, whose tools keep their values in this store.
    #[must_use]
    pub fn with_store(mut self, store: Option<Store>) -> Self {
        self.store = store;
        self
    }

    /// The same sandbox, whose plugins from now on reach this vendor in place of the network: for tests of components.
    #[must_use]
    pub fn with_vendor(mut self, vendor: Arc<dyn Vendor>) -> Self {
        self.vendor = Some(vendor);
        self
    }

    /// Makes these the accelerators that providers find. Calls that run keep those that they opened.
    pub fn publish<'a>(&self, plugins: impl Iterator<Item = &'a Plugin>) {
        self.broker
            .publish(plugins.filter_map(|plugin| match &plugin.guest {
                Guest::Accelerator(kept) => Some(kept.clone()),
                Guest::Provider(..) | Guest::Tools(..) => None,
            }));
    }
}

/// wasmtime has an error type of its own.
pub(crate) fn foreign(error: wasmtime::Error) -> anyhow::Error {
    anyhow::Error::from_boxed(error.into_boxed_dyn_error())
}

/// What code is compiled for. Both engines take the same: pooling is no matter of the code.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .memory_init_cow(true)
        // The pool has one memory for each module of a component.
        .wasm_multi_memory(false)
        .wasm_component_model(true);
    config
}

/// Advances both engines' epochs until both are gone.
fn tick(pooled: &Engine, kept: &Engine) {
    let engines = [pooled.weak(), kept.weak()];
    std::thread::spawn(move || {
        while engines
            .iter()
            .filter_map(|engine| engine.upgrade())
            .map(|engine| engine.increment_epoch())
            .count()
            > 0
        {
            std::thread::sleep(EPOCH);
        }
    });
}

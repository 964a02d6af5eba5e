//! What a store holds, and the small imports: log, config.

use std::sync::Arc;
use std::time::Duration;

use store::Store;
use types::config::Grant;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use crate::bindings::{config, log, tensors, tool_types, wit};
use crate::broker::Broker;
use crate::call::Bounds;
use crate::egress::Egress;
use crate::limits::MemoryLimit;
use crate::logs;
use crate::outgoing::FIELDS_SIZE;
use crate::sql::Granted;
use crate::tool_host::Notes;
use crate::tools::Behind;
use crate::wasi::Gate;
use crate::weights;
use crate::witness::Told;

/// What all instances of a plugin's revision share.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) config: String,
    pub(crate) egress: Egress,
    pub(crate) weights: weights::Granted,
    pub(crate) accelerators: Vec<String>,
    pub(crate) broker: Broker,
    pub(crate) witness: Told,
    pub(crate) grant: Grant,
    pub(crate) notes: Notes,
    pub(crate) databases: Granted,
    pub(crate) store: Option<Store>,
}

/// Most random bytes of one call to the host, which gives way to nobody while it makes them.
const RANDOM: u64 = 64 * 1024;

/// The data of one store.
pub(crate) struct State {
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) memory: MemoryLimit,
    pub(crate) plugin: Arc<Shared>,
    pub(crate) log: Arc<logs::Budget>,
    /// The accelerator that failed this call.
    pub(crate) blame: Option<String>,
    /// As many as are open on accelerators, and one.
    pub(crate) opened: Arc<()>,
    /// Bytes of the request.
    pub(crate) asked: usize,
    /// Epochs that it computed for since it last asked for something outside.
    pub(crate) computed: u32,
    pub(crate) http: WasiHttpCtx,
    pub(crate) gate: Gate,
    /// Who is behind the call of a tool.
    pub(crate) behind: Option<Behind>,
    /// Things that it told them.
    pub(crate) told: u32,
    /// How long the call may take.
    pub(crate) deadline: Duration,
}

impl State {
    pub(crate) fn new(plugin: Arc<Shared>, bounds: &Bounds) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(bounds.handles);
        let log = Arc::new(logs::Budget::new(plugin.egress.masks(), plugin.limits()));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS_SIZE);
        // No environment, arguments, files or sockets; clocks and randomness are wasmtime-wasi's defaults.
        let wasi = WasiCtx::builder()
            .allow_tcp(false)
            .allow_udp(false)
            .max_random_size(RANDOM)
            .stdout(logs::Output::new(&plugin.name, &log))
            .stderr(logs::Output::new(&plugin.name, &log))
            .build();
        Self {
            wasi,
            table,
            memory: MemoryLimit::new(bounds.memory),
            gate: Gate(plugin.clone()),
            http,
            plugin,
            log,
            blame: None,
            opened: Arc::default(),
            asked: 0,
            computed: 0,
            behind: None,
            told: 0,
            deadline: bounds.deadline,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl wit::Host for State {}
impl tensors::Host for State {}
impl tool_types::Host for State {}

impl config::Host for State {
    async fn get(&mut self) -> wasmtime::Result<String> {
        Ok(self.plugin.config.clone())
    }
}

impl log::Host for State {
    async fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => tracing::Level::TRACE,
            log::Level::Debug => tracing::Level::DEBUG,
            log::Level::Info => tracing::Level::INFO,
            log::Level::Warn => tracing::Level::WARN,
            log::Level::Error => tracing::Level::ERROR,
        };
        self.log.write(&self.plugin.name, level, &message);
        Ok(())
    }
}

//! What every call has: a store with its limits, and names for the ways in which it can fail.

use std::sync::Arc;
use std::time::Duration;

use types::config::Limits;
use types::{Error, ErrorCode};
use wasmtime::component::ResourceTableError;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use crate::bindings::wit;
use crate::convert::error_out;
use crate::logs::printable;
use crate::state::{Shared, State};

/// What a call gives: a trap, a component's error, or a value.
pub(crate) type Out<T> = wasmtime::Result<Result<T, wit::Error>>;

/// The limits of a plugin, in the units that wasmtime takes.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) memory: u64,
    pub(crate) handles: usize,
    pub(crate) hostcall_bytes: usize,
    pub(crate) deadline: Duration,
    pub(crate) idle: Duration,
    pub(crate) queue_wait: Duration,
    pub(crate) concurrency: usize,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            memory: limits.memory.as_u64(),
            handles: limits.handles,
            hostcall_bytes: usize::try_from(limits.hostcall_bytes.as_u64()).unwrap_or(usize::MAX),
            deadline: limits.deadline,
            idle: limits.idle,
            queue_wait: limits.queue_wait,
            concurrency: limits.concurrency,
        }
    }
}

/// A new store.
pub(crate) fn store(engine: &Engine, shared: &Arc<Shared>, bounds: &Bounds) -> Store<State> {
    let mut store = Store::new(engine, State::new(shared.clone(), bounds));
    store.limiter(|state| &mut state.memory);
    store.set_max_component_handles(bounds.handles);
    store.set_hostcall_fuel(bounds.hostcall_bytes);
    // Every tick the guest gives way to others; the deadline around the call is what ends it.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut at| {
        at.data_mut().computed += 1;
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// A trap, or a contract that was broken.
pub(crate) fn failed(
    shared: &Shared,
    error: &wasmtime::Error,
    memory_hit: bool,
    bounds: &Bounds,
) -> Error {
    let plugin = shared.name.as_str();
    let limit = limit(error, memory_hit);
    if let Some(limit) = limit {
        shared.limited(limit);
    }
    let what = match error.downcast_ref::<Trap>() {
        _ if memory_hit => format!(
            "overran its memory limit of {}",
            bytesize::ByteSize(bounds.memory)
        ),
        Some(trap) => format!("trapped: {trap}"),
        None if limit == Some("handles") => "ran into its limit of handles".to_owned(),
        None => format!("failed: {}", error.root_cause()),
    };
    tracing::warn!(plugin, error = format!("{error:#}"), "plugin {what}");
    Error::new(
        ErrorCode::PluginFailed,
        format!("the plugin {plugin:?} {what}"),
    )
    .of(plugin)
}

/// The limit behind a trap. Those of handles and copied bytes wasmtime tells in words only.
fn limit(error: &wasmtime::Error, memory_hit: bool) -> Option<&'static str> {
    let words = error.root_cause().to_string();
    let table = error.downcast_ref::<ResourceTableError>();
    if memory_hit {
        Some("memory")
    } else if matches!(table, Some(ResourceTableError::Full)) || words.contains("handle limit") {
        Some("handles")
    } else if words.contains("fuel allocated for hostcalls") {
        Some("hostcall_bytes")
    } else {
        None
    }
}

/// The request was more than the plugin can translate in the memory that it has: that is no fault of its own.
pub(crate) fn too_large(shared: &Shared, asked: usize, bounds: &Bounds) -> Error {
    shared.limited("memory");
    let plugin = shared.name.as_str();
    let (asked, memory) = (
        bytesize::ByteSize(asked as u64),
        bytesize::ByteSize(bounds.memory),
    );
    Error::new(
        ErrorCode::TooLarge,
        format!("the request's {asked} are more than the plugin {plugin:?} can translate within its memory limit of {memory}"),
    )
    .of(plugin)
}

/// A plugin's own error, as others may see it. Where not the request is at fault, its message names the plugin.
pub(crate) fn said(shared: &Shared, error: wit::Error) -> Error {
    let plugin = shared.name.as_str();
    let masks = shared.egress.masks();
    let mut error = error_out(error).of(plugin);
    error.message = printable(&masks.mask(&error.message)).into_owned();
    error.param = error.param.map(|param| masks.mask(&param).into_owned());
    if let Some(upstream) = &mut error.upstream {
        upstream.body = masks.mask(&upstream.body).into_owned();
    }
    if error.is_retryable() || error.code == ErrorCode::RefusedByPolicy {
        error.message = format!("{plugin}: {}", error.message);
    }
    error
}

/// A limit of time was reached.
pub(crate) fn timed_out(shared: &Shared, limit: &'static str, after: Duration) -> Error {
    shared.limited(limit);
    let plugin = shared.name.as_str();
    tracing::warn!(plugin, limit, ?after, "plugin timed out");
    Error::new(
        ErrorCode::TimedOut,
        format!("the plugin {plugin:?} did not answer within its {limit} limit of {after:?}"),
    )
    .of(plugin)
}

/// No place became free.
pub(crate) fn busy(shared: &Shared, wait: Duration) -> Error {
    shared.limited("concurrency");
    let plugin = shared.name.as_str();
    let message =
        format!("the plugin {plugin:?} is busy: no place became free in {wait:?}; try again");
    let mut error = Error::new(ErrorCode::Overloaded, message).of(plugin);
    error.retry_after_ms = Some(1000);
    error
}

/// A limit of ours that wasmtime doesn't know was overrun.
pub(crate) fn overran(shared: &Shared, error: Error) -> Error {
    shared.limited("answer");
    let plugin = shared.name.as_str();
    tracing::warn!(plugin, "plugin overran a limit: {}", error.message);
    Error {
        message: format!("the plugin {plugin:?}: {}", error.message),
        ..error.of(plugin)
    }
}

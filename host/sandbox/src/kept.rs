//! An instance that is kept from call to call: an accelerator with its weights in memory. One thread owns its store and runs
//! one call after the other; a call that traps or takes too long costs the instance, and the next one gets a new one.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use types::{Error, ErrorCode};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::bindings::accelerator::{Accelerator, AcceleratorPre};
use crate::bindings::tensors;
use crate::call::{self, Bounds, Out};
use crate::convert::error_out;
use crate::gate::{self, Gate, Pass};
use crate::health::Verdict;
use crate::load::PROBE;
use crate::slice;
use crate::state::{Shared, State};

type Job = Box<dyn for<'a> FnOnce(&'a mut Owner) -> LocalFuture<'a, ()> + Send>;
pub(crate) type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A running instance, and which one it is: handles of an earlier one mean nothing to it.
pub(crate) struct Live {
    pub(crate) store: Store<State>,
    pub(crate) world: Accelerator,
    pub(crate) life: u64,
}

/// What the thread has.
pub(crate) struct Owner {
    pre: AcceleratorPre<State>,
    shared: Arc<Shared>,
    bounds: Bounds,
    live: Option<Live>,
    lives: u64,
}

/// A kept instance, as others see it. When the last handle goes, so does the instance.
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) bounds: Bounds,
    pub(crate) gate: Gate,
    shared: Arc<Shared>,
    /// Of calls that wait or run.
    pub(crate) permits: Arc<Semaphore>,
    jobs: mpsc::UnboundedSender<Job>,
}

/// A resource of a kept instance. Dropped, wherever that happens, it is dropped there too.
pub(crate) struct Remote {
    pub(crate) kept: Arc<Kept>,
    pub(crate) life: u64,
    pub(crate) resource: ResourceAny,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.kept.drop_later(self.life, self.resource);
    }
}

impl Kept {
    pub(crate) fn start(
        pre: AcceleratorPre<State>,
        shared: Arc<Shared>,
        bounds: Bounds,
    ) -> anyhow::Result<Arc<Self>> {
        let (jobs, mut inbox) = mpsc::unbounded_channel::<Job>();
        let name = shared.name.clone();
        let mut owner = Owner {
            pre,
            shared: shared.clone(),
            bounds: bounds.clone(),
            live: None,
            lives: 0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name(format!("kept {name}"))
            .spawn(move || {
                slice::give_way_to_calls();
                runtime.block_on(async move {
                    while let Some(job) = inbox.recv().await {
                        // A fault of the host's costs the instance too, never the thread.
                        let run = AssertUnwindSafe(job(&mut owner)).catch_unwind().await;
                        if run.is_err() {
                            owner.live = None;
                        }
                    }
                });
            })?;
        Ok(Arc::new(Self {
            gate: Gate::new(&name, shared.witness.clone()),
            name,
            permits: Arc::new(Semaphore::new(bounds.concurrency)),
            bounds,
            shared,
            jobs,
        }))
    }

    /// Runs a call in the instance, for at most so long. `life`: the instance that its handles are from. Who finds `concurrency`
    /// calls waiting waits with them for `queue_wait`.
    pub(crate) async fn call<T, F>(
        &self,
        life: Option<u64>,
        within: Limit,
        call: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Live) -> LocalFuture<'a, Out<T>> + Send + 'static,
    {
        let pass = self.gate.admit()?;
        let permit = self.permits.clone().acquire_owned();
        let permit = match timeout(self.bounds.queue_wait, permit).await {
            Ok(Ok(permit)) => permit,
            _ => return Err(call::busy(&self.shared, self.bounds.queue_wait)),
        };
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |owner| {
            Box::pin(async move {
                let _permit = permit;
                // Who asked may be gone by now, or before the answer comes: then what it holds is dropped.
                if !reply.is_closed() {
                    let _ = reply.send(owner.run(pass, life, within, call).await);
                }
            })
        });
        let gone = || {
            Error::new(
                ErrorCode::Overloaded,
                format!("the accelerator {:?} was removed", self.name),
            )
        };
        self.jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// What it is, under the operator's name, and its models. `ready`: only if it says that it can serve now.
    pub(crate) async fn describe(
        &self,
        within: Limit,
        ready: bool,
    ) -> Result<(tensors::BackendInfo, Vec<tensors::ModelInfo>), Error> {
        let name = self.name.clone();
        self.call(None, within, move |live| {
            Box::pin(async move {
                let backend = live.world.evenhand_plugin_backend();
                if ready && let Err(error) = backend.call_ready(&mut live.store).await? {
                    return Ok(Err(error));
                }
                let mut info = match backend.call_describe(&mut live.store).await? {
                    Ok(info) => info,
                    Err(error) => return Ok(Err(error)),
                };
                info.name = name;
                let models = backend.call_models(&mut live.store).await?;
                Ok(models.map(|models| (info, models)))
            })
        })
        .await
    }

    /// Drops a resource of the instance, when its turn comes.
    fn drop_later(&self, life: u64, resource: ResourceAny) {
        let job: Job = Box::new(move |owner| {
            Box::pin(async move {
                let deadline = owner.bounds.deadline;
                let Some(live) = owner.live.as_mut().filter(|live| live.life == life) else {
                    return;
                };
                let dropped = timeout(deadline, resource.resource_drop_async(&mut live.store));
                if !matches!(dropped.await, Ok(Ok(()))) {
                    tracing::warn!(
                        plugin = owner.shared.name,
                        "a resource could not be dropped: the instance starts anew"
                    );
                    owner.live = None;
                }
            })
        });
        let _ = self.jobs.send(job);
    }
}

/// Which limit of time a call has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// The first question.
    Load,
    /// What only prepares: that it works says nothing about the accelerator's health.
    Opening,
    Deadline,
    /// The next events of a generation.
    Idle,
}

impl Owner {
    async fn run<T, F>(
        &mut self,
        pass: Pass,
        life: Option<u64>,
        within: Limit,
        call: F,
    ) -> Result<T, Error>
    where
        F: for<'a> FnOnce(&'a mut Live) -> LocalFuture<'a, Out<T>>,
    {
        let name = self.shared.name.clone();
        let prepares = matches!(within, Limit::Load | Limit::Opening);
        let (limit, within) = match within {
            Limit::Load => ("load", PROBE.min(self.bounds.deadline)),
            Limit::Opening | Limit::Deadline => ("deadline", self.bounds.deadline),
            Limit::Idle => ("idle", self.bounds.idle.min(self.bounds.deadline)),
        };
        let work = async {
            let live = self.live().await?;
            if life.is_some_and(|life| life != live.life) {
                let error = Error::new(
                    ErrorCode::PluginFailed,
                    format!("the accelerator {name:?} was restarted in the middle of this call"),
                );
                return Ok((Err(error), Verdict::Unknown));
            }
            let answer = call(live).await?.map_err(error_out);
            let verdict = match gate::verdict(&name, &answer) {
                Verdict::Worked if prepares => Verdict::Unknown,
                verdict => verdict,
            };
            Ok((answer, verdict))
        };
        let outcome: Result<wasmtime::Result<(Result<T, Error>, Verdict)>, _> =
            timeout(within, work).await;
        let failed = match outcome {
            Ok(Ok((answer, verdict))) => {
                pass.tell(verdict);
                return answer.map_err(|e| if e.plugin.is_none() { e.of(&name) } else { e });
            }
            Ok(Err(trap)) => {
                let memory_hit = self
                    .live
                    .take()
                    .is_some_and(|live| live.store.data().memory.hit);
                call::failed(&self.shared, &trap, memory_hit, &self.bounds)
            }
            Err(_) => {
                self.live = None;
                call::timed_out(&self.shared, limit, within)
            }
        };
        // Either cost the instance.
        pass.tell(Verdict::Failed(failed.message.clone()));
        Err(failed)
    }

    async fn live(&mut self) -> wasmtime::Result<&mut Live> {
        if self.live.is_none() {
            let mut store = call::store(self.pre.engine(), &self.shared, &self.bounds);
            let world = self.pre.instantiate_async(&mut store).await?;
            self.lives += 1;
            self.live = Some(Live {
                store,
                world,
                life: self.lives,
            });
        }
        let live = self
            .live
            .as_mut()
            .ok_or_else(|| wasmtime::Error::msg("no instance"))?;
        // What is for one call; a kept store sees many.
        live.store.set_hostcall_fuel(self.bounds.hostcall_bytes);
        live.store.data().log.refill();
        Ok(live)
    }
}

//! A loaded plugin, and the calls that it takes. Each provider call: a seat, a fresh instance, an end.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use types::neutral::{
    EmbedRequest, Embeddings, Event, GenerateRequest, ModelInfo, NativeRequest, TokenCount,
};
use types::{Error, ErrorCode};
use wasmtime::Store;

use crate::bindings::native::ProviderNativeWorldPre;
use crate::bindings::native::exports::evenhand::plugin::native as wit_native;
use crate::bindings::provider::ProviderWorldPre;
use crate::bindings::provider::exports::evenhand::plugin::provider::Guest as Exports;
use crate::bindings::wit;
use crate::body::Body;
use crate::call::{self, Bounds};
use crate::convert::Cross;
use crate::egress::Response;
use crate::kept::Kept;
use crate::state::{Shared, State};

/// What a component is.
pub(crate) enum Guest {
    Provider(Box<Provider>),
    Accelerator(Arc<Kept>),
}

/// A provider component, linked.
pub(crate) struct Provider {
    pub(crate) world: ProviderWorldPre<State>,
    /// With its native path, where it has one.
    pub(crate) native: Option<ProviderNativeWorldPre<State>>,
}

/// What a plugin is to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It serves models.
    Provider,
    /// It computes for providers.
    Accelerator,
}

/// A loaded plugin. Dropped, it is gone once the calls that hold it are done.
pub struct Plugin {
    pub(crate) guest: Guest,
    pub(crate) dialects: Vec<String>,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) guests: Handle,
    pub(crate) shared: Arc<Shared>,
    pub(crate) bounds: Bounds,
}

/// A call's place among those that run.
struct Seat {
    /// Of the plugin's `concurrency`.
    permit: OwnedSemaphorePermit,
    /// Of the pool's instances.
    slot: OwnedSemaphorePermit,
}

/// An answer in the making. Dropping it cancels the call.
pub struct Events {
    steps: mpsc::Receiver<Step>,
    ended: bool,
    plugin: Arc<Plugin>,
    _task: AbortOnDropHandle<()>,
}

enum Step {
    Batch(Vec<Event>),
    Failed(Error),
    End,
}

/// The vendor's answer to a native call, as it comes.
pub struct Forwarded {
    /// HTTP status.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body. It holds the plugin's revision and the call's place, and keeps to the deadlines.
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

type Out<T> = wasmtime::Result<Result<T, wit::Error>>;

impl Plugin {
    /// The operator's name of it.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self.guest {
            Guest::Accelerator(_) => Kind::Accelerator,
            Guest::Provider(..) => Kind::Provider,
        }
    }

    /// Wire formats that it forwards untouched.
    pub fn dialects(&self) -> &[String] {
        &self.dialects
    }

    /// Models that it serves now.
    ///
    /// # Errors
    /// The plugin's or its vendor's.
    pub async fn models(self: &Arc<Self>) -> Result<Vec<ModelInfo>, Error> {
        let models = self
            .unary(|provider, store| Box::pin(async move { provider.call_models(store).await }));
        Ok(models.await?.cross())
    }

    /// Vectors for texts.
    ///
    /// # Errors
    /// The plugin's or its vendor's.
    pub async fn embed(self: &Arc<Self>, request: EmbedRequest) -> Result<Embeddings, Error> {
        let request: wit::EmbedRequest = request.cross();
        let vectors = self.unary(|provider, store| {
            Box::pin(async move { provider.call_embed(store, &request).await })
        });
        Ok(vectors.await?.cross())
    }

    /// Tokens of a request.
    ///
    /// # Errors
    /// The plugin's or its vendor's.
    pub async fn count_tokens(
        self: &Arc<Self>,
        request: GenerateRequest,
    ) -> Result<TokenCount, Error> {
        let request: wit::GenerateRequest = request.cross();
        let count = self.unary(|provider, store| {
            Box::pin(async move { provider.call_count_tokens(store, &request).await })
        });
        Ok(count.await?.cross())
    }

    /// Begins an answer. Returns once the plugin has accepted the request.
    ///
    /// # Errors
    /// The plugin's or its vendor's refusal.
    pub async fn generate(self: &Arc<Self>, request: GenerateRequest) -> Result<Events, Error> {
        let seat = self.seat().await?;
        let request: wit::GenerateRequest = request.cross();
        let (accept, accepted) = oneshot::channel();
        let (send, steps) = mpsc::channel(1);
        let plugin = self.clone();
        let task = self.guests.spawn(async move {
            let mut accept = Some(accept);
            let ended = plugin.answer(&request, &mut accept, &send).await;
            drop(seat);
            match (accept, ended) {
                (Some(accept), Err(error)) => drop(accept.send(Err(error))),
                (_, Err(error)) => drop(send.send(Step::Failed(error)).await),
                (_, Ok(())) => drop(send.send(Step::End).await),
            }
        });
        let task = AbortOnDropHandle::new(task);
        accepted.await.map_err(|_| self.lost())??;
        Ok(Events {
            steps,
            ended: false,
            plugin: self.clone(),
            _task: task,
        })
    }

    /// A generation from its instance's beginning to its end. `accept` is used up once the plugin has accepted.
    async fn answer(
        &self,
        request: &wit::GenerateRequest,
        accept: &mut Option<oneshot::Sender<Result<(), Error>>>,
        send: &mpsc::Sender<Step>,
    ) -> Result<(), Error> {
        let mut store = self.store()?;
        let outcome = timeout(
            self.bounds.deadline,
            self.steps(&mut store, request, accept, send),
        )
        .await;
        self.settle(&store, outcome)?
    }

    async fn steps(
        &self,
        store: &mut Store<State>,
        request: &wit::GenerateRequest,
        accept: &mut Option<oneshot::Sender<Result<(), Error>>>,
        send: &mpsc::Sender<Step>,
    ) -> Out<Result<(), Error>> {
        let idle = self.bounds.idle;
        let world = self
            .provider()?
            .world
            .instantiate_async(&mut *store)
            .await?;
        let provider = world.evenhand_plugin_provider();
        let generation = match provider.call_generate(&mut *store, request).await? {
            Ok(generation) => generation,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(accept) = accept.take() {
            let _ = accept.send(Ok(()));
        }
        let answer = provider.generation();
        loop {
            let Ok(batch) = timeout(idle, answer.call_next(&mut *store, generation)).await else {
                return Ok(Ok(Err(call::timed_out(self.name(), "idle", idle))));
            };
            match batch? {
                Err(error) => return Ok(Err(error)),
                Ok(None) => return Ok(Ok(Ok(()))),
                Ok(Some(events)) => {
                    if send.send(Step::Batch(events.cross())).await.is_err() {
                        return Ok(Ok(Ok(())));
                    }
                }
            }
        }
    }

    /// Hands a client's request on as it is, and the vendor's answer back.
    ///
    /// # Errors
    /// The plugin's, or of the way to the vendor; what the vendor answers is no error.
    pub async fn forward(
        self: &Arc<Self>,
        request: NativeRequest,
        body: Body,
    ) -> Result<Forwarded, Error> {
        let Seat { permit, slot } = self.seat().await?;
        let begun = Instant::now();
        let plugin = self.clone();
        let call = self.guests.spawn(async move {
            let _slot = slot;
            let mut store = plugin.store()?;
            let outcome = timeout(
                plugin.bounds.deadline,
                plugin.hand_on(&mut store, request, body),
            )
            .await;
            plugin.settle(&store, outcome)
        });
        let response = AbortOnDropHandle::new(call)
            .await
            .map_err(|_| self.lost())??;
        let Some(body) = response.body else {
            let error = format!(
                "the plugin {:?} read the answer that it was to hand on",
                self.name()
            );
            return Err(Error::new(ErrorCode::PluginFailed, error).of(self.name()));
        };
        Ok(Forwarded {
            status: response.status,
            headers: response.headers,
            body: self
                .clone()
                .timed(body, permit, begun + self.bounds.deadline),
        })
    }

    async fn hand_on(
        &self,
        store: &mut Store<State>,
        request: NativeRequest,
        body: Body,
    ) -> Out<Response> {
        let Some(pre) = &self.provider()?.native else {
            wasmtime::bail!("it has no native path");
        };
        let request = wit_native::NativeRequest {
            dialect: request.dialect,
            model: request.model,
            stream: request.stream,
            headers: request.headers,
            query: request.query,
        };
        let world = pre.instantiate_async(&mut *store).await?;
        let body = store.data_mut().table.push(body)?;
        match world
            .evenhand_plugin_native()
            .call_forward(&mut *store, &request, body)
            .await?
        {
            Ok(response) => Ok(Ok(store.data_mut().table.delete(response)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    /// A body that ends with an error when it takes too long.
    fn timed(
        self: Arc<Self>,
        body: Body,
        permit: OwnedSemaphorePermit,
        deadline: Instant,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        let rest = Some((body.into_stream(), self, permit));
        stream::unfold(rest, move |rest| async move {
            let (mut body, plugin, permit) = rest?;
            let Bounds {
                idle,
                deadline: whole,
                ..
            } = plugin.bounds;
            let until = deadline.min(Instant::now() + idle);
            match timeout_at(until, body.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some((body, plugin, permit)))),
                Ok(Some(Err(error))) => Some((Err(error.of(plugin.name())), None)),
                Err(_) if until == deadline => {
                    Some((Err(call::timed_out(plugin.name(), "deadline", whole)), None))
                }
                Err(_) => Some((Err(call::timed_out(plugin.name(), "idle", idle)), None)),
            }
        })
        .boxed()
    }

    /// A call with one answer, in an instance of its own.
    async fn unary<T, F>(self: &Arc<Self>, call: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a Exports, &'a mut Store<State>) -> BoxFuture<'a, Out<T>>
            + Send
            + 'static,
    {
        let seat = self.seat().await?;
        let plugin = self.clone();
        let task = self.guests.spawn(async move {
            let _seat = seat;
            let mut store = plugin.store()?;
            let run = async {
                let world = plugin
                    .provider()?
                    .world
                    .instantiate_async(&mut store)
                    .await?;
                call(world.evenhand_plugin_provider(), &mut store).await
            };
            let outcome = timeout(plugin.bounds.deadline, run).await;
            plugin.settle(&store, outcome)
        });
        AbortOnDropHandle::new(task)
            .await
            .map_err(|_| self.lost())?
    }

    fn provider(&self) -> wasmtime::Result<&Provider> {
        match &self.guest {
            Guest::Provider(provider) => Ok(provider),
            Guest::Accelerator(_) => wasmtime::bail!("an accelerator serves no calls of clients"),
        }
    }

    /// A fresh store for a call.
    fn store(&self) -> Result<Store<State>, Error> {
        let Guest::Provider(provider) = &self.guest else {
            let error = format!(
                "{:?} is an accelerator: it serves providers, not clients",
                self.name()
            );
            return Err(Error::new(ErrorCode::Unsupported, error).of(self.name()));
        };
        Ok(call::store(
            provider.world.engine(),
            &self.shared,
            &self.bounds,
        ))
    }

    /// Names what went wrong.
    fn settle<T>(
        &self,
        store: &Store<State>,
        outcome: Result<Out<T>, Elapsed>,
    ) -> Result<T, Error> {
        match outcome {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(error))) => Err(call::said(self.name(), error)),
            Ok(Err(trap)) => Err(call::failed(
                self.name(),
                &trap,
                store.data().memory.hit,
                &self.bounds,
            )),
            Err(_) => Err(call::timed_out(
                self.name(),
                "deadline",
                self.bounds.deadline,
            )),
        }
    }

    /// Waits for a place, not longer than `queue_wait`.
    async fn seat(&self) -> Result<Seat, Error> {
        let wait = async {
            let permit = self.permits.clone().acquire_owned().await.ok()?;
            let slot = self.slots.clone().acquire_owned().await.ok()?;
            Some(Seat { permit, slot })
        };
        match timeout(self.bounds.queue_wait, wait).await {
            Ok(Some(seat)) => Ok(seat),
            _ => Err(self.busy()),
        }
    }

    fn busy(&self) -> Error {
        let wait = self.bounds.queue_wait;
        let message = format!(
            "the plugin {:?} is busy: no place became free in {wait:?}; try again",
            self.name()
        );
        let mut error = Error::new(ErrorCode::Overloaded, message).of(self.name());
        error.retry_after_ms = Some(1000);
        error
    }

    /// The call's task is gone: a host function panicked, or the host shuts down.
    fn lost(&self) -> Error {
        Error::new(
            ErrorCode::Internal,
            "the call was lost in the host; its log says why",
        )
        .of(self.name())
    }
}

impl Events {
    /// The next events; `None` at the plugin's end of the answer. After an error comes nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<Event>, Error>> {
        if self.ended {
            return None;
        }
        let step = self.steps.recv().await;
        self.ended = !matches!(step, Some(Step::Batch(_)));
        match step {
            Some(Step::Batch(events)) => Some(Ok(events)),
            Some(Step::Failed(error)) => Some(Err(error)),
            Some(Step::End) => None,
            None => Some(Err(self.plugin.lost())),
        }
    }
}

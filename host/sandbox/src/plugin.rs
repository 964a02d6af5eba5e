//! A loaded plugin, and the calls that it takes. Each provider call: a seat, a fresh instance, an end.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use types::neutral::{EmbedRequest, Embeddings, GenerateRequest, ModelInfo, TokenCount};
use types::{Error, ErrorCode};
use wasmtime::Store;

use crate::bindings::native::ProviderNativeWorldPre;
use crate::bindings::provider::ProviderWorldPre;
use crate::bindings::provider::exports::evenhand::plugin::provider::Guest as Exports;
use crate::bindings::wit;
use crate::call::{self, Bounds, Out};
use crate::convert::Cross;
use crate::gate::{Gate, Pass};
use crate::kept::Kept;
use crate::slice::Guests;
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
    /// Places of the pool that an instance takes.
    pub(crate) weight: u32,
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
    pub(crate) gate: Gate,
    pub(crate) guests: Guests,
    pub(crate) shared: Arc<Shared>,
    pub(crate) bounds: Bounds,
}

/// A call's place among those that run.
pub(crate) struct Seat {
    /// Of the plugin's `concurrency`.
    pub(crate) permit: OwnedSemaphorePermit,
    /// Of the pool's instances.
    pub(crate) slot: OwnedSemaphorePermit,
}

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

    /// Whether calls are let through to it. Listing its models neither asks nor counts: a plugin that can do no more than that
    /// is not healthy.
    pub fn health(&self) -> &Gate {
        &self.gate
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
        let models = self.unary(None, |provider, store| {
            Box::pin(async move { provider.call_models(store).await })
        });
        Ok(models.await?.cross())
    }

    /// Vectors for texts.
    ///
    /// # Errors
    /// The plugin's or its vendor's.
    pub async fn embed(self: &Arc<Self>, request: EmbedRequest) -> Result<Embeddings, Error> {
        let request: wit::EmbedRequest = request.cross();
        let vectors = self.unary(Some(self.gate.admit()?), |provider, store| {
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
        let count = self.unary(Some(self.gate.admit()?), |provider, store| {
            Box::pin(async move { provider.call_count_tokens(store, &request).await })
        });
        Ok(count.await?.cross())
    }

    /// A call with one answer, in an instance of its own.
    async fn unary<T, F>(self: &Arc<Self>, pass: Option<Pass>, call: F) -> Result<T, Error>
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
            let provider = plugin.provider()?;
            let mut store = plugin.store(provider);
            let run = async {
                let world = provider.world.instantiate_async(&mut store).await?;
                call(world.evenhand_plugin_provider(), &mut store).await
            };
            let outcome = timeout(plugin.bounds.deadline, run).await;
            plugin.settle(&store, outcome)
        });
        let outcome = self.ended(task).await?;
        if let Some(pass) = pass {
            pass.ended(&outcome);
        }
        outcome
    }

    /// What a call's task gave.
    pub(crate) async fn ended<T>(&self, task: AbortOnDropHandle<Option<T>>) -> Result<T, Error> {
        task.await.ok().flatten().ok_or_else(|| self.lost())
    }

    /// The component, where it is a provider.
    pub(crate) fn provider(&self) -> Result<&Provider, Error> {
        match &self.guest {
            Guest::Provider(provider) => Ok(provider),
            Guest::Accelerator(_) => {
                let message = format!(
                    "{:?} is an accelerator: it serves providers, not clients",
                    self.name()
                );
                Err(Error::new(ErrorCode::Unsupported, message).of(self.name()))
            }
        }
    }

    /// A fresh store for a call.
    pub(crate) fn store(&self, provider: &Provider) -> Store<State> {
        call::store(provider.world.engine(), &self.shared, &self.bounds)
    }

    /// Names what went wrong.
    pub(crate) fn settle<T>(
        &self,
        store: &Store<State>,
        outcome: Result<Out<T>, Elapsed>,
    ) -> Result<T, Error> {
        match outcome {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(error))) => {
                let error = call::said(self.name(), error);
                Err(match &store.data().blame {
                    Some(other) if error.code == ErrorCode::PluginFailed => error.of(other),
                    _ => error,
                })
            }
            Ok(Err(trap)) => Err(call::failed(
                &self.shared,
                &trap,
                store.data().memory.hit,
                &self.bounds,
            )),
            Err(_) => Err(call::timed_out(
                &self.shared,
                "deadline",
                self.bounds.deadline,
            )),
        }
    }

    /// Waits for a place, not longer than `queue_wait`.
    pub(crate) async fn seat(&self) -> Result<Seat, Error> {
        let weight = self.provider()?.weight;
        let wait = async {
            let permit = self.permits.clone().acquire_owned().await.ok()?;
            let slot = self.slots.clone().acquire_many_owned(weight).await.ok()?;
            Some(Seat { permit, slot })
        };
        match timeout(self.bounds.queue_wait, wait).await {
            Ok(Some(seat)) => Ok(seat),
            _ => Err(call::busy(&self.shared, self.bounds.queue_wait)),
        }
    }

    /// The call's task is gone: a host function panicked, or the host shuts down.
    pub(crate) fn lost(&self) -> Error {
        Error::new(
            ErrorCode::Internal,
            "the call was lost in the host; its log says why",
        )
        .of(self.name())
    }
}

//! A loaded plugin, and the calls that it takes. Each provider call: a seat, a fresh instance, an end.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use types::neutral::{EmbedRequest, Embeddings, GenerateRequest, ModelInfo, TokenCount};
use types::{Error, ErrorCode};
use wasmtime::Store;

use crate::bindings::native::ProviderNativeWorldPre;
use crate::bindings::provider::{ProviderWorld, ProviderWorldPre};
use crate::bindings::wit;
use crate::call::{self, Bounds, Out};
use crate::convert::Cross;
use crate::drain::Overdue;
use crate::gate::{self, Gate, Pass};
use crate::health::Verdict;
use crate::kept::Kept;
use crate::pool::{Share, Slots};
use crate::slice::Guests;
use crate::state::{Shared, State};
use crate::tools::{Behind, ToolGuest};

/// Most models that a plugin may list, most bytes of them, and most of a name: several times what the largest vendors have.
const MODELS: usize = 10_000;
const MODELS_SIZE: usize = 8 << 20;
const MODEL_ID: usize = 512;

/// A request that is more than this part of a plugin's memory may be what fills it: it lies there as the host hands it over, as the
/// component's own types, and as the vendor's.
const LARGE: u64 = 8;

/// Epochs, of 10 ms each, that a component computes without asking for anything: one that does so waits for nobody.
const COMPUTES: u32 = 5;

/// What a component is.
pub(crate) enum Guest {
    Provider(Box<Provider>),
    Accelerator(Arc<Kept>),
    Tools(Box<ToolGuest>),
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
    /// It does something for models.
    Tools,
}

/// A loaded plugin. Dropped, it is gone once the calls that hold it are done.
pub struct Plugin {
    pub(crate) guest: Guest,
    pub(crate) dialects: Vec<String>,
    pub(crate) permits: Arc<Semaphore>,
    /// Ends the calls that run.
    pub(crate) ending: watch::Sender<()>,
    pub(crate) share: Share,
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
    pub(crate) slot: Slots,
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
            Guest::Tools(..) => Kind::Tools,
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
        self.provider()?;
        let models = self.unary(None, 0, None, |plugin, store| {
            Box::pin(async move {
                let world = plugin.provide(store).await?;
                world.evenhand_plugin_provider().call_models(store).await
            })
        });
        let models: Vec<ModelInfo> = models.await?.cross();
        let size = |model: &ModelInfo| {
            let texts = [&model.display_name, &model.owned_by, &model.raw];
            let texts = texts.into_iter().flatten().map(String::len);
            model.id.len() + texts.sum::<usize>()
        };
        let good = |model: &ModelInfo| !model.id.is_empty() && model.id.len() <= MODEL_ID;
        if models.len() > MODELS
            || models.iter().map(size).sum::<usize>() > MODELS_SIZE
            || !models.iter().all(good)
        {
            let message = format!(
                "the plugin {:?} lists more than {MODELS} models, more than {MODELS_SIZE} bytes of them, or one whose name is empty or longer than {MODEL_ID} bytes",
                self.name()
            );
            return Err(call::overran(
                &self.shared,
                Error::new(ErrorCode::PluginFailed, message),
            ));
        }
        Ok(models)
    }

    /// Vectors for texts.
    ///
    /// # Errors
    /// The plugin's or its vendor's.
    pub async fn embed(self: &Arc<Self>, request: EmbedRequest) -> Result<Embeddings, Error> {
        let asked = request.size();
        let request: wit::EmbedRequest = request.cross();
        self.provider()?;
        let pass = Some(self.gate.admit()?);
        let vectors = self.unary(pass, asked, None, |plugin, store| {
            Box::pin(async move {
                let world = plugin.provide(store).await?;
                let provider = world.evenhand_plugin_provider();
                provider.call_embed(store, &request).await
            })
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
        let asked = request.size();
        let request: wit::GenerateRequest = request.cross();
        self.provider()?;
        let pass = Some(self.gate.admit()?);
        let count = self.unary(pass, asked, None, |plugin, store| {
            Box::pin(async move {
                let world = plugin.provide(store).await?;
                let provider = world.evenhand_plugin_provider();
                provider.call_count_tokens(store, &request).await
            })
        });
        Ok(count.await?.cross())
    }

    /// A call with one answer, in an instance of its own. `behind`: who is behind it, where it may ask.
    pub(crate) async fn unary<T, F>(
        self: &Arc<Self>,
        pass: Option<Pass>,
        asked: usize,
        behind: Option<Behind>,
        call: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a Self, &'a mut Store<State>) -> BoxFuture<'a, Out<T>> + Send + 'static,
    {
        let seat = self.seat().await?;
        let plugin = self.clone();
        let task = self.guests.spawn(async move {
            let _seat = seat;
            let mut store = plugin.store(asked)?;
            store.data_mut().behind = behind;
            let until = Instant::now() + plugin.bounds.deadline;
            let outcome = plugin.within(until, call(&plugin, &mut store)).await;
            let outcome = plugin.settle(&store, outcome);
            if let Some(pass) = pass {
                pass.tell(plugin.verdict(&store, &outcome));
            }
            outcome
        });
        self.ended(task).await?
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
                Err(self.is("an accelerator: it serves providers, not clients"))
            }
            Guest::Tools(_) => Err(self.is("a tool component: it has no models")),
        }
    }

    /// It is not what is asked for.
    pub(crate) fn is(&self, what: &str) -> Error {
        let name = self.name();
        Error::new(ErrorCode::Unsupported, format!("{name:?} is {what}")).of(name)
    }

    /// An instance of a provider.
    async fn provide(&self, store: &mut Store<State>) -> wasmtime::Result<ProviderWorld> {
        match &self.guest {
            Guest::Provider(provider) => provider.world.instantiate_async(store).await,
            _ => Err(wasmtime::Error::msg("it is no provider")),
        }
    }

    /// A fresh store for a call. `asked`: bytes of its request.
    pub(crate) fn store(&self, asked: usize) -> Result<Store<State>, Error> {
        let engine = match &self.guest {
            Guest::Tools(tools) => tools.world.engine(),
            _ => self.provider()?.world.engine(),
        };
        let mut store = call::store(engine, &self.shared, &self.bounds);
        store.data_mut().asked = asked;
        Ok(store)
    }

    /// Names what went wrong.
    pub(crate) fn settle<T>(
        &self,
        store: &Store<State>,
        outcome: Result<Out<T>, Overdue>,
    ) -> Result<T, Error> {
        match outcome {
            Ok(Ok(Ok(value))) => {
                // It was refused memory, and made do without.
                if store.data().memory.hit {
                    self.shared.limited("memory");
                }
                Ok(value)
            }
            Ok(Ok(Err(error))) => {
                let error = call::said(&self.shared, error);
                Err(match &store.data().blame {
                    Some(other) if error.code == ErrorCode::PluginFailed => error.of(other),
                    _ => error,
                })
            }
            Ok(Err(_)) if store.data().memory.hit && self.is_large(store.data().asked) => Err(
                call::too_large(&self.shared, store.data().asked, &self.bounds),
            ),
            Ok(Err(trap)) => Err(call::failed(
                &self.shared,
                &trap,
                store.data().memory.hit,
                &self.bounds,
            )),
            Err(why) => Err(self.overdue(why)),
        }
    }

    /// A request and its translation may well be more than the plugin's memory.
    fn is_large(&self, asked: usize) -> bool {
        asked as u64 >= self.bounds.memory / LARGE
    }

    /// What a call's outcome says about the plugin. Who is slow is not known, but one that computed until its time was over.
    pub(crate) fn verdict<T>(&self, store: &Store<State>, outcome: &Result<T, Error>) -> Verdict {
        match outcome {
            Err(error)
                if error.code == ErrorCode::TimedOut && store.data().computed >= COMPUTES =>
            {
                Verdict::Failed(error.message.clone())
            }
            outcome => gate::verdict(self.name(), outcome),
        }
    }

    /// Waits for a place, not longer than `queue_wait`.
    pub(crate) async fn seat(&self) -> Result<Seat, Error> {
        let weight = match &self.guest {
            Guest::Tools(tools) => tools.weight,
            _ => self.provider()?.weight,
        } as usize;
        let wait = async {
            let permit = self.permits.clone().acquire_owned().await.ok()?;
            let slot = self.share.take(weight).await;
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

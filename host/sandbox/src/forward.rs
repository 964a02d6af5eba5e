//! The native path: a client's bytes to the vendor, and the vendor's back.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use types::neutral::NativeRequest;
use types::{Error, ErrorCode};
use wasmtime::Store;

use crate::bindings::native::exports::evenhand::plugin::native as wit_native;
use crate::body::Body;
use crate::call::{self, Out};
use crate::drain::Overdue;
use crate::egress::Response;
use crate::gate;
use crate::plugin::{Plugin, Provider, Seat};
use crate::state::State;

/// The vendor's answer to a native call, as it comes.
pub struct Forwarded {
    /// HTTP status.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body. It holds the plugin's revision and the call's place, and keeps to the deadlines.
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

/// A body on its way, with the place of its call. Gone at the deadline, whether or not somebody reads.
type Passing = Arc<
    Mutex<
        Option<(
            BoxStream<'static, Result<Bytes, Error>>,
            OwnedSemaphorePermit,
        )>,
    >,
>;

impl Plugin {
    /// Hands a client's request on as it is, and the vendor's answer back.
    ///
    /// # Errors
    /// The plugin's, or of the way to the vendor; what the vendor answers is no error.
    pub async fn forward(
        self: &Arc<Self>,
        request: NativeRequest,
        body: Body,
    ) -> Result<Forwarded, Error> {
        let pass = self.gate.admit()?;
        let Seat { permit, slot } = self.seat().await?;
        let begun = Instant::now();
        let plugin = self.clone();
        let call = self.guests.spawn(async move {
            let _slot = slot;
            let provider = plugin.provider()?;
            let mut store = plugin.store(0)?;
            let handed = hand_on(provider, &mut store, request, body);
            let until = begun + plugin.bounds.deadline;
            let outcome = plugin.within(until, handed).await;
            let outcome = plugin.settle(&store, outcome);
            let verdict = plugin.verdict(&store, &outcome);
            Ok((outcome, verdict))
        });
        let (outcome, verdict) = self.ended(call).await??;
        let answered = outcome.is_ok();
        let outcome = outcome.and_then(|response| {
            let (status, headers) = (response.status, response.headers);
            let body = response.body.ok_or_else(|| {
                let error = format!(
                    "the plugin {:?} read the answer that it was to hand on",
                    self.name()
                );
                Error::new(ErrorCode::PluginFailed, error).of(self.name())
            })?;
            Ok((status, headers, body))
        });
        // The plugin's part is done: what goes wrong from here is the vendor's.
        pass.tell(match answered {
            true => gate::verdict(self.name(), &outcome),
            false => verdict,
        });
        let (status, headers, body) = outcome?;
        Ok(Forwarded {
            status,
            headers,
            body: self
                .clone()
                .timed(body, permit, begun + self.bounds.deadline),
        })
    }

    /// A body that ends with an error when it takes too long. A client that doesn't read keeps its call's place till the deadline,
    /// no longer.
    fn timed(
        self: Arc<Self>,
        body: Body,
        permit: OwnedSemaphorePermit,
        deadline: Instant,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        let passing: Passing = Arc::new(Mutex::new(Some((body.into_stream(), permit))));
        let overdue = passing.clone();
        let ended = Arc::new(OnceLock::new());
        let why = ended.clone();
        let timed = self.clone();
        let watch = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(overdue) = timed.within(deadline, pending::<()>()).await {
                let _ = why.set(overdue);
            }
            drop(take(&overdue));
        }));
        stream::unfold(Some((passing, self, watch)), move |rest| {
            let ended = ended.clone();
            async move {
                let (passing, plugin, watch) = rest?;
                let idle = plugin.bounds.idle;
                let next = poll_fn(|cx| match &mut *lock(&passing) {
                    Some((body, _)) => body.poll_next_unpin(cx).map(Ok),
                    None => std::task::Poll::Ready(Err(())),
                });
                let until = deadline.min(Instant::now() + idle);
                match plugin.within(until, next).await {
                    Ok(Ok(None)) => None,
                    Ok(Ok(Some(Ok(bytes)))) => Some((Ok(bytes), Some((passing, plugin, watch)))),
                    Ok(Ok(Some(Err(error)))) => Some((Err(error.of(plugin.name())), None)),
                    Err(why @ Overdue::Drained) => Some((Err(plugin.overdue(why)), None)),
                    Err(Overdue::Deadline) if until < deadline => {
                        Some((Err(call::timed_out(&plugin.shared, "idle", idle)), None))
                    }
                    Ok(Err(())) | Err(_) => {
                        let why = ended.get().copied().unwrap_or(Overdue::Deadline);
                        Some((Err(plugin.overdue(why)), None))
                    }
                }
            }
        })
        .boxed()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take<T>(passing: &Mutex<Option<T>>) -> Option<T> {
    lock(passing).take()
}

async fn hand_on(
    provider: &Provider,
    store: &mut Store<State>,
    request: NativeRequest,
    body: Body,
) -> Out<Response> {
    let Some(pre) = &provider.native else {
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
    let native = world.evenhand_plugin_native();
    match native.call_forward(&mut *store, &request, body).await? {
        Ok(response) => Ok(Ok(store.data_mut().table.delete(response)?)),
        Err(error) => Ok(Err(error)),
    }
}

//! A provider's answer, from the instance's beginning to its end.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use types::Error;
use types::neutral::{Event, GenerateRequest};
use wasmtime::Store;

use crate::answer::Meter;
use crate::bindings::wit;
use crate::call::{self, Out};
use crate::convert::Cross;
use crate::gate::Pass;
use crate::health::Verdict;
use crate::plugin::{Plugin, Provider};
use crate::state::State;

/// An answer in the making. Dropping it cancels the call.
pub struct Events {
    steps: mpsc::Receiver<Step>,
    ended: bool,
    plugin: Arc<Plugin>,
    _task: AbortOnDropHandle<Option<()>>,
}

enum Step {
    /// The plugin has accepted the request.
    Accepted,
    Batch(Vec<Event>),
    Failed(Error),
    End,
}

impl Plugin {
    /// Begins an answer. Returns once the plugin has accepted the request.
    ///
    /// # Errors
    /// The plugin's or its vendor's refusal.
    pub async fn generate(self: &Arc<Self>, request: GenerateRequest) -> Result<Events, Error> {
        let pass = self.gate.admit()?;
        let seat = self.seat().await?;
        let asked = request.size();
        let request: wit::GenerateRequest = request.cross();
        let (send, mut steps) = mpsc::channel(1);
        let plugin = self.clone();
        let task = self.guests.spawn(async move {
            let (ended, verdict) = plugin.answer(&request, asked, &send, &pass).await;
            drop(seat);
            if !send.is_closed() {
                pass.tell(verdict);
            }
            let last = ended.map_or_else(Step::Failed, |()| Step::End);
            let _ = send.send(last).await;
        });
        match steps.recv().await {
            Some(Step::Accepted) => Ok(Events {
                steps,
                ended: false,
                plugin: self.clone(),
                _task: task,
            }),
            Some(Step::Failed(error)) => Err(error),
            _ => Err(self.lost()),
        }
    }

    async fn answer(
        &self,
        request: &wit::GenerateRequest,
        asked: usize,
        send: &mpsc::Sender<Step>,
        pass: &Pass,
    ) -> (Result<(), Error>, Verdict) {
        let provider = match self.provider() {
            Ok(provider) => provider,
            Err(error) => return (Err(error), Verdict::Unknown),
        };
        let mut store = match self.store(asked) {
            Ok(store) => store,
            Err(error) => return (Err(error), Verdict::Unknown),
        };
        let steps = self.steps(provider, &mut store, request, send, pass);
        let until = Instant::now() + self.bounds.deadline;
        let outcome = self.within(until, steps).await;
        let ended = self.settle(&store, outcome).and_then(|ended| ended);
        let verdict = self.verdict(&store, &ended);
        (ended, verdict)
    }

    /// The inner result has the host's own errors: limits that wasmtime doesn't know.
    async fn steps(
        &self,
        provider: &Provider,
        store: &mut Store<State>,
        request: &wit::GenerateRequest,
        send: &mpsc::Sender<Step>,
        pass: &Pass,
    ) -> Out<Result<(), Error>> {
        let idle = self.bounds.idle;
        let world = provider.world.instantiate_async(&mut *store).await?;
        let provider = world.evenhand_plugin_provider();
        let generation = match provider.call_generate(&mut *store, request).await? {
            Ok(generation) => generation,
            Err(error) => return Ok(Err(error)),
        };
        let answer = provider.generation();
        let mut meter = Meter::new(self.bounds.memory);
        let mut step = Step::Accepted;
        // Who reads no more has gone.
        while send.send(step).await.is_ok() {
            let until = Instant::now() + idle;
            // Empty batches say nothing, and an endless row of them must not look like progress.
            step = loop {
                let next = answer.call_next(&mut *store, generation);
                let Ok(batch) = timeout_at(until, next).await else {
                    return Ok(Ok(Err(call::timed_out(&self.shared, "idle", idle))));
                };
                match batch? {
                    Err(error) => return Ok(Err(error)),
                    Ok(None) => return Ok(Ok(Ok(()))),
                    Ok(Some(events)) if events.is_empty() => {}
                    Ok(Some(events)) => {
                        let events: Vec<Event> = events.cross();
                        if let Err(error) = meter.count(&events) {
                            return Ok(Ok(Err(call::overran(&self.shared, error))));
                        }
                        pass.began();
                        break Step::Batch(events);
                    }
                }
            };
        }
        Ok(Ok(Ok(())))
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
            Some(Step::Accepted) | None => Some(Err(self.plugin.lost())),
        }
    }
}

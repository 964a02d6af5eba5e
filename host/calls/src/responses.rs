//! Kept answers, as their clients ask for them again.

use std::time::Duration;

use async_stream::stream;
use bytes::Bytes;
use dialects::Wire;
use dialects::native::Tap;
use dialects::openai::responses::{self, Page, Stored, not_cancellable, not_found};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;
use store::{Kept, Store, Work};
use tokio::time::{interval, sleep};
use types::{Error, ErrorCode};

use crate::kept::{self, Lasting, read, write};
use crate::{Caller, Calls, Reply, Request, unknown};

/// How often somebody looks for what another host adds.
const LOOK: Duration = Duration::from_millis(500);

const SSE: &str = "text/event-stream; charset=utf-8";

impl Calls {
    /// A kept answer; `include`: what else it shall show.
    ///
    /// # Errors
    /// There is none of this id that is the caller's.
    pub async fn response(
        &self,
        caller: &Caller,
        id: &str,
        include: &[String],
    ) -> Result<Value, Error> {
        let stored = read(&self.kept(caller, id).await?)?;
        Ok(responses::shown(&stored, include))
    }

    /// The stream of an answer that is given in the background, behind the event of this number.
    ///
    /// # Errors
    /// There is none of this id that is the caller's, or it doesn't stream.
    pub async fn response_stream(
        &self,
        caller: &Caller,
        id: &str,
        after: Option<u64>,
    ) -> Result<Reply, Error> {
        let stored = read(&self.kept(caller, id).await?)?;
        if stored.response["background"] != true {
            let message = "only the stream of an answer in the background can be read again";
            return Err(Error::bad_request(message).at("stream"));
        }
        Ok(self.follow(caller, id, after))
    }

    /// The items of a kept answer's request.
    ///
    /// # Errors
    /// There is none of this id that is the caller's; the page's.
    pub async fn response_items(
        &self,
        caller: &Caller,
        id: &str,
        page: &Page,
    ) -> Result<Value, Error> {
        let stored = read(&self.kept(caller, id).await?)?;
        responses::input_items(&stored, page)
    }

    /// Forgets a kept answer, and ends it where it still runs.
    ///
    /// # Errors
    /// There is none of this id that is the caller's.
    pub async fn forget_response(&self, caller: &Caller, id: &str) -> Result<Value, Error> {
        let forgotten = self.stored(id)?.forget(caller.name(), id).await?;
        if !forgotten {
            return Err(not_found("Response", id));
        }
        self.runs.end(id);
        Ok(responses::deleted(id))
    }

    /// Ends an answer that is given in the background.
    ///
    /// # Errors
    /// There is none of this id that is the caller's, or it is not in the background.
    pub async fn cancel_response(&self, caller: &Caller, id: &str) -> Result<Value, Error> {
        let store = self.stored(id)?;
        let mut stored = read(&self.kept(caller, id).await?)?;
        if stored.response["background"] != true {
            return Err(not_cancellable());
        }
        if !stored.is_over() {
            stored = stored.cancelled();
            if store.go_on(id, &[], &write(&stored), true).await? {
                self.runs.end(id);
                self.runs.tell(id);
            } else {
                // It was over before.
                stored = read(&self.kept(caller, id).await?)?;
            }
        }
        Ok(responses::shown(&stored, &[]))
    }

    fn stored(&self, id: &str) -> Result<&Store, Error> {
        self.store.as_ref().ok_or_else(|| not_found("Response", id))
    }

    async fn kept(&self, caller: &Caller, id: &str) -> Result<Kept, Error> {
        let kept = self.stored(id)?.kept(caller.name(), id).await?;
        kept.ok_or_else(|| not_found("Response", id))
    }

    /// Begins an answer in the background, and tells what there is of it.
    pub(crate) async fn begin(
        &self,
        caller: &Caller,
        request: Request,
        model: &str,
        lasting: Lasting,
        streams: bool,
    ) -> Result<Reply, Error> {
        let store = self.stored("")?.clone();
        if self.targets(&self.catalog.now(), caller, model).is_empty() {
            return Err(unknown(model));
        }
        let lost = || Error::new(ErrorCode::Internal, "there is nothing to answer");
        let queued = kept::queued(&lasting.asked, model).ok_or_else(lost)?;
        let id = queued.id().to_owned();
        let items: Vec<&str> = queued.item_ids().collect();
        let value = write(&queued);
        store.keep(caller.name(), &id, &items, &value, true).await?;
        let entry = self.runs.begin(&id);
        let run = self
            .clone()
            .run_on(caller.clone(), request, lasting, queued.clone());
        let (calls, going) = (self.clone(), id.clone());
        let task = tokio::spawn(async move {
            let _entry = entry;
            let mut alive = interval(Store::ALIVE);
            let alive = async {
                loop {
                    alive.tick().await;
                    if matches!(store.still_going(&going).await, Ok(false)) {
                        return;
                    }
                }
            };
            tokio::select! {
                () = run => {}
                // Another host's client cancelled it, or it was forgotten.
                () = alive => {}
            }
            calls.runs.tell(&going);
        });
        self.runs.is(&id, task.abort_handle());
        match streams {
            true => Ok(self.follow(caller, &id, None)),
            false => Ok(Reply::json(&responses::shown(&queued, &[]))),
        }
    }

    /// Gives an answer to nobody but the store.
    async fn run_on(self, caller: Caller, request: Request, lasting: Lasting, queued: Stored) {
        let keeper = lasting.keeper.clone();
        let failed = match self.run_lasting(&caller, &request, Some(lasting)).await {
            Ok(mut reply) => loop {
                match reply.body.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break Some(error),
                    None => break None,
                }
            },
            Err(error) => Some(error),
        };
        if let (Some(error), Some(keeper)) = (failed, keeper) {
            let stored = queued.failed(&error.message);
            if let Err(error) = keeper.keep(&stored).await {
                tracing::error!(error = error.message, "an answer in the background is lost");
            }
        }
    }

    /// The events of an answer, those that are kept and those that come.
    fn follow(&self, caller: &Caller, id: &str, after: Option<u64>) -> Reply {
        let (calls, caller, id) = (self.clone(), caller.clone(), id.to_owned());
        Reply {
            status: 200,
            headers: vec![("content-type".into(), SSE.into())],
            body: calls.events(caller, id, after),
        }
    }

    fn events(
        self,
        caller: Caller,
        id: String,
        mut after: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        stream! {
            let mut news = self.runs.news(&id);
            loop {
                // Its state first: what is over has all its events.
                let kept = match self.kept(&caller, &id).await {
                    Ok(kept) => kept,
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                };
                let frames = match self.stored(&id) {
                    Ok(store) => store.frames(&id, after).await,
                    Err(error) => Err(error),
                };
                let frames = match frames {
                    Ok(frames) => frames,
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                };
                after = frames.last().map(|(number, _)| *number).or(after);
                let text: String = frames.into_iter().map(|(_, text)| text).collect();
                if !text.is_empty() {
                    yield Ok(text.into());
                }
                match kept.state {
                    Work::Going => {}
                    Work::Over => return,
                    Work::Lost => {
                        let error = Error::new(ErrorCode::Internal, "the host that gave this answer is gone: ask again");
                        yield Ok(Tap::new(Wire::OpenAiResponses, true, false).fail(&error).into());
                        return;
                    }
                }
                match &mut news {
                    Some(news) => tokio::select! {
                        changed = news.changed() => if changed.is_err() { sleep(LOOK).await },
                        () = sleep(Store::ALIVE) => {}
                    },
                    None => sleep(LOOK).await,
                }
            }
        }
        .boxed()
    }
}

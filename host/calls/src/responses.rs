//! Kept answers, as their clients ask for them again.

use std::time::Duration;

use async_stream::stream;
use bytes::Bytes;
use dialects::native::Scan;
use dialects::responses::{self, Page, not_cancellable, not_found};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;
use store::{Kept, Progress, Store, Work};
use tokio::time::{interval, sleep};
use types::{Error, ErrorCode};

use crate::kept::{Lasting, Writer, read, write};
use crate::{Caller, Calls, Reply, Request};

/// Most answers that this host gives in the background at a time: each holds its request.
const RUNS: usize = 256;

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
        let forgotten = self.store_for(id)?.forget(caller.name(), id).await?;
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
        let store = self.store_for(id)?;
        let mut stored = read(&self.kept(caller, id).await?)?;
        if stored.response["background"] != true {
            return Err(not_cancellable());
        }
        if !stored.is_over() {
            stored = stored.cancelled();
            let value = write(&stored);
            let last = Progress {
                value: Some(&value),
                over: true,
                ..Progress::default()
            };
            if store.progress(id, last).await? {
                self.runs.end(id);
                self.runs.tell(id);
            } else {
                // It was over before.
                stored = read(&self.kept(caller, id).await?)?;
            }
        }
        Ok(responses::shown(&stored, &[]))
    }

    /// Waits for the answers that are given in the background.
    pub async fn ended(&self) {
        self.runs.ended().await;
    }

    fn store_for(&self, id: &str) -> Result<&Store, Error> {
        self.store.as_ref().ok_or_else(|| {
            let mut error = not_found("Response", id);
            error.message += " No [store] is configured here.";
            error
        })
    }

    async fn kept(&self, caller: &Caller, id: &str) -> Result<Kept, Error> {
        let kept = self.store_for(id)?.kept(caller.name(), id).await?;
        kept.ok_or_else(|| not_found("Response", id))
    }

    /// Begins an answer in the background, and tells what there is of it.
    pub(crate) async fn begin(
        &self,
        caller: &Caller,
        request: Request,
        scan: Scan,
        lasting: Lasting,
    ) -> Result<Reply, Error> {
        let lost = || Error::new(ErrorCode::Internal, "there is nothing to answer");
        let queued = lasting.response().map(|of| of.queued(&scan.model));
        let (queued, keeper) = queued.zip(lasting.keeper.clone()).ok_or_else(lost)?;
        let (store, id) = (keeper.store, queued.id().to_owned());
        let entry = self.runs.begin(&id, RUNS).ok_or_else(|| {
            let message = format!("{RUNS} answers are given in the background already; try again");
            Error {
                retry_after_ms: Some(1000),
                ..Error::new(ErrorCode::Overloaded, message)
            }
        })?;
        let items: Vec<&str> = queued.item_ids().collect();
        let value = write(&queued);
        store.keep(caller.name(), &id, &items, &value, true).await?;
        let streams = scan.stream;
        let run = self.clone().run_on(caller.clone(), request, scan, lasting);
        let (calls, going) = (self.clone(), id.clone());
        let task = tokio::spawn(async move {
            let _entry = entry;
            let mut alive = interval(Store::ALIVE);
            let alive = async {
                loop {
                    alive.tick().await;
                    if matches!(store.progress(&going, Progress::default()).await, Ok(false)) {
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
        self.runs.set_task(&id, task.abort_handle());
        match streams {
            true => Ok(self.follow(caller, &id, None)),
            false => Ok(Reply::json(&responses::shown(&queued, &[]))),
        }
    }

    /// Gives an answer to nobody but the store.
    async fn run_on(self, caller: Caller, request: Request, scan: Scan, lasting: Lasting) {
        let keeper = lasting.keeper.clone();
        let writer = lasting
            .response()
            .zip(keeper)
            .map(|(of, keeper)| Writer::new(of, &scan.model, keeper));
        let failed = match self
            .run_lasting(&caller, &request, scan, Some(lasting))
            .await
        {
            // What goes wrong from here on is in its events.
            Ok(mut reply) => {
                while let Some(Ok(_)) = reply.body.next().await {}
                return;
            }
            Err(error) => error,
        };
        if let Some(mut writer) = writer
            && let Err(error) = writer.end(Err(failed)).await
        {
            tracing::warn!(error = ?error.message, "an answer in the background is lost");
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

    /// Events behind a number, and whether there will be more.
    async fn more(
        &self,
        caller: &Caller,
        id: &str,
        after: Option<u64>,
    ) -> Result<(Work, Vec<(u64, String)>), Error> {
        let store = self.store_for(id)?;
        // Its state first: what is over has all its events.
        let work = store.work(caller.name(), id).await?;
        let work = work.ok_or_else(|| not_found("Response", id))?;
        Ok((work, store.frames(id, after).await?))
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
                let (work, frames) = match self.more(&caller, &id, after).await {
                    Ok(more) => more,
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
                match work {
                    Work::Going => {}
                    Work::Over => return,
                    Work::Lost => {
                        let error = Error::new(ErrorCode::Internal, "the host that gave this answer is gone: ask again");
                        let number = after.map_or(0, |last| last + 1);
                        yield Ok(responses::failure(&error, number).into());
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

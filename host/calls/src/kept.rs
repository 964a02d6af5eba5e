//! Answers that are kept: what a request refers to, and what later ones may.

use std::collections::HashSet;
use std::time::Duration;

use dialects::responses::{self, Frame, Past, Settings, Stored, Stream, previous_not_found};
use dialects::{Asked, Encoder, Response};
use serde_json::Value;
use store::{Kept, Progress, Store, Work};
use types::neutral::Event;
use types::{Error, ErrorCode};

use crate::runs::Runs;
use crate::{Caller, Calls, Request};

/// Most answers that one goes on from: more would be more than any model reads.
const CHAIN: usize = 1000;

/// Most bytes of the answers that a request refers to, as many times as its own largest body.
const PAST: u64 = 4;

/// Answers that are gone on from are kept as if they were new, if they are older than this.
const NEW: Duration = Duration::from_secs(24 * 60 * 60);

/// A request that refers to kept answers, or whose answer is to be kept.
pub(crate) struct Lasting {
    pub(crate) asked: Asked,
    pub(crate) keeper: Option<Keeper>,
}

/// Keeps the answer to a request.
#[derive(Clone)]
pub(crate) struct Keeper {
    pub(crate) store: Store,
    pub(crate) owner: String,
    /// It is given in the background, for others to read.
    pub(crate) runs: Option<Runs>,
}

impl Lasting {
    pub(crate) fn in_background(&self) -> bool {
        let keeper = self.keeper.as_ref();
        keeper.is_some_and(|keeper| keeper.runs.is_some())
    }

    /// What is kept of its request.
    pub(crate) fn response(&self) -> Option<&Response> {
        match &self.asked {
            Asked::Generate { form, .. } => form.response(),
            _ => None,
        }
    }
}

impl Calls {
    /// What is to be kept of a call, or what it refers to; `None` where the call leaves nothing behind.
    ///
    /// # Errors
    /// It refers to what isn't there, or can't be read.
    pub(crate) async fn lasting(
        &self,
        caller: &Caller,
        request: &Request,
    ) -> Result<Option<Lasting>, Error> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let owner = caller.name();
        if !request.wire.refers() {
            return Ok(None);
        }
        let references = responses::references(&request.body)?;
        let refers = references.previous_response_id.is_some() || !references.items.is_empty();
        let past = match refers {
            true => {
                let most = self.catalog.now().config.server.max_body.as_u64();
                past(store, owner, references, most.saturating_mul(PAST)).await?
            }
            false => Past::default(),
        };
        if request.wire.counts() {
            let asked = Asked::Count(responses::parse_count(&request.body, &past)?);
            let keeper = None;
            return Ok(refers.then_some(Lasting { asked, keeper }));
        }
        let mut turn = responses::parse(&request.body, &past)?;
        let Settings {
            store: stores,
            background,
            ..
        } = turn.settings;
        if !stores && !refers {
            return Ok(None);
        }
        if turn.settings.conversation.is_some() {
            let message = "conversations are not kept here: use `previous_response_id`";
            return Err(Error::bad_request(message).at("conversation"));
        }
        // Its events are what others read.
        turn.request.stream |= background;
        let keeper = stores.then(|| Keeper {
            store: store.clone(),
            owner: owner.into(),
            runs: background.then(|| self.runs.clone()),
        });
        let asked = turn.into();
        Ok(Some(Lasting { asked, keeper }))
    }
}

async fn past(
    store: &Store,
    owner: &str,
    references: responses::References,
    most: u64,
) -> Result<Past, Error> {
    let mut past = Past::default();
    let mut left = most;
    let mut load = |kept: &Kept| {
        left = left.checked_sub(kept.value.len() as u64).ok_or_else(|| {
            let message = format!("the answers that it refers to have more than {most} bytes");
            Error::new(ErrorCode::TooLarge, message)
        })?;
        read(kept)
    };
    let wanted = references.previous_response_id.clone();
    let mut next = references.previous_response_id;
    while let Some(id) = next {
        let found = store.kept(owner, &id).await?;
        // The client knows no other id than the one that it sent.
        let lost = || previous_not_found(wanted.as_deref().unwrap_or(&id));
        let kept = found.ok_or_else(lost)?;
        let found = load(&kept)?;
        if kept.age > NEW {
            store.used(&id).await?;
        }
        next = found.response["previous_response_id"]
            .as_str()
            .map(str::to_owned);
        past.chain.push(found);
        if past.chain.len() > CHAIN {
            let message = format!("more than {CHAIN} answers come before this one");
            return Err(Error::bad_request(message).at("previous_response_id"));
        }
    }
    past.chain.reverse();
    let mut known: HashSet<String> = past.chain.iter().flat_map(ids).collect();
    for item in references.items {
        if !known.contains(&item)
            && let Some(kept) = store.with_item(owner, &item).await?
        {
            let found = load(&kept)?;
            known.extend(ids(&found));
            past.others.push(found);
        }
        known.insert(item);
    }
    Ok(past)
}

fn ids(stored: &Stored) -> impl Iterator<Item = String> {
    stored.item_ids().map(str::to_owned)
}

/// What is kept, as it is now: what a lost host worked on has failed.
pub(crate) fn read(kept: &Kept) -> Result<Stored, Error> {
    let stored: Stored = serde_json::from_str(&kept.value).map_err(|error| {
        tracing::error!(%error, "an answer of the store can't be read");
        Error::new(ErrorCode::Internal, "the kept answer can't be read")
    })?;
    Ok(match kept.state {
        Work::Lost => stored.failed("the host that gave this answer is gone: ask again"),
        Work::Over | Work::Going => stored,
    })
}

impl Keeper {
    /// Keeps an answer that is over, with the last events of its stream. Where it runs in the background, it may be unwanted by now: then
    /// nothing is kept, and nobody misses it.
    pub(crate) async fn keep(&self, stored: &Stored, frames: &[Frame]) -> Result<(), Error> {
        let (id, value) = (stored.id(), write(stored));
        let items: Vec<&str> = stored.item_ids().collect();
        if self.runs.is_none() {
            let kept = self.store.keep(&self.owner, id, &items, &value, false);
            return kept.await;
        }
        let last = Progress {
            frames: &numbered(frames),
            items: &items,
            value: Some(&value),
            over: true,
        };
        self.add(id, last).await
    }

    /// Keeps more of an answer in the background.
    async fn add(&self, id: &str, more: Progress<'_>) -> Result<(), Error> {
        let Some(runs) = &self.runs else {
            return Ok(());
        };
        let wanted = self.store.progress(id, more).await?;
        runs.tell(id);
        match wanted {
            true => Ok(()),
            false => Err(Error::new(
                ErrorCode::Cancelled,
                "the answer is not wanted any more",
            )),
        }
    }
}

/// The events among frames, as they are kept.
fn numbered(frames: &[Frame]) -> Vec<(u64, String)> {
    let numbered = frames.iter().filter_map(|frame| {
        let mut text = String::new();
        frame.write(&mut text);
        Some((frame.number?, text))
    });
    numbered.collect()
}

pub(crate) fn write(stored: &Stored) -> String {
    serde_json::to_string(stored).unwrap_or_default()
}

/// Writes an answer that streams, and keeps it: what is told as complete is kept before.
pub(crate) struct Writer {
    stream: Stream,
    input: Vec<Value>,
    id: String,
    keeper: Keeper,
    /// Of an answer in the background: nobody was told yet that it has begun.
    waits: bool,
}

impl Writer {
    pub(crate) fn new(of: &Response, model: &str, keeper: Keeper) -> Self {
        Self {
            stream: Stream::new(&of.settings, model),
            input: of.input.clone(),
            id: of.settings.id.clone(),
            waits: keeper.runs.is_some(),
            keeper,
        }
    }

    /// More of the answer.
    pub(crate) async fn push(&mut self, events: Vec<Event>) -> Result<String, Error> {
        let mut frames = Vec::new();
        let begins = self.begin(&mut frames);
        for event in events {
            self.stream.push(event, &mut frames);
        }
        let value = begins.then(|| write(&self.stream.stored(&self.input)));
        let more = Progress {
            frames: &numbered(&frames),
            value: value.as_deref(),
            ..Progress::default()
        };
        self.keeper.add(&self.id, more).await?;
        Ok(text(&frames))
    }

    /// The end of the answer, one way or another.
    pub(crate) async fn end(&mut self, ended: Result<(), Error>) -> Result<String, Error> {
        let mut frames = Vec::new();
        self.begin(&mut frames);
        match ended {
            Ok(()) => self.stream.finish(&mut frames),
            Err(error) => self.stream.fail(&error, &mut frames),
        }
        let stored = self.stream.stored(&self.input);
        self.keeper.keep(&stored, &frames).await?;
        Ok(text(&frames))
    }

    /// The first events of an answer in the background: it waited.
    fn begin(&mut self, frames: &mut Vec<Frame>) -> bool {
        let begins = std::mem::take(&mut self.waits);
        if begins {
            self.stream.queue(frames);
        }
        begins
    }
}

fn text(frames: &[Frame]) -> String {
    let mut text = String::new();
    frames.iter().for_each(|frame| frame.write(&mut text));
    text
}

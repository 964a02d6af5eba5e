//! A session's log in the store.

use std::time::{SystemTime, UNIX_EPOCH};

use store::{Append, Appended, Lease, Store, Writer};
use types::session::{Logged, Session, SessionEvent};
use types::{Error, ErrorCode};

use crate::hub::{Hub, News};

/// Events that are read at a time.
const PAGE: u64 = 1000;

/// A session with its log, as far as it was read.
pub(crate) struct Log {
    pub(crate) session: Session,
    pub(crate) events: Vec<Logged>,
    /// Bytes of the events.
    pub(crate) size: usize,
}

/// Most bytes of a session. One that has more takes no messages, and ends where it runs.
pub(crate) const LARGEST: usize = 32 << 20;

/// Who adds to a log.
#[derive(Clone, Copy)]
pub(crate) enum By<'a> {
    /// A client, who decided by the log as it was read.
    Client,
    /// The host that works on the session.
    Runner(&'a Lease),
    /// The same, where it decided by the log as it was read.
    RunnerAt(&'a Lease),
}

impl Log {
    /// Reads a session; `None` where there is none.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn read(store: &Store, id: &str) -> Result<Option<Self>, Error> {
        let (events, size) = read_sized(store, id, None).await?;
        Ok(Session::of(id, &events).map(|session| Self {
            session,
            events,
            size,
        }))
    }

    /// Reads what was added.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn refresh(&mut self, store: &Store) -> Result<(), Error> {
        let last = self.events.last().map(|logged| logged.number);
        let (more, size) = read_sized(store, &self.session.id, last).await?;
        self.size += size;
        for logged in more {
            self.session.apply(&logged);
            self.events.push(logged);
        }
        Ok(())
    }

    /// Adds events, and tells those who listen. `false`: others were faster, or the lease is lost; nothing was added.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn append(
        &mut self,
        store: &Store,
        hub: &Hub,
        by: By<'_>,
        events: Vec<SessionEvent>,
        wants: bool,
    ) -> Result<Added, Error> {
        let mut after = self.session.clone();
        let next = self.events.last().map_or(0, |logged| logged.number + 1);
        let at = now();
        let mut texts = Vec::with_capacity(events.len());
        for (number, event) in (next..).zip(&events) {
            texts.push(write(event)?);
            after.apply(&Logged {
                number,
                at,
                event: event.clone(),
            });
        }
        let (writer, expect_next) = match by {
            By::Client => (Writer::Client, Some(next)),
            By::Runner(lease) => (Writer::Runner(lease), None),
            By::RunnerAt(lease) => (Writer::Runner(lease), Some(next)),
        };
        let append = Append {
            by: writer,
            events: &texts,
            status: after.status.code(),
            wants,
            expect_next,
        };
        let first = match store.session_append(&self.session.id, append).await? {
            Appended::At(first) => first,
            Appended::Changed => return Ok(Added::Changed),
            Appended::LeaseLost => return Ok(Added::Lost),
        };
        if first != next {
            // A client was in between.
            self.refresh(store).await?;
            let mine = first..first + events.len() as u64;
            for logged in self.events.iter().filter(|it| mine.contains(&it.number)) {
                hub.tell(&self.session.id, News::Logged(logged.clone()));
            }
            return Ok(Added::Done);
        }
        for (number, event) in (first..).zip(events) {
            let logged = Logged { number, at, event };
            self.session.apply(&logged);
            hub.tell(&self.session.id, News::Logged(logged.clone()));
            self.events.push(logged);
        }
        self.size += texts.iter().map(String::len).sum::<usize>();
        Ok(Added::Done)
    }
}

/// What came of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the store.
    Done,
    /// Others added something before.
    Changed,
    /// Another host works on the session.
    Lost,
}

/// Events behind a number, all of them.
pub(crate) async fn read(
    store: &Store,
    id: &str,
    after: Option<u64>,
) -> Result<Vec<Logged>, Error> {
    Ok(read_sized(store, id, after).await?.0)
}

async fn read_sized(
    store: &Store,
    id: &str,
    mut after: Option<u64>,
) -> Result<(Vec<Logged>, usize), Error> {
    let (mut all, mut size) = (Vec::new(), 0);
    loop {
        let page = store.session_events(id, after, PAGE).await?;
        let full = page.len() as u64 == PAGE;
        for (number, at, text) in page {
            size += text.len();
            let event = serde_json::from_str(&text).map_err(|error| {
                let message =
                    format!("event {number} of the session {id:?} can't be read: {error}");
                Error::new(ErrorCode::Internal, message)
            })?;
            after = Some(number);
            all.push(Logged { number, at, event });
        }
        if !full {
            return Ok((all, size));
        }
    }
}

pub(crate) fn write(event: &SessionEvent) -> Result<String, Error> {
    serde_json::to_string(event).map_err(|error| {
        Error::new(
            ErrorCode::Internal,
            format!("an event can't be written: {error}"),
        )
    })
}

/// Milliseconds since 1970, by this machine's clock.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

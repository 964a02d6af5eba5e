//! Hosted agents: sessions that survive. A session is an append-only log of events in the store; what it needs next follows from the
//! log alone, so that any host can go on with it, one at a time, under a lease.

#![deny(missing_docs)]

mod act;
mod follow;
mod grants;
mod hub;
mod input;
mod link;
mod log;
mod made;
mod model;
mod next;
mod prompt;
mod run;
mod speaking;
mod telling;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use calls::{Caller, Calls};
use catalog::Catalog;
use store::{Lease, Store};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tools::Tools;
use types::neutral::Part;
use types::session::{Agent, Logged, Session, SessionEvent};
use types::{Error, ErrorCode};
use uuid::Uuid;

pub use crate::grants::is_configured;
use crate::hub::Hub;
pub use crate::hub::News;
use crate::input::{said, session_id};
use crate::log::Log;
pub use crate::log::now;

/// Sessions that a host goes on with at a time.
const RUNS: usize = 200;

/// Runs hosted agents.
#[derive(Clone)]
pub struct Agents {
    calls: Calls,
    tools: Tools,
    catalog: Arc<Catalog>,
    store: Store,
    hub: Hub,
    /// This process, for leases.
    host: Arc<str>,
    lease: Duration,
    wake: Arc<Notify>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    stopping: Arc<AtomicBool>,
}

/// A session that is to begin.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its agent, as it is for this session.
    pub agent: Agent,
    /// Messages, each of parts; none: it waits for one.
    pub input: Vec<Vec<Part>>,
    /// The client's own.
    pub metadata: BTreeMap<String, String>,
}

/// A session and all that happened in it.
#[derive(Debug, Clone)]
pub struct Whole {
    /// The session.
    pub session: Session,
    /// Its log.
    pub log: Vec<Logged>,
}

/// Which of a list are wanted.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Those after this one.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u64,
    /// The oldest first.
    pub ascending: bool,
}

/// Sessions that are looked at, at a time.
const LISTED: u64 = 100;

/// An id for an agent that is of one session only.
pub fn new_agent_id() -> String {
    id("agent_")
}

/// A new id with this prefix.
pub(crate) fn id(prefix: &str) -> String {
    format!("{prefix}{}", Uuid::now_v7().simple())
}

impl Agents {
    /// `lease`: how long a host that is gone keeps its sessions from others.
    pub fn new(
        calls: Calls,
        tools: Tools,
        catalog: Arc<Catalog>,
        store: Store,
        lease: Duration,
    ) -> Self {
        Self {
            calls,
            tools,
            catalog,
            store,
            hub: Hub::default(),
            host: id("host_").into(),
            lease,
            wake: Arc::default(),
            places: Arc::new(Semaphore::new(RUNS)),
            tasks: TaskTracker::new(),
            stopping: Arc::default(),
        }
    }

    /// Goes on with sessions in which work is to be done, those of hosts that are gone too, until [`Agents::stop`].
    pub async fn run(&self) {
        while !self.is_stopping() {
            let mut places: Vec<_> = std::iter::from_fn(|| self.place()).collect();
            let free = places.len() as u64;
            match self.store.session_take(&self.host, self.lease, free).await {
                Ok(taken) => {
                    for (lease, place) in taken.into_iter().zip(places.drain(..)) {
                        self.begin_run(lease, place);
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = error.message,
                        "sessions wait: the store has none to give"
                    );
                }
            }
            drop(places);
            // Others' sessions come free without anybody telling.
            let _ = timeout(self.lease / 4, self.wake.notified()).await;
        }
    }

    /// A place to go on with a session, if there is one.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    fn begin_run(&self, lease: Lease, place: OwnedSemaphorePermit) {
        let agents = self.clone();
        self.tasks.spawn(async move {
            agents.go_on(&lease).await;
            drop(place);
            agents.wake.notify_one();
        });
    }

    /// No more is begun; what runs comes to the end of its step.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.wake.notify_one();
        self.tasks.close();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Waits until nothing runs, after [`Agents::stop`].
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Begins a session. `key`: the client's for it; a second one with the same key is the same session.
    ///
    /// # Errors
    /// The agent asks for what the caller may not use; the store's.
    pub async fn begin(
        &self,
        caller: &Caller,
        new: NewSession,
        key: Option<&str>,
    ) -> Result<Session, Error> {
        let session = key.map_or_else(|| id("sess_"), |key| session_id(caller.name(), key));
        if key.is_some() && self.store.session(caller.name(), &session).await?.is_some() {
            return Ok(self.session(caller, &session).await?.session);
        }
        if !is_configured(&new.agent) {
            self.check(caller, &new.agent).await?;
        }
        let events = said(new.input, None)?.into_iter().collect();
        let begun = self
            .begin_with(caller, session.clone(), new.agent, new.metadata, events)
            .await;
        match (begun, key) {
            // Another request of the same key was faster.
            (Err(error), Some(_)) => match self.session(caller, &session).await {
                Ok(whole) => Ok(whole.session),
                Err(_) => Err(error),
            },
            (begun, _) => begun,
        }
    }

    /// Begins a session with these events.
    async fn begin_with(
        &self,
        caller: &Caller,
        session: String,
        agent: Agent,
        metadata: BTreeMap<String, String>,
        events: Vec<SessionEvent>,
    ) -> Result<Session, Error> {
        let created = SessionEvent::Created {
            agent: Box::new(agent.clone()),
            metadata: metadata.clone(),
        };
        let at = log::now();
        let logged: Vec<Logged> = (0..)
            .zip(std::iter::once(created).chain(events))
            .map(|(number, event)| Logged { number, at, event })
            .collect();
        let texts: Vec<String> = logged
            .iter()
            .map(|logged| log::write(&logged.event))
            .collect::<Result<_, _>>()?;
        let begun = Session::of(&session, &logged).ok_or_else(lost)?;
        let metadata = serde_json::to_string(&metadata).unwrap_or_default();
        let wants = begun.turn().is_some();
        self.store
            .session_begin(
                caller.name(),
                &session,
                &agent.id,
                &metadata,
                &texts,
                begun.status.code(),
                wants,
            )
            .await?;
        self.work(&session, wants).await;
        Ok(begun)
    }

    /// There is work: this host takes it, if it has a place.
    async fn work(&self, session: &str, wants: bool) {
        if !wants || self.is_stopping() {
            return;
        }
        // Without one it waits, for whichever host has a place first.
        let Some(place) = self.place() else {
            self.wake.notify_one();
            return;
        };
        match self
            .store
            .session_take_one(session, &self.host, self.lease)
            .await
        {
            Ok(Some(lease)) => self.begin_run(lease, place),
            Ok(None) => self.wake.notify_one(),
            Err(error) => tracing::warn!(session, error = error.message, "it waits for its turn"),
        }
    }

    /// A session of the caller's, and all that happened in it.
    ///
    /// # Errors
    /// `NotFound`; the store's.
    pub async fn session(&self, caller: &Caller, id: &str) -> Result<Whole, Error> {
        let log = self.log(caller, id).await?;
        Ok(Whole {
            session: log.session,
            log: log.events,
        })
    }

    async fn log(&self, caller: &Caller, id: &str) -> Result<Log, Error> {
        let row = self.store.session(caller.name(), id).await?;
        let row = row.ok_or_else(|| not_found("session", id))?;
        let log = Log::read(&self.store, id).await?;
        let mut log = log.ok_or_else(|| not_found("session", id))?;
        // What a client changed since stands beside the log.
        log.session.metadata = serde_json::from_str(&row.metadata).unwrap_or_default();
        Ok(log)
    }

    /// Sessions of the caller's, and whether there are more. `agent`: only of this one; `metadata`: only those that have it.
    ///
    /// # Errors
    /// The store's.
    pub async fn sessions(
        &self,
        caller: &Caller,
        agent: Option<&str>,
        metadata: &BTreeMap<String, String>,
        page: &Page,
    ) -> Result<(Vec<Session>, bool), Error> {
        let mut after = page.after.clone();
        let mut all = Vec::new();
        loop {
            let owner = caller.name();
            let rows = self
                .store
                .session_list(owner, agent, after.as_deref(), LISTED, page.ascending)
                .await?;
            let full = rows.len() as u64 == LISTED;
            for row in rows {
                let labels: BTreeMap<String, String> =
                    serde_json::from_str(&row.metadata).unwrap_or_default();
                after = Some(row.id.clone());
                if metadata
                    .iter()
                    .any(|(key, value)| labels.get(key) != Some(value))
                {
                    continue;
                }
                if all.len() as u64 == page.limit {
                    return Ok((all, true));
                }
                if let Some(log) = Log::read(&self.store, &row.id).await? {
                    all.push(Session {
                        metadata: labels,
                        ..log.session
                    });
                }
            }
            if !full {
                return Ok((all, false));
            }
        }
    }

    /// Replaces the client's own of a session.
    ///
    /// # Errors
    /// `NotFound`; the store's.
    pub async fn set_metadata(
        &self,
        caller: &Caller,
        id: &str,
        metadata: &BTreeMap<String, String>,
    ) -> Result<Whole, Error> {
        let text = serde_json::to_string(metadata).unwrap_or_default();
        self.store
            .session_set_metadata(caller.name(), id, &text)
            .await?;
        self.session(caller, id).await
    }

    /// Deletes a session; what runs of it is dropped.
    ///
    /// # Errors
    /// `NotFound`; the store's.
    pub async fn forget_session(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        match self.store.session_delete(caller.name(), id).await? {
            true => {
                self.hub.tell(id, News::Gone);
                Ok(())
            }
            false => Err(not_found("session", id)),
        }
    }
}

fn not_found(what: &str, id: &str) -> Error {
    let id: String = id.chars().take(100).collect();
    Error::new(ErrorCode::NotFound, format!("there is no {what} {id:?}"))
}

fn lost() -> Error {
    Error::new(ErrorCode::Internal, "a session has no beginning")
}

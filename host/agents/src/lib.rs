//! Hosted agents: sessions that survive. A session is an append-only log of events in the store; what it needs next follows from the
//! log alone, so that any host can go on with it, one at a time, under a lease.

#![deny(missing_docs)]

mod follow;
mod grants;
mod hub;
mod link;
mod log;
mod model;
mod next;
mod prompt;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use calls::{Caller, Calls};
use catalog::Catalog;
use sha2::{Digest, Sha256};
use store::{Lease, Store};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tools::{Tool, Tools};
use types::neutral::Part;
use types::session::{Agent, CallOutcome, Input, Logged, Required, Session, SessionEvent};
use types::{Error, ErrorCode};
use uuid::Uuid;

pub use crate::grants::is_configured;
use crate::hub::Hub;
pub use crate::hub::News;
pub use crate::log::now;
use crate::log::{Added, By, Log};

/// Sessions that a host goes on with at a time.
const RUNS: usize = 200;

/// How often an input is tried again that others were faster than.
const TRIES: usize = 20;

/// Most bytes of messages of an input.
const SAID: usize = 4 << 20;

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

    /// An agent that the caller may use: of the configuration, or one that they made.
    ///
    /// # Errors
    /// `NotFound`; the store's.
    pub async fn agent(&self, caller: &Caller, id: &str) -> Result<Agent, Error> {
        let configured = {
            let now = self.catalog.now();
            let found = now.config.agents.iter().find(|agent| agent.name == id);
            found.map(Agent::from)
        };
        if let Some(agent) = configured.filter(|_| caller.may(&format!("agent/{id}"))) {
            return Ok(agent);
        }
        match self.store.agent(caller.name(), id).await? {
            Some(row) => read_agent(&row.value),
            None => Err(not_found("agent", id)),
        }
    }

    /// Agents that the caller may use, and whether there are more: those of the configuration, and then theirs.
    ///
    /// # Errors
    /// The store's.
    pub async fn agents(&self, caller: &Caller, page: &Page) -> Result<(Vec<Agent>, bool), Error> {
        let mut all: Vec<Agent> = {
            let now = self.catalog.now();
            let may = now.config.agents.iter().map(Agent::from);
            may.filter(|agent| caller.may(&format!("agent/{}", agent.id)))
                .collect()
        };
        let mut after = page.after.as_deref();
        if let Some(last) = after {
            match all.iter().position(|agent| agent.id == last) {
                Some(place) => {
                    all.drain(..=place);
                    after = None;
                }
                None => all.clear(),
            }
        }
        let limit = page.limit as usize;
        if all.len() <= limit {
            // One more than is shown tells whether there are more.
            let wanted = (limit - all.len() + 1) as u64;
            let made = self
                .store
                .agent_list(caller.name(), after, wanted, page.ascending)
                .await?;
            for row in made {
                all.push(read_agent(&row.value)?);
            }
        }
        let more = all.len() > limit;
        all.truncate(limit);
        Ok((all, more))
    }

    /// Keeps an agent of the caller's, a new one or what it is now.
    ///
    /// # Errors
    /// It asks for what the caller may not use; it is one of the configuration.
    pub async fn keep_agent(&self, caller: &Caller, mut agent: Agent) -> Result<Agent, Error> {
        let now = log::now();
        agent.updated = now;
        if agent.id.is_empty() {
            agent.id = id("agent_");
            agent.created = now;
        } else if is_configured(&agent) {
            let message = format!(
                "the agent {:?} is the operator's: it can't be changed here",
                agent.id
            );
            return Err(Error::new(ErrorCode::Forbidden, message));
        }
        self.check(caller, &agent).await?;
        let value = serde_json::to_string(&agent).map_err(|error| {
            Error::new(
                ErrorCode::Internal,
                format!("an agent can't be written: {error}"),
            )
        })?;
        self.store
            .agent_put(caller.name(), &agent.id, &value, agent.created)
            .await?;
        Ok(agent)
    }

    /// Forgets an agent of the caller's. Its sessions go on.
    ///
    /// # Errors
    /// `NotFound`; it is one of the configuration.
    pub async fn forget_agent(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        if is_configured(&self.agent(caller, id).await?) {
            let message = format!("the agent {id:?} is the operator's: it can't be deleted here");
            return Err(Error::new(ErrorCode::Forbidden, message));
        }
        self.store.agent_delete(caller.name(), id).await.map(drop)
    }

    /// May the caller have such an agent, and is there what it names?
    async fn check(&self, caller: &Caller, agent: &Agent) -> Result<(), Error> {
        if !caller.may(&agent.model) || agent.model.starts_with("agent/") {
            let message = format!("there is no model {:?}", agent.model);
            return Err(Error::new(ErrorCode::NotFound, message).at("model"));
        }
        let offered = self.tools.list(|tool| caller.may_call(tool)).await;
        let idle = agent.tools.iter().chain(&agent.approve).find(|rule| {
            let fits = |tool: &Tool| types::config::matches(rule, &tool.id());
            !offered.iter().any(fits)
        });
        if let Some(rule) = idle {
            let message = format!("there is no tool {rule:?} on this host, or none for this key");
            return Err(Error::new(ErrorCode::NotFound, message).at("tools"));
        }
        if agent.limits.usd.is_some() {
            let now = self.catalog.now();
            if now.config.prices_of(&agent.model).is_none() {
                let message = format!(
                    "the operator has set no [[price]] for the model {:?}, so that a limit in US dollars can't be kept",
                    agent.model
                );
                return Err(Error::bad_request(message).at("limits.usd"));
            }
        }
        Ok(())
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
        self.begin_with(caller, session, new.agent, new.metadata, events)
            .await
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
        let Some(place) = self.place() else { return };
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
            true => Ok(()),
            false => Err(not_found("session", id)),
        }
    }

    /// What a client wants of a session. All of it or nothing; it is in the store when this returns.
    ///
    /// # Errors
    /// `NotFound`; `Conflict`: the session is over, or doesn't wait for that.
    /// `key`: the client's for this input; a second one with the same key changes nothing.
    pub async fn input(
        &self,
        caller: &Caller,
        id: &str,
        inputs: Vec<Input>,
        key: Option<&str>,
    ) -> Result<Whole, Error> {
        let mut log = self.log(caller, id).await?;
        for _ in 0..TRIES {
            let mut draft = log.session.clone();
            let mut events = Vec::new();
            for input in inputs.clone() {
                if is_known(&log.events, &input, key) {
                    continue;
                }
                for event in accept(&draft, caller.name(), input, key)? {
                    draft.apply(&Logged {
                        number: 0,
                        at: log::now(),
                        event: event.clone(),
                    });
                    events.push(event);
                }
            }
            if events.is_empty() {
                return self.session(caller, id).await;
            }
            let added = log.append(&self.store, &self.hub, By::Client, events, true);
            match added.await? {
                Added::Done => {
                    self.work(id, true).await;
                    return self.session(caller, id).await;
                }
                Added::Changed | Added::Lost => {
                    // It may be gone.
                    log = self.log(caller, id).await?;
                }
            }
        }
        let message = format!("the session {id:?} changes all the time: try again");
        Err(Error::new(ErrorCode::Overloaded, message))
    }
}

/// Was it said before? The same answer to what was asked, or a message of the same key.
fn is_known(log: &[Logged], input: &Input, key: Option<&str>) -> bool {
    log.iter().any(|logged| match (&logged.event, input) {
        (SessionEvent::Said { messages, .. }, Input::Message(_)) => {
            let first = key.map(|key| message_id(key, 0));
            first.is_some_and(|first| messages.iter().any(|(id, _)| *id == first))
        }
        (
            SessionEvent::ApprovalGiven {
                request, decision, ..
            },
            Input::Approval {
                request: to,
                decision: again,
            },
        ) => request == to && decision == again,
        (
            SessionEvent::CallEnded {
                call,
                outcome: CallOutcome::ByClient,
                result,
                ..
            },
            Input::Result {
                call: of,
                result: again,
                ..
            },
        ) => call == of && result == again,
        _ => false,
    })
}

/// The id of a session that a client began with a key of its own.
fn session_id(owner: &str, key: &str) -> String {
    let digest = Sha256::digest(format!("{}/{owner}/{key}", owner.len()));
    format!("sess_{}", &format!("{digest:x}")[..32])
}

/// The id of a message that a client sent with a key of its own.
fn message_id(key: &str, index: usize) -> String {
    let digest = Sha256::digest(format!("{index}/{key}"));
    format!("msg_{}", &format!("{digest:x}")[..32])
}

/// The events that an input comes to.
fn accept(
    session: &Session,
    who: &str,
    input: Input,
    key: Option<&str>,
) -> Result<Vec<SessionEvent>, Error> {
    let conflict = |message: String| Err(Error::new(ErrorCode::Conflict, message));
    let named =
        |what: &str, message: String| Err(Error::new(ErrorCode::Conflict, message).at(what));
    if session.is_over() {
        let why = session.error.as_deref().unwrap_or_default();
        return conflict(format!("the session {:?} is over: {why}", session.id));
    }
    match input {
        Input::Message(messages) => match session.turn() {
            Some(turn) => conflict(format!(
                "the turn {:?} is not over: wait for its end, answer what it waits for, or cancel it",
                turn.id
            )),
            None => Ok(said(messages, key)?.into_iter().collect()),
        },
        Input::Approval { request, decision } => {
            let waits = next::wants(
                session,
                |it| matches!(it, Required::Approval(approval) if approval.request == request),
            );
            match waits {
                true => Ok(vec![SessionEvent::ApprovalGiven {
                    request,
                    decision,
                    who: who.into(),
                }]),
                false => named(
                    "request_id",
                    format!(
                        "the session {:?} does not wait for an answer to {request:?}",
                        session.id
                    ),
                ),
            }
        }
        Input::Result { turn, call, result } => {
            let pending = session.required.iter().find_map(|it| match it {
                Required::Result(pending) if pending.call == call => Some(pending),
                _ => None,
            });
            match pending {
                Some(pending) if turn.is_none_or(|turn| turn == pending.turn) => {
                    Ok(vec![SessionEvent::CallEnded {
                        turn: pending.turn.clone(),
                        call,
                        outcome: CallOutcome::ByClient,
                        result,
                    }])
                }
                _ => named(
                    "call_id",
                    format!(
                        "the session {:?} does not wait for the result of {call:?}",
                        session.id
                    ),
                ),
            }
        }
        Input::Cancel => match session.turn() {
            Some(_) => Ok(vec![SessionEvent::CancelAsked { who: who.into() }]),
            // What was to be cancelled is over already.
            None => Ok(Vec::new()),
        },
    }
}

/// A turn that begins with these messages; nothing where there are none.
fn said(messages: Vec<Vec<Part>>, key: Option<&str>) -> Result<Option<SessionEvent>, Error> {
    if messages.is_empty() {
        return Ok(None);
    }
    let size: usize = messages
        .iter()
        .flatten()
        .map(|part| part.content.size())
        .sum();
    if size > SAID {
        let message = format!("the messages have more than {SAID} bytes");
        return Err(Error::new(ErrorCode::TooLarge, message));
    }
    let messages = messages.into_iter().enumerate().map(|(index, parts)| {
        let id = key.map_or_else(|| id("msg_"), |key| message_id(key, index));
        (id, parts)
    });
    Ok(Some(SessionEvent::Said {
        turn: id("turn_"),
        messages: messages.collect(),
    }))
}

fn read_agent(value: &str) -> Result<Agent, Error> {
    serde_json::from_str(value).map_err(|error| {
        Error::new(
            ErrorCode::Internal,
            format!("an agent can't be read: {error}"),
        )
    })
}

fn not_found(what: &str, id: &str) -> Error {
    let id: String = id.chars().take(100).collect();
    Error::new(ErrorCode::NotFound, format!("there is no {what} {id:?}"))
}

fn lost() -> Error {
    Error::new(ErrorCode::Internal, "a session has no beginning")
}

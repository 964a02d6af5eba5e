//! Goes on with sessions: those in which work is to be done, each under a lease, by one host at a time.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sha2::{Digest, Sha256};
use store::Lease;
use tokio::time::{interval, sleep, timeout};
use tools::{Behind, Tool};
use types::Error;
use types::neutral::{Content, Delta, Event, PartKind, ToolCall};
use types::session::{
    Approval, CallOutcome, Decision, Live, LiveKind, SessionEvent, Status, TurnOutcome,
};
use types::tool::CallResult;

use crate::grants::Grants;
use crate::hub::News;
use crate::link::{SessionLink, Used, tokens};
use crate::log::{Added, By, Log, now};
use crate::next::{self, Next, Todo};
use crate::{Agents, id, prompt};

/// How often to look whether somebody cancelled a turn by another host.
const LOOK: Duration = Duration::from_millis(500);

/// Most characters of an error that a session tells.
const ERROR: usize = 2000;

/// Why a run of a session ends before its time.
enum Stop {
    /// Another host has it now, or it is deleted.
    Lost,
    /// The store failed, or the log can't be read: somebody tries again when the lease is over.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Agents {
    /// Goes on with a session until it rests.
    pub(crate) async fn go_on(&self, lease: &Lease) {
        let alive = async {
            let mut third = interval(self.lease / 3);
            third.tick().await;
            loop {
                third.tick().await;
                match self.store.session_renew(lease, self.lease).await {
                    Ok(true) => {}
                    // Whoever has it now goes on; what runs here is dropped.
                    Ok(false) => return Stop::Lost,
                    Err(error) => return Stop::Failed(error),
                }
            }
        };
        let stopped = tokio::select! {
            ended = self.turn(lease) => ended.err(),
            stop = alive => Some(stop),
        };
        match stopped {
            None => {}
            Some(Stop::Lost) => {
                tracing::info!(session = lease.session, "another host goes on with it");
            }
            Some(Stop::Failed(error)) => {
                tracing::error!(
                    session = lease.session,
                    error = error.message,
                    "a session is left to whoever comes next"
                );
            }
        }
    }

    async fn turn(&self, lease: &Lease) -> Result<(), Stop> {
        let Some(mut log) = Log::read(&self.store, &lease.session).await? else {
            return Ok(());
        };
        self.recover(lease, &mut log).await?;
        loop {
            log.refresh(&self.store).await?;
            let grants = match self.grants(&lease.owner, &log.session.agent) {
                Ok(grants) => Some(grants),
                Err(_) if log.session.is_over() => None,
                Err(message) => {
                    self.close(lease, &mut log, Status::Failed, message).await?;
                    continue;
                }
            };
            // What begins now would be cut off: another host, or the next start, goes on.
            if self.is_stopping() {
                self.store.session_release(lease).await?;
                return Ok(());
            }
            let next = next::next(&log.session, &log.events);
            let Some((grants, next)) = grants.map(|grants| (grants, next)) else {
                self.rest(lease, &mut log).await?;
                return Ok(());
            };
            match next {
                Next::Rest => {
                    if self.rest(lease, &mut log).await? {
                        return Ok(());
                    }
                }
                Next::Ask => self.ask(lease, &mut log, &grants).await?,
                Next::Calls(todo) => self.calls(lease, &mut log, &grants, todo).await?,
                Next::End(outcome) => self.end(lease, &mut log, outcome).await?,
                Next::Close(status, message) => {
                    self.close(lease, &mut log, status, message).await?;
                }
            }
        }
    }

    /// Nothing is to be done: gives the session back, unless somebody added something meanwhile.
    async fn rest(&self, lease: &Lease, log: &mut Log) -> Result<bool, Stop> {
        if self.add(lease, log, true, Vec::new(), false).await? == Added::Changed {
            return Ok(false);
        }
        self.store.session_release(lease).await?;
        Ok(true)
    }

    /// Adds events; `at`: only where nobody added anything since the log was read.
    async fn add(
        &self,
        lease: &Lease,
        log: &mut Log,
        at: bool,
        events: Vec<SessionEvent>,
        wants: bool,
    ) -> Result<Added, Stop> {
        let by = match at {
            true => By::RunnerAt(lease),
            false => By::Runner(lease),
        };
        match log
            .append(&self.store, &self.hub, by, events, wants)
            .await?
        {
            Added::Lost => Err(Stop::Lost),
            added => Ok(added),
        }
    }

    /// After a crash: a call that began and has no result may have done its work.
    async fn recover(&self, lease: &Lease, log: &mut Log) -> Result<(), Stop> {
        let unknown = next::unknown(&log.events);
        let lost: Vec<String> = unknown
            .iter()
            .filter(|(_, again)| !again)
            .map(|(call, _)| call.clone())
            .collect();
        let Some(turn) = log.session.turn().map(|turn| turn.id.clone()) else {
            return Ok(());
        };
        if unknown.is_empty() {
            return Ok(());
        }
        let mut events = vec![SessionEvent::Resumed {
            unknown: lost.clone(),
        }];
        events.extend(lost.into_iter().map(|call| SessionEvent::CallEnded {
            turn: turn.clone(),
            call,
            outcome: CallOutcome::Unknown,
            result: CallResult::failed(
                "the host stopped while this call ran: whether it did its work is not known, and it is not repeated",
            ),
        }));
        self.add(lease, log, false, events, true).await?;
        Ok(())
    }

    /// What is left of the turn's time.
    fn left(&self, log: &Log) -> Duration {
        let most = Duration::from_secs(log.session.agent.limits.seconds);
        let worked = next::worked(&log.session, &log.events, now());
        most.saturating_sub(Duration::from_millis(worked.unsigned_abs()))
    }

    async fn overtime(&self, lease: &Lease, log: &mut Log) -> Result<(), Stop> {
        let seconds = log.session.agent.limits.seconds;
        let outcome = TurnOutcome::Failed {
            code: "seconds".into(),
            message: format!("the turn worked for {seconds} s: that is its limit"),
        };
        self.end(lease, log, outcome).await
    }

    async fn end(&self, lease: &Lease, log: &mut Log, outcome: TurnOutcome) -> Result<(), Stop> {
        let Some(turn) = log.session.turn().map(|turn| turn.id.clone()) else {
            return Ok(());
        };
        let mut events = next::leftovers(&log.session, &log.events);
        events.push(SessionEvent::TurnEnded { turn, outcome });
        self.add(lease, log, false, events, true).await?;
        Ok(())
    }

    async fn close(
        &self,
        lease: &Lease,
        log: &mut Log,
        status: Status,
        message: String,
    ) -> Result<(), Stop> {
        let mut events = next::leftovers(&log.session, &log.events);
        events.push(SessionEvent::Closed { status, message });
        self.add(lease, log, false, events, true).await?;
        Ok(())
    }

    /// Ends when somebody cancels the turn.
    async fn cancelled(&self, id: &str, after: Option<u64>) -> Result<(), Error> {
        let cancels = |event: &SessionEvent| matches!(event, SessionEvent::CancelAsked { .. });
        let mut news = self.hub.listen(id);
        loop {
            let more = crate::log::read(&self.store, id, after).await?;
            if more.iter().any(|it| cancels(&it.event)) {
                return Ok(());
            }
            let look = sleep(LOOK);
            tokio::pin!(look);
            loop {
                tokio::select! {
                    heard = news.recv() => match heard.as_deref() {
                        Ok(News::Logged(logged)) if cancels(&logged.event) => return Ok(()),
                        Ok(_) => {}
                        // Something was missed.
                        Err(_) => break,
                    },
                    () = &mut look => break,
                }
            }
        }
    }

    async fn ask(&self, lease: &Lease, log: &mut Log, grants: &Grants) -> Result<(), Stop> {
        let turn = log
            .session
            .turn()
            .map(|turn| turn.id.clone())
            .unwrap_or_default();
        let agent = &log.session.agent;
        let hosted = self.tools.list(|tool| grants.allows(tool)).await;
        let hosted = hosted.iter().map(Tool::function).collect();
        let request = prompt::request(agent, &log.events, hosted);
        let attempt = id("");
        let model = grants.model.clone();
        let answer = async {
            let mut asking = self.calls.ask(&lease.owner, &model, &request).await?;
            let target = asking.target().to_string();
            let mut answer = dialects::Answer::default();
            let mut telling = Telling {
                agents: self,
                session: &lease.session,
                turn: &turn,
                attempt: &attempt,
                kinds: Vec::new(),
            };
            while let Some(events) = asking.next().await? {
                for event in events {
                    telling.tell(&event);
                    answer.push(event);
                }
            }
            let (parts, _, usage) = answer.spoken()?;
            Ok::<_, Error>((parts, usage, target))
        };
        let last = log.events.last().map(|logged| logged.number);
        let answered = tokio::select! {
            answered = timeout(self.left(log), answer) => answered,
            cancelled = self.cancelled(&lease.session, last) => return Ok(cancelled?),
        };
        let (mut parts, usage, target) = match answered {
            Err(_) => return self.overtime(lease, log).await,
            Ok(Err(error)) => {
                let mut message = error.message;
                message.truncate(message.floor_char_boundary(ERROR));
                let code = "model".into();
                return self
                    .end(lease, log, TurnOutcome::Failed { code, message })
                    .await;
            }
            Ok(Ok(answered)) => answered,
        };
        unique(&mut parts, log);
        let tokens = tokens(&usage);
        let usd = self
            .catalog
            .now()
            .config
            .price(&target)
            .map(|price| price.of(&tokens));
        let answered = SessionEvent::Answered {
            turn,
            attempt,
            parts,
            tokens,
            usd,
        };
        self.add(lease, log, false, vec![answered], true).await?;
        Ok(())
    }

    /// Deals with calls: asks for what needs a yes, refuses what may not be, and runs the others, all at a time.
    async fn calls(
        &self,
        lease: &Lease,
        log: &mut Log,
        grants: &Grants,
        todo: Vec<Todo>,
    ) -> Result<(), Stop> {
        let turn = log
            .session
            .turn()
            .map(|turn| turn.id.clone())
            .unwrap_or_default();
        let ended = |call: &ToolCall, outcome, message: &str| SessionEvent::CallEnded {
            turn: turn.clone(),
            call: call.id.clone(),
            outcome,
            result: CallResult::failed(message),
        };
        let mut events = Vec::new();
        let mut ready: Vec<(ToolCall, Tool)> = Vec::new();
        for todo in todo {
            let (call, yes) = match todo {
                Todo::Deny(call, Decision::Dismiss) => {
                    let message = "nobody decided whether this call may run: it was set aside";
                    events.push(ended(&call, CallOutcome::Denied, message));
                    continue;
                }
                Todo::Deny(call, _) => {
                    let message = "a person refused this call";
                    events.push(ended(&call, CallOutcome::Denied, message));
                    continue;
                }
                Todo::Run(call, yes) => (call, yes),
            };
            let tool = match grants.allows(&call.name) {
                true => self.tools.find(&call.name).await.ok(),
                false => None,
            };
            let Some(tool) = tool else {
                let message = format!("there is no tool {:?} for you", call.name);
                events.push(ended(&call, CallOutcome::Refused, &message));
                continue;
            };
            if let Some(error) = tools::misfit(&tool.info, &call.arguments) {
                events.push(ended(&call, CallOutcome::Refused, &error));
                continue;
            }
            let hash = format!("{:x}", Sha256::digest(&call.arguments));
            let holds = |yes: &Approval| yes.digest == tool.digest() && yes.arguments_hash == hash;
            if grants.needs_approval(&call.name) && !yes.as_ref().is_some_and(holds) {
                events.push(SessionEvent::ApprovalAsked(Approval {
                    request: id("apr_"),
                    turn: turn.clone(),
                    call: call.id.clone(),
                    tool: call.name.clone(),
                    arguments: call.arguments.clone(),
                    arguments_hash: hash,
                    digest: tool.digest().into(),
                }));
                continue;
            }
            events.push(SessionEvent::CallBegan {
                turn: turn.clone(),
                call: call.id.clone(),
                tool: call.name.clone(),
                digest: tool.digest().into(),
                idempotent: tool.info.idempotent || tool.info.read_only,
            });
            ready.push((call, tool));
        }
        self.add(lease, log, false, events, true).await?;
        if ready.is_empty() {
            return Ok(());
        }
        let left = self.left(log);
        let last = log.events.last().map(|logged| logged.number);
        let mut cancelled = std::pin::pin!(self.cancelled(&lease.session, last));
        let mut over = std::pin::pin!(sleep(left));
        let mut running: FuturesUnordered<_> = ready
            .iter()
            .map(|(call, tool)| self.call(lease, &turn, call, tool))
            .collect();
        let mut open: HashSet<&str> = ready.iter().map(|(call, _)| call.id.as_str()).collect();
        loop {
            let (call, outcome, result, used) = tokio::select! {
                done = running.next() => match done {
                    Some(done) => done,
                    None => return Ok(()),
                },
                ended = &mut cancelled => {
                    ended?;
                    break;
                }
                () = &mut over => {
                    drop(running);
                    return self.overtime(lease, log).await;
                }
            };
            open.remove(call);
            let mut events = Vec::new();
            let (tokens, usd) = *used.lock().unwrap_or_else(PoisonError::into_inner);
            if tokens != Default::default() {
                let (turn, call) = (turn.clone(), call.to_owned());
                events.push(SessionEvent::Sampled {
                    turn,
                    call,
                    tokens,
                    usd,
                });
            }
            events.push(SessionEvent::CallEnded {
                turn: turn.clone(),
                call: call.into(),
                outcome,
                result,
            });
            self.add(lease, log, false, events, true).await?;
        }
        // Cancelled: what runs is dropped.
        drop(running);
        let dropped = ready
            .iter()
            .filter(|(call, _)| open.contains(call.id.as_str()));
        let dropped = dropped.map(|(call, _)| {
            ended(
                call,
                CallOutcome::Cancelled,
                "the turn was cancelled while this call ran",
            )
        });
        let dropped = dropped.collect();
        self.add(lease, log, false, dropped, true).await?;
        Ok(())
    }

    async fn call<'c>(
        &self,
        lease: &Lease,
        turn: &str,
        call: &'c ToolCall,
        tool: &Tool,
    ) -> (&'c str, CallOutcome, CallResult, Used) {
        let used = Used::default();
        let behind = Behind {
            owner: lease.owner.clone(),
            session: lease.session.clone(),
            link: Arc::new(SessionLink {
                calls: self.calls.clone(),
                hub: self.hub.clone(),
                owner: lease.owner.clone(),
                session: lease.session.clone(),
                turn: turn.into(),
                call: call.id.clone(),
                catalog: self.catalog.clone(),
                used: used.clone(),
            }),
        };
        // Two sessions may have calls of one id.
        let id = format!("{}/{}", lease.session, call.id);
        let called = self.tools.call(tool, &id, &call.arguments, behind).await;
        match called {
            Ok(result) => (&call.id, CallOutcome::Ran, result, used),
            Err(error) => {
                let mut message = error.message;
                message.truncate(message.floor_char_boundary(ERROR));
                (
                    &call.id,
                    CallOutcome::Failed,
                    CallResult::failed(message),
                    used,
                )
            }
        }
    }
}

/// Models may use an id twice in a conversation: a result must belong to one call only.
fn unique(parts: &mut [types::neutral::Part], log: &Log) {
    let used = log.events.iter().filter_map(|logged| match &logged.event {
        SessionEvent::Answered { parts, .. } => Some(parts),
        _ => None,
    });
    let ids = used.flatten().filter_map(|part| match &part.content {
        Content::ToolCall(call) => Some(call.id.clone()),
        _ => None,
    });
    let mut ids: HashSet<String> = ids.collect();
    for part in parts {
        if let Content::ToolCall(call) = &mut part.content
            && (call.id.is_empty() || !ids.insert(call.id.clone()))
            && !call.by_provider
        {
            call.id = tools::call_id();
            ids.insert(call.id.clone());
        }
    }
}

/// Tells those who listen how an answer grows.
struct Telling<'a> {
    agents: &'a Agents,
    session: &'a str,
    turn: &'a str,
    attempt: &'a str,
    kinds: Vec<(u32, Option<LiveKind>)>,
}

impl Telling<'_> {
    fn tell(&mut self, event: &Event) {
        let (index, text) = match event {
            Event::PartStarted(part) if part.choice == 0 => {
                let kind = match &part.kind {
                    PartKind::Text => Some(LiveKind::Text),
                    PartKind::Reasoning(_) => Some(LiveKind::Reasoning),
                    PartKind::Refusal => Some(LiveKind::Refusal),
                    PartKind::ToolCall(_) | PartKind::Audio(_) => None,
                };
                self.kinds.push((part.index, kind));
                (part.index, "")
            }
            Event::Part(part) if part.choice == 0 => {
                self.kinds.push((part.index, None));
                return;
            }
            Event::PartDelta(part) if part.choice == 0 => match &part.delta {
                Delta::Text(text) => (part.index, text.as_str()),
                Delta::Citation(_) | Delta::Logprobs(_) => return,
            },
            _ => return,
        };
        // A part's place in the answer is the order in which it began.
        let place = self.kinds.iter().rposition(|(known, _)| *known == index);
        let Some((place, Some(kind))) = place.map(|place| (place, self.kinds[place].1)) else {
            return;
        };
        let live = Live::Delta {
            turn: self.turn.into(),
            attempt: self.attempt.into(),
            index: u32::try_from(place).unwrap_or(u32::MAX),
            kind,
            text: text.into(),
        };
        self.agents.hub.tell(self.session, News::Live(live));
    }
}

//! Goes on with sessions: those in which work is to be done, each under a lease, by one host at a time.

use std::collections::HashSet;
use std::time::Duration;

use store::Lease;
use tokio::time::{Instant, interval, sleep, timeout};
use tools::Tool;
use types::Error;
use types::neutral::Content;
use types::session::{CallOutcome, SessionEvent, Status, TurnOutcome};
use types::tool::CallResult;

use crate::grants::Grants;
use crate::hub::News;
use crate::link::tokens;
use crate::log::{Added, By, LARGEST, Log, now};
use crate::next::{self, Next};
use crate::telling::Telling;
use crate::{Agents, id, prompt};

/// How often to look whether somebody cancelled a turn by another host.
const LOOK: Duration = Duration::from_millis(500);

/// Most characters of an error that a session tells.
pub(crate) const ERROR: usize = 2000;

/// Why a run of a session ends before its time.
pub(crate) enum Stop {
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
            let mut renewed = Instant::now();
            loop {
                third.tick().await;
                match self.store.session_renew(lease, self.lease).await {
                    Ok(true) => renewed = Instant::now(),
                    // Whoever has it now goes on; what runs here is dropped.
                    Ok(false) => return Stop::Lost,
                    // The store may come back before the lease is over.
                    Err(_) if renewed.elapsed() < self.lease => {}
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
            if log.size > LARGEST && !log.session.is_over() {
                let message = format!("the session has more than {LARGEST} bytes: begin a new one");
                self.close(lease, &mut log, Status::Failed, message).await?;
                continue;
            }
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
    pub(crate) async fn add(
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
        // Nobody went on with it for as long: that is no work of the turn's.
        let idle = now() - log.session.updated;
        let idle = Duration::from_millis(idle.max(0).unsigned_abs()) > self.lease;
        if unknown.is_empty() && !(idle && log.session.status == Status::InProgress) {
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
    pub(crate) fn left(&self, log: &Log) -> Duration {
        let most = Duration::from_secs(log.session.agent.limits.seconds);
        let worked = next::worked(&log.session, &log.events, now());
        most.saturating_sub(Duration::from_millis(worked.unsigned_abs()))
    }

    pub(crate) async fn overtime(&self, lease: &Lease, log: &mut Log) -> Result<(), Stop> {
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
        // With it nothing is to be done any more; a client's next message says that there is.
        self.add(lease, log, false, events, false).await?;
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
        self.add(lease, log, false, events, false).await?;
        Ok(())
    }

    /// Ends when somebody cancels the turn.
    pub(crate) async fn cancelled(&self, id: &str, after: Option<u64>) -> Result<(), Error> {
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
                        Ok(News::Gone) => return Ok(()),
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

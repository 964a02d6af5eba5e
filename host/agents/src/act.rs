//! Calls of tools that a model asked for.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sha2::{Digest, Sha256};
use store::Lease;
use tokio::time::sleep;
use tools::{Behind, Tool};
use types::neutral::ToolCall;
use types::session::{Approval, CallOutcome, Decision, SessionEvent};
use types::tool::CallResult;

use crate::grants::Grants;
use crate::link::{SessionLink, Used};
use crate::log::{Added, Log};
use crate::next::{DROPPED, MOST, Todo};
use crate::run::{ERROR, Stop};
use crate::{Agents, id};

impl Agents {
    /// Deals with calls: asks for what needs a yes, refuses what may not be, and runs the others, all at a time.
    pub(crate) async fn calls(
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
            if events.len() >= MOST {
                let message = format!("an answer has at most {MOST} calls: ask again for this one");
                events.push(ended(&call, CallOutcome::Refused, &message));
                continue;
            }
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
            let holds = |yes: &Approval| {
                yes.tool == call.name && yes.digest == tool.digest() && yes.arguments_hash == hash
            };
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
        // Nothing begins that somebody cancelled meanwhile.
        if self.add(lease, log, true, events, true).await? == Added::Changed {
            return Ok(());
        }
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
        let dropped = dropped.map(|(call, _)| ended(call, CallOutcome::Cancelled, DROPPED));
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

//! Tells a session what has changed: lists, and the resources that it subscribed to. Plugins say nothing by themselves, so it looks.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use rmcp::RoleServer;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::Peer;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::time::MissedTickBehavior;

use crate::Shared;
use crate::server::{State, looking};
use crate::visit::Visit;

/// Between two looks at which plugins there are.
const LOOK: Duration = Duration::from_secs(5);

/// Looks between two at resources that are watched (10 s), and between two at all lists (60 s, as long as lists of tools are kept).
const READ: u64 = 2;
const LIST: u64 = 12;

/// What a thing was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Print([u8; 32]);

impl Print {
    pub(crate) fn of(it: &impl Serialize) -> Self {
        let mut hash = Sha256::new();
        // What can't be written looks like nothing, and always the same.
        let _ = serde_json::to_writer(&mut hash, it);
        Self(hash.finalize().into())
    }
}

/// What the lists of a session were like.
#[derive(PartialEq, Eq)]
struct Lists {
    tools: Print,
    resources: Print,
    prompts: Print,
}

/// Looks after one session.
pub(crate) struct Watch {
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: Arc<State>,
    pub(crate) peer: Peer<RoleServer>,
    /// Who began the session.
    pub(crate) headers: HeaderMap,
    pub(crate) visit: Visit,
    pub(crate) session: String,
}

impl Watch {
    /// Until its key is gone.
    pub(crate) async fn run(mut self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.tick().await;
        let mut versions = self.shared.tools.versions();
        let mut lists = None;
        for round in 1_u64.. {
            looks.tick().await;
            match (self.shared.guard)(&self.headers) {
                Ok(caller) if caller.name() == self.visit.owner() => self.visit.caller = caller,
                _ => return,
            }
            let now = self.shared.tools.versions();
            let changed = now != versions;
            versions = now;
            if changed || round % LIST == 0 {
                let fresh = self.lists().await;
                self.tell_lists(lists.as_ref(), &fresh, changed).await;
                lists = Some(fresh);
            }
            if round % READ == 0 {
                self.tell_resources().await;
            }
        }
    }

    async fn lists(&self) -> Lists {
        let Self { shared, visit, .. } = self;
        let behind = looking(visit, self.session.clone());
        let (tools, resources, templates, prompts) = futures::join!(
            shared.tools(visit),
            shared.resources(visit, &behind),
            shared.templates(visit, &behind),
            shared.prompts(visit, &behind),
        );
        Lists {
            tools: Print::of(&tools),
            resources: Print::of(&(resources, templates)),
            prompts: Print::of(&prompts),
        }
    }

    /// `changed`: other plugins serve; where it isn't known what the lists were, they may all be others.
    async fn tell_lists(&self, before: Option<&Lists>, now: &Lists, changed: bool) {
        let differs = |part: fn(&Lists) -> Print| match before {
            Some(before) => part(before) != part(now),
            None => changed,
        };
        // A client that is gone hears nothing; its session ends by itself.
        if differs(|lists| lists.tools) {
            let _ = self.peer.notify_tool_list_changed().await;
        }
        if differs(|lists| lists.resources) {
            let _ = self.peer.notify_resource_list_changed().await;
        }
        if differs(|lists| lists.prompts) {
            let _ = self.peer.notify_prompt_list_changed().await;
        }
    }

    async fn tell_resources(&self) {
        let watched: Vec<String> = self.state.watched().keys().cloned().collect();
        for uri in watched {
            let behind = looking(&self.visit, self.session.clone());
            // One that can't be read any more has changed as well.
            let read = self.shared.read(&self.visit, &behind, &uri).await;
            let now = read.ok().map(|contents| Print::of(&contents));
            let changed = match self.state.watched().get_mut(&uri) {
                Some(before) => std::mem::replace(before, now) != now,
                // It was unsubscribed meanwhile.
                None => false,
            };
            if changed {
                let param = ResourceUpdatedNotificationParam::new(uri);
                let _ = self.peer.notify_resource_updated(param).await;
            }
        }
    }
}

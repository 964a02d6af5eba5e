//! Leads from a tool that a session calls to those who listen.

use std::sync::{Arc, Mutex, PoisonError};

use calls::Calls;
use catalog::Catalog;
use futures::future::BoxFuture;
use tools::Link;
use types::Error;
use types::config::Sample;
use types::neutral::Usage;
use types::session::{Live, Tokens};
use types::tool::{Elicited, NoticeLevel, SampleRequest, Sampled};

use crate::hub::{Hub, News};

/// Behind a call of a session.
pub(crate) struct SessionLink {
    pub(crate) calls: Calls,
    pub(crate) hub: Hub,
    pub(crate) owner: String,
    pub(crate) session: String,
    pub(crate) turn: String,
    pub(crate) call: String,
    pub(crate) catalog: Arc<Catalog>,
    /// What the tool's own questions to a model used: tokens, and US dollars where the price is known.
    pub(crate) used: Used,
}

/// Tokens, and US dollars.
pub(crate) type Used = Arc<Mutex<(Tokens, Option<f64>)>>;

/// What a model used, as sessions count it.
pub(crate) fn tokens(usage: &Usage) -> Tokens {
    Tokens {
        input: usage.input_tokens.unwrap_or(0),
        cached: usage.cache_read_tokens.unwrap_or(0),
        output: usage.output_tokens.unwrap_or(0),
        reasoning: usage.reasoning_tokens.unwrap_or(0),
    }
}

impl Link for SessionLink {
    fn progress(&self, done: f64, total: Option<f64>, message: Option<String>) {
        let live = Live::Progress {
            turn: self.turn.clone(),
            call: self.call.clone(),
            done,
            total,
            message,
        };
        self.hub.tell(&self.session, News::Live(live));
    }

    fn notify(&self, level: NoticeLevel, _: Option<String>, data: String) {
        tracing::debug!(
            session = self.session,
            call = self.call,
            ?level,
            data,
            "a tool's notice"
        );
    }

    fn elicit(&self, _: String, _: String) -> BoxFuture<'_, Result<Elicited, Error>> {
        // People answer sessions by approvals, hours later: a call doesn't wait for them.
        Box::pin(async { Err(tools::no_person()) })
    }

    fn sample<'a>(
        &'a self,
        granted: &'a Sample,
        request: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>> {
        Box::pin(async move {
            let (sampled, usage) = self.calls.sample(&self.owner, granted, request).await?;
            let tokens = tokens(&usage);
            let now = self.catalog.now();
            let usd = now
                .config
                .price(&sampled.model)
                .map(|price| price.of(&tokens));
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let (all, cost) = &mut *used;
            all.add(tokens);
            if let Some(usd) = usd {
                *cost = Some(cost.unwrap_or(0.0) + usd);
            }
            Ok(sampled)
        })
    }
}

//! Listens to a session: what happened, and what happens.

use std::time::Duration;

use async_stream::stream;
use calls::Caller;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;
use types::Error;
use types::session::Logged;

use crate::hub::News;
use crate::{Agents, log, not_found};

/// How often the log is looked at for what another host added.
const LOOK: Duration = Duration::from_secs(1);

impl Agents {
    /// The events of a session after this number, or all, and then those that come, live ones too, without an end. Live ones are told
    /// on the host that goes on with the session.
    ///
    /// # Errors
    /// `NotFound`; the store's.
    pub async fn follow(
        &self,
        caller: &Caller,
        id: &str,
        after: Option<u64>,
    ) -> Result<BoxStream<'static, Result<News, Error>>, Error> {
        if self.store.session(caller.name(), id).await?.is_none() {
            return Err(not_found("session", id));
        }
        // First, so that nothing falls between what is read and what is heard.
        let mut heard = self.hub.listen(id);
        let (agents, caller, id) = (self.clone(), caller.clone(), id.to_owned());
        let mut last = after;
        let follow = stream! {
            loop {
                // What was told meanwhile is in the store.
                let more = match log::read(&agents.store, &id, last).await {
                    Ok(more) => more,
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                };
                if more.is_empty() && !agents.is_there(&caller, &id).await {
                    return;
                }
                for logged in more {
                    last = Some(logged.number);
                    yield Ok(News::Logged(logged));
                }
                loop {
                    let news = tokio::select! {
                        news = heard.recv() => news,
                        () = sleep(LOOK) => break,
                    };
                    match news {
                        Ok(news) => match &*news {
                            News::Gone => return,
                            News::Live(_) => yield Ok((*news).clone()),
                            News::Logged(logged) if is_next(logged, last) => {
                                last = Some(logged.number);
                                yield Ok((*news).clone());
                            }
                            // Known already, or something is missing in between.
                            News::Logged(logged) if last.is_some_and(|last| logged.number <= last) => {}
                            News::Logged(_) => break,
                        },
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => {
                            heard = agents.hub.listen(&id);
                            break;
                        }
                    }
                }
            }
        };
        Ok(follow.boxed())
    }

    /// Is this the last event of the session's log, as far as is known?
    pub async fn is_last(&self, caller: &Caller, id: &str, number: u64) -> bool {
        match self.store.session(caller.name(), id).await {
            Ok(Some(row)) => row.next == number + 1,
            _ => true,
        }
    }

    async fn is_there(&self, caller: &Caller, id: &str) -> bool {
        // A store that fails is told by the next reading.
        !matches!(self.store.session(caller.name(), id).await, Ok(None))
    }
}

fn is_next(logged: &Logged, last: Option<u64>) -> bool {
    logged.number == last.map_or(0, |last| last + 1)
}

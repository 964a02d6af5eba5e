//! Sessions, each of one key at one place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager,
};
use tokio_util::sync::CancellationToken;
use types::{Error, ErrorCode};

use crate::streams::Streams;
use crate::visit::Visit;

/// Most sessions of all keys, and of one.
const ALL: usize = 1000;
const ONE: usize = 100;

/// A session ends when nothing was said in it for so long.
const IDLE: Duration = Duration::from_secs(30 * 60);

tokio::task_local! {
    /// Whose request is served.
    pub(crate) static VISIT: Visit;
}

/// The sessions that are open, with their owners.
pub(crate) struct Sessions {
    inner: Arc<LocalSessionManager>,
    streams: Streams,
    stopping: CancellationToken,
    owners: Mutex<HashMap<SessionId, Visit>>,
}

/// Why a session can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("{0}")]
    Full(Error),
    #[error(transparent)]
    Inner(#[from] LocalSessionManagerError),
}

impl Sessions {
    /// `stopping`: the host ends.
    pub(crate) fn new(stopping: CancellationToken) -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(IDLE);
        let inner = Arc::new(inner);
        Self {
            streams: Streams::new(inner.clone()),
            inner,
            stopping,
            owners: Mutex::default(),
        }
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<SessionId, Visit>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is it a session of this visitor's?
    pub(crate) fn belongs(&self, id: &str, visit: &Visit) -> bool {
        let owners = self.owners();
        owners.get(id).is_some_and(|owner| owner.is_like(visit))
    }

    /// Is there room for one more?
    ///
    /// # Errors
    /// `RateLimited`.
    pub(crate) fn room(&self, visit: &Visit) -> Result<(), Error> {
        room(&self.owners(), visit.owner())
    }
}

fn room(owners: &HashMap<SessionId, Visit>, owner: &str) -> Result<(), Error> {
    let of_one = owners
        .values()
        .filter(|visit| visit.owner() == owner)
        .count();
    let full = match (of_one >= ONE, owners.len() >= ALL) {
        (true, _) => format!("this key has {ONE} sessions"),
        (_, true) => format!("there are {ALL} sessions"),
        (false, false) => return Ok(()),
    };
    let minutes = IDLE.as_secs() / 60;
    let message = format!(
        "{full}, the most there may be: end one with DELETE; an idle one ends after {minutes} minutes"
    );
    Err(Error::new(ErrorCode::RateLimited, message))
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let visit = VISIT.get();
        let (id, transport) = self.inner.create_session().await?;
        let full = {
            let mut owners = self.owners();
            let room = room(&owners, visit.owner());
            if room.is_ok() {
                owners.insert(id.clone(), visit);
            }
            room.err()
        };
        match full {
            Some(error) => {
                self.inner.close_session(&id).await?;
                Err(SessionError::Full(error))
            }
            None => Ok((id, transport)),
        }
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        Ok(self.inner.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        Ok(self.inner.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.owners().remove(id);
        Ok(self.inner.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let request = match &message {
            ClientJsonRpcMessage::Request(request) => Some(request.id.clone()),
            _ => None,
        };
        let stream = self.inner.create_stream(id, message).await?;
        Ok(self.streams.of(id, request, stream))
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        Ok(self.inner.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let stream = self.inner.create_standalone_stream(id).await?;
        Ok(stream.take_until(self.stopping.clone().cancelled_owned()))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let stream = self.inner.resume(id, last_event_id).await?;
        let stream = stream.take_until(self.stopping.clone().cancelled_owned());
        Ok(self.streams.again(id, stream))
    }
}

#[cfg(test)]
mod tests {
    use calls::Caller;

    use super::*;

    #[test]
    fn one_key_does_not_take_all_sessions() {
        let visit = Visit {
            caller: Caller::Anyone,
            plugin: None,
        };
        let many = |count: usize| {
            let ids = (0..count).map(|id| (SessionId::from(id.to_string()), visit.clone()));
            ids.collect::<HashMap<_, _>>()
        };
        assert!(room(&many(ONE - 1), "").is_ok());
        let full = room(&many(ONE), "").unwrap_err();
        assert_eq!(full.status(), 429);
        assert!(room(&many(ONE), "another").is_ok());
        assert!(room(&many(ALL), "another").is_err());
    }

    #[tokio::test]
    async fn a_session_is_of_its_place_until_it_ends() {
        let sessions = Sessions::new(CancellationToken::new());
        let visit = Visit {
            caller: Caller::Anyone,
            plugin: Some("calc".into()),
        };
        let (id, _transport) = VISIT
            .scope(visit.clone(), sessions.create_session())
            .await
            .unwrap();
        assert!(sessions.belongs(&id, &visit));
        let elsewhere = Visit {
            plugin: None,
            ..visit.clone()
        };
        assert!(!sessions.belongs(&id, &elsewhere));
        sessions.close_session(&id).await.unwrap();
        assert!(!sessions.belongs(&id, &visit));
    }
}

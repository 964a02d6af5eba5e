//! The streams on which a session's requests are answered. A client may lose one and come again for the rest; when it doesn't, it is
//! gone, and its requests end.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage, RequestId,
};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager as _,
};
use tokio::runtime::Handle;

/// How long a client has to come again: it is told to do so after 3 seconds.
const GRACE: Duration = Duration::from_secs(10);

/// Requests whose streams were lost, by session.
#[derive(Clone)]
pub(crate) struct Streams {
    sessions: Arc<LocalSessionManager>,
    lost: Arc<Mutex<HashMap<SessionId, Vec<RequestId>>>>,
}

impl Streams {
    pub(crate) fn new(sessions: Arc<LocalSessionManager>) -> Self {
        Self {
            sessions,
            lost: Arc::default(),
        }
    }

    fn lost(&self) -> MutexGuard<'_, HashMap<SessionId, Vec<RequestId>>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream on which a request is answered.
    pub(crate) fn of<S>(
        &self,
        session: &SessionId,
        request: Option<RequestId>,
        inner: S,
    ) -> Watched<S> {
        self.watched(session, request.into_iter().collect(), inner)
    }

    /// A stream that a client came again for. It doesn't say for which request, so it may be for all that were lost.
    pub(crate) fn again<S>(&self, session: &SessionId, inner: S) -> Watched<S> {
        let found = self.lost().remove(session).unwrap_or_default();
        self.watched(session, found, inner)
    }

    fn watched<S>(&self, session: &SessionId, requests: Vec<RequestId>, inner: S) -> Watched<S> {
        let open = Open {
            streams: self.clone(),
            session: session.clone(),
            requests,
        };
        Watched {
            inner: Box::pin(inner),
            open,
        }
    }

    /// Is it still lost? Then it is no more.
    fn forget(&self, session: &SessionId, request: &RequestId) -> bool {
        let mut lost = self.lost();
        let Some(of_session) = lost.get_mut(session) else {
            return false;
        };
        let at = of_session.iter().position(|id| id == request);
        at.map(|at| of_session.swap_remove(at));
        if of_session.is_empty() {
            lost.remove(session);
        }
        at.is_some()
    }

    /// Ends the requests that nobody came again for.
    async fn give_up(self, session: SessionId, requests: Vec<RequestId>) {
        tokio::time::sleep(GRACE).await;
        for request in requests {
            if !self.forget(&session, &request) {
                continue;
            }
            let reason = Some("the client went away".into());
            let param = CancelledNotificationParam::new(Some(request), reason);
            let notification = CancelledNotification::new(param).into();
            let message = ClientJsonRpcMessage::notification(notification);
            // A session that has ended took its requests with it.
            let _ = self.sessions.accept_message(&session, message).await;
        }
    }
}

/// A stream, and the requests that are answered on it.
pub(crate) struct Watched<S> {
    inner: Pin<Box<S>>,
    open: Open,
}

impl<S: Stream<Item = ServerSseMessage>> Stream for Watched<S> {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.inner.as_mut().poll_next(cx);
        if matches!(polled, Poll::Ready(None)) {
            // It was read to its end.
            self.open.requests.clear();
        }
        polled
    }
}

/// Requests without an answer yet.
struct Open {
    streams: Streams,
    session: SessionId,
    requests: Vec<RequestId>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let requests = std::mem::take(&mut self.requests);
        let (false, Ok(runtime)) = (requests.is_empty(), Handle::try_current()) else {
            return;
        };
        let mut lost = self.streams.lost();
        lost.entry(self.session.clone())
            .or_default()
            .extend(requests.iter().cloned());
        drop(lost);
        let streams = self.streams.clone();
        runtime.spawn(streams.give_up(self.session.clone(), requests));
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use futures::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_again_is_gone() {
        let streams = Streams::new(Arc::default());
        let session = SessionId::from("s");
        let id = || Some(RequestId::Number(1));
        let lost = |streams: &Streams| streams.lost().get(&session).map_or(0, Vec::len);
        let pending = || stream::pending::<ServerSseMessage>();

        let mut whole = streams.of(&session, id(), stream::empty());
        assert!(whole.next().await.is_none());
        drop(whole);
        assert_eq!(lost(&streams), 0);

        drop(streams.of(&session, id(), pending()));
        assert_eq!(lost(&streams), 1);
        let again = streams.again(&session, pending());
        assert_eq!(lost(&streams), 0);
        tokio::time::sleep(GRACE * 2).await;
        drop(again);
        assert_eq!(lost(&streams), 1);
        tokio::time::sleep(GRACE * 2).await;
        assert_eq!(lost(&streams), 0);
    }
}

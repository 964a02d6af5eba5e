//! Tells those who listen on this host what happens in sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;
use types::session::{Live, Logged};

/// News that wait for a slow listener. Beyond them it reads the log again, and misses what is not in it.
const WAITING: usize = 1024;

/// What happened.
#[derive(Debug, Clone)]
pub enum News {
    /// An event of the log.
    Logged(Logged),
    /// Something that nobody keeps.
    Live(Live),
    /// The session was deleted.
    Gone,
}

/// Listeners, by session.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<HashMap<String, broadcast::Sender<Arc<News>>>>>);

impl Hub {
    /// Hears of a session from now on.
    pub(crate) fn listen(&self, session: &str) -> broadcast::Receiver<Arc<News>> {
        let mut all = self.lock();
        all.retain(|_, sender| sender.receiver_count() > 0);
        all.entry(session.into())
            .or_insert_with(|| broadcast::channel(WAITING).0)
            .subscribe()
    }

    /// Tells those who listen.
    pub(crate) fn tell(&self, session: &str, news: News) {
        if let Some(sender) = self.lock().get(session) {
            // Nobody may be there any more.
            let _ = sender.send(Arc::new(news));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, broadcast::Sender<Arc<News>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

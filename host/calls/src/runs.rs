//! Answers that are given in the background on this host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Those that run, by their ids.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<HashMap<String, Run>>>);

struct Run {
    /// Something was added.
    news: watch::Sender<()>,
    task: Option<AbortHandle>,
}

/// Ends a run's entry.
pub(crate) struct Entry {
    runs: Runs,
    id: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.runs.lock().remove(&self.id);
    }
}

impl Runs {
    /// A run begins.
    pub(crate) fn begin(&self, id: &str) -> Entry {
        let run = Run {
            news: watch::Sender::new(()),
            task: None,
        };
        self.lock().insert(id.into(), run);
        Entry {
            runs: self.clone(),
            id: id.into(),
        }
    }

    /// Its task, so that it can be ended.
    pub(crate) fn is(&self, id: &str, task: AbortHandle) {
        if let Some(run) = self.lock().get_mut(id) {
            run.task = Some(task);
        }
    }

    /// Something of it was kept.
    pub(crate) fn tell(&self, id: &str) {
        if let Some(run) = self.lock().get(id) {
            run.news.send_replace(());
        }
    }

    /// Hears whenever something of it was kept; `None` where it doesn't run here.
    pub(crate) fn news(&self, id: &str) -> Option<watch::Receiver<()>> {
        self.lock().get(id).map(|run| run.news.subscribe())
    }

    /// Ends it, if it runs here.
    pub(crate) fn end(&self, id: &str) {
        if let Some(task) = self.lock().get(id).and_then(|run| run.task.as_ref()) {
            task.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

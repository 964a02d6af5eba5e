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
    /// A run begins; `None` where there are `most` already.
    pub(crate) fn begin(&self, id: &str, most: usize) -> Option<Entry> {
        let mut all = self.lock();
        if all.len() >= most {
            return None;
        }
        let run = Run {
            news: watch::Sender::new(()),
            task: None,
        };
        all.insert(id.into(), run);
        Some(Entry {
            runs: self.clone(),
            id: id.into(),
        })
    }

    /// Waits until none is left.
    pub(crate) async fn ended(&self) {
        loop {
            let next = self.lock().values().next().map(|run| run.news.subscribe());
            let Some(mut news) = next else { return };
            while news.changed().await.is_ok() {}
        }
    }

    /// Its task, so that it can be ended.
    pub(crate) fn set_task(&self, id: &str, task: AbortHandle) {
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

//! The handle by which the host writes, and the thread that does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::chain::Chain;
use crate::error::Error;
use crate::event::{Event, Who};
use crate::repeats::Repeats;

/// Notes that may wait for the writer. Beyond them they are counted and dropped, since no call waits for a note.
const WAITING: usize = 4096;

/// How often the writer looks whether a minute is over or a head is due.
const LOOK: Duration = Duration::from_secs(1);

/// An audit log, or none. Clones write to the same.
#[derive(Clone, Default)]
pub struct Log(Option<Handle>);

#[derive(Clone)]
struct Handle {
    inbox: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    /// To be on the disk before the answer is sent.
    Record(Who, Event, Reply),
    Note(Who, Event),
    Close(Reply),
}

type Reply = oneshot::Sender<Result<(), Error>>;

impl Log {
    /// No log: nothing is written.
    pub fn off() -> Self {
        Self(None)
    }

    /// Opens a log or begins one, mends what a killed host left, writes [`Event::HostStarted`] and signs it.
    ///
    /// # Errors
    /// The files can't be written, the key is no key or open to others, or another host has the log.
    pub fn open(path: &Path, version: &'static str) -> Result<Self, Error> {
        let mut chain = Chain::open(path)?;
        chain.append(Who::Host, &Event::HostStarted { version }, None)?;
        chain.sign()?;
        let (inbox, messages) = mpsc::channel(WAITING);
        let dropped = Arc::<AtomicU64>::default();
        let writer = Writer {
            chain,
            repeats: Repeats::default(),
            dropped: dropped.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(Error::at(path))?;
        std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || runtime.block_on(writer.run(messages)))
            .map_err(Error::at(path))?;
        Ok(Self(Some(Handle { inbox, dropped })))
    }

    /// Writes a row. When this returns, it is on the disk.
    ///
    /// # Errors
    /// It is not.
    pub async fn record(&self, who: Who, event: Event) -> Result<(), Error> {
        self.ask(|reply| Message::Record(who, event, reply)).await
    }

    /// Writes what may happen often: the first of its kind is a row, the others are counted in a row when the minute is over.
    /// Never waits.
    pub fn note(&self, who: Who, event: Event) {
        let Some(handle) = &self.0 else { return };
        if handle.inbox.try_send(Message::Note(who, event)).is_err() {
            handle.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what was counted and [`Event::HostStopped`], and signs the end. What comes later is not written.
    ///
    /// # Errors
    /// The end could not be written.
    pub async fn close(&self) -> Result<(), Error> {
        self.ask(Message::Close).await
    }

    async fn ask(&self, message: impl FnOnce(Reply) -> Message) -> Result<(), Error> {
        let Some(handle) = &self.0 else { return Ok(()) };
        let (reply, answer) = oneshot::channel();
        let sent = handle.inbox.send(message(reply)).await;
        sent.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

struct Writer {
    chain: Chain,
    repeats: Repeats,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            match timeout(LOOK, messages.recv()).await {
                Ok(Some(Message::Record(who, event, reply))) => {
                    let written = self.chain.append(who, &event, None);
                    let _ = reply.send(written.and_then(|()| self.chain.sync()));
                }
                Ok(Some(Message::Note(who, event))) => {
                    if let Some(first) = self.repeats.see(who, event, Instant::now()) {
                        self.write(who, &first, None);
                    }
                }
                Ok(Some(Message::Close(reply))) => {
                    let ended = self.end();
                    // Who asked may open the log again.
                    drop(self);
                    let _ = reply.send(ended);
                    return;
                }
                // The host ends without a word.
                Ok(None) => {
                    told(self.end());
                    return;
                }
                Err(_) => {}
            }
            self.count(Some(Instant::now()));
            told(self.chain.sign_if_due());
        }
    }

    /// Writes the counts of those whose minute is over; of all, at the end.
    fn count(&mut self, now: Option<Instant>) {
        for counted in self.repeats.over(now) {
            self.write(counted.who, &counted.event, Some(counted.more));
        }
        let count = self.dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            self.write(Who::Host, &Event::EventsDropped { count }, None);
        }
    }

    fn write(&mut self, who: Who, event: &Event, more: Option<u64>) {
        if let Err(error) = self.chain.append(who, event, more) {
            tracing::error!("a row of the audit log is lost: {error}");
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        self.count(None);
        self.chain.append(Who::Host, &Event::HostStopped {}, None)?;
        self.chain.sign()
    }
}

fn told(done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::error!("the audit log: {error}");
    }
}

//! The handle by which the host writes, and the thread that does.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::chain::Chain;
use crate::error::Error;
use crate::event::{Event, Who};
use crate::repeats::{Repeats, Row};

/// Records that may wait for the writer; beyond them who records waits too. Notes take no room here.
const WAITING: usize = 64;

/// How often the writer looks whether a minute is over or a head is due.
const LOOK: Duration = Duration::from_secs(1);

/// An audit log, or none. Clones write to the same.
#[derive(Clone, Default)]
pub struct Log(Option<Handle>);

#[derive(Clone)]
struct Handle {
    inbox: mpsc::Sender<Message>,
    noted: Noted,
}

/// What was noted, until it is written.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Repeats>>);

impl Noted {
    fn lock(&self) -> MutexGuard<'_, Repeats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Message {
    /// To be on the disk before the answer is sent.
    Record(Who, Event, Reply),
    /// Something was noted.
    Look,
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
        chain.append(Who::Host, Event::HostStarted { version }, None)?;
        chain.sign()?;
        let (inbox, messages) = mpsc::channel(WAITING);
        let noted = Noted::default();
        let writer = Writer {
            chain,
            noted: noted.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(Error::at(path))?;
        std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || runtime.block_on(writer.run(messages)))
            .map_err(Error::at(path))?;
        Ok(Self(Some(Handle { inbox, noted })))
    }

    /// Writes a row. When this returns, it is on the disk.
    ///
    /// # Errors
    /// It is not.
    pub async fn record(&self, who: Who, event: Event) -> Result<(), Error> {
        self.ask(|reply| Message::Record(who, event.cut(), reply))
            .await
    }

    /// Writes what may happen often: the first of its kind is a row, the others are counted in a row when the minute is over.
    /// Never waits for the disk. Where a plugin is refused more different things in a minute than are kept of it, the row of the others
    /// counts them.
    pub fn note(&self, who: Who, event: Event) {
        let Some(handle) = &self.0 else { return };
        // A long text is cut before others are kept waiting.
        let event = event.cut();
        let is_first = handle.noted.lock().see(who, event, Instant::now());
        if is_first {
            // A writer with a full inbox is about to look anyway.
            let _ = handle.inbox.try_send(Message::Look);
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
    noted: Noted,
}

impl Writer {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            let message = timeout(LOOK, messages.recv()).await;
            let firsts = self.noted.lock().firsts();
            self.write(firsts);
            match message {
                Ok(Some(Message::Record(who, event, reply))) => {
                    let written = self.chain.append(who, event, None);
                    let _ = reply.send(written.and_then(|()| self.chain.sync()));
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
                Ok(Some(Message::Look)) | Err(_) => {}
            }
            self.count(Some(Instant::now()));
            told(self.chain.sign_if_due());
        }
    }

    /// Writes the counts of those whose minute is over; of all, at the end.
    fn count(&mut self, now: Option<Instant>) {
        let (firsts, counted) = {
            let mut noted = self.noted.lock();
            (noted.firsts(), noted.over(now))
        };
        self.write(firsts);
        self.write(counted);
    }

    fn write(&mut self, rows: Vec<Row>) {
        for Row { who, event, more } in rows {
            if let Err(error) = self.chain.append(who, event, more) {
                tracing::error!("a row of the audit log is lost: {error}");
            }
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        self.count(None);
        self.chain.append(Who::Host, Event::HostStopped {}, None)?;
        self.chain.sign()
    }
}

fn told(done: Result<(), Error>) {
    if let Err(error) = done {
        tracing::error!("the audit log: {error}");
    }
}

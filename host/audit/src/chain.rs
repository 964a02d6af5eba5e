//! The log's file, open for more rows.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::error::Error;
use crate::event::{Event, Who};
use crate::heads::{Heads, append_to, beside};
use crate::row::{Row, hash};
use crate::verify::{read_heads, walk};

/// A head is signed after so many rows, and after so long with new rows.
const SIGN_ROWS: u64 = 100;
const SIGN_AFTER: Duration = Duration::from_secs(60);

/// The only writer of a log.
pub(crate) struct Chain {
    path: PathBuf,
    file: File,
    /// Of whole rows.
    length: u64,
    seq: u64,
    hash: String,
    heads: Heads,
    /// Rows since the last head, and when that was signed.
    unsigned: u64,
    signed: Instant,
    /// Rows may be in the system's memory only.
    dirty: bool,
}

impl Chain {
    /// Opens a log, or begins one. What a killed host left half written is cut off; that, and whatever else is not as it was left,
    /// is told in rows.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let new = !path.exists();
        let file = append_to(path).map_err(Error::at(path))?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => Error::Taken {
                path: path.to_owned(),
            },
            std::fs::TryLockError::Error(source) => Error::at(path)(source),
        })?;
        let heads = Heads::open(path)?;
        if new && let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
            // The name of the file is in the folder, which is on the disk only then.
            folder.sync_all().map_err(Error::at(path))?;
        }
        let length = file.metadata().map_err(Error::at(path))?.len();
        let mut chain = Self {
            path: path.to_owned(),
            file,
            length,
            seq: 0,
            hash: String::new(),
            heads,
            unsigned: 0,
            signed: Instant::now(),
            dirty: false,
        };
        chain.go_on()?;
        Ok(chain)
    }

    fn go_on(&mut self) -> Result<(), Error> {
        let at_fault = |chain: &Self| -> Result<_, Error> {
            let heads = read_heads(&beside(&chain.path, "heads"), |_| true)?;
            let known = heads.as_ref().cloned().unwrap_or_default();
            let tail = walk(&chain.path, &known)?;
            let fault = heads.err().or_else(|| tail.fault.clone());
            Ok((tail, fault))
        };
        let (mut tail, mut fault) = at_fault(self)?;
        let torn = tail.torn;
        if torn > 0 {
            self.file
                .set_len(tail.whole)
                .map_err(Error::at(&self.path))?;
            (tail, fault) = at_fault(self)?;
        }
        (self.length, self.seq, self.hash) = (tail.whole, tail.seq, tail.hash);
        if torn > 0 {
            tracing::warn!(
                file = %self.path.display(),
                "the audit log ended in the middle of a row: {torn} bytes are cut off"
            );
            self.append(Who::Host, &Event::LogRepaired { bytes: torn }, None)?;
        }
        if let Some(fault) = fault {
            let fault = fault.to_string();
            tracing::error!(file = %self.path.display(), "the audit log is not as it was left: {fault}");
            self.append(Who::Host, &Event::ChainBroken { fault }, None)?;
        }
        Ok(())
    }

    /// Writes a row. It is on the disk after [`Chain::sync`].
    pub(crate) fn append(
        &mut self,
        who: Who,
        event: &Event,
        more: Option<u64>,
    ) -> Result<(), Error> {
        let row = Row {
            seq: self.seq + 1,
            time: &now(),
            who,
            event,
            more,
            prev: &self.hash,
        };
        let mut line = serde_json::to_vec(&row).map_err(|e| Error::at(&self.path)(e.into()))?;
        let hash = hash(&line);
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Half a row must not stand before the next.
            let _ = self.file.set_len(self.length);
            return Err(Error::at(&self.path)(error));
        }
        self.length += line.len() as u64;
        self.seq += 1;
        self.hash = hash;
        self.unsigned += 1;
        self.dirty = true;
        Ok(())
    }

    /// Returns when all rows are on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if self.dirty {
            self.file.sync_data().map_err(Error::at(&self.path))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Signs the newest row, if it is time.
    pub(crate) fn sign_if_due(&mut self) -> Result<(), Error> {
        let due = self.unsigned >= SIGN_ROWS || self.signed.elapsed() >= SIGN_AFTER;
        if due { self.sign() } else { Ok(()) }
    }

    /// Signs the newest row, unless it is signed.
    pub(crate) fn sign(&mut self) -> Result<(), Error> {
        if self.unsigned == 0 {
            return Ok(());
        }
        self.sync()?;
        self.heads.sign(self.seq, &self.hash, now())?;
        self.unsigned = 0;
        self.signed = Instant::now();
        Ok(())
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

//! The log's file, open for more rows.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::error::Error;
use crate::event::{Event, Who};
use crate::heads::Heads;
use crate::key::{Key, Mark, Opened};
use crate::lines::Lines;
use crate::row::{FIRST, Row, hash};
use crate::verify::{Fault, Tail, walk};

/// A head is signed after so many rows, and after so long with new rows.
const SIGN_ROWS: u64 = 100;
const SIGN_AFTER: Duration = Duration::from_secs(60);

/// The only writer of a log.
pub(crate) struct Chain {
    path: PathBuf,
    lines: Lines,
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
        let lines = Lines::open(path)?;
        lines.lock()?;
        let opened = Key::open(path)?;
        let mut faults = key_faults(&opened);
        let (is_new, mark) = (opened.is_new, opened.mark);
        let heads = Heads::open(path, opened.key)?;
        if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
            // The names of files are in the folder, which is on the disk only then.
            folder.sync_all().map_err(Error::at(path))?;
        }
        let mut chain = Self {
            path: path.to_owned(),
            lines,
            seq: 0,
            hash: FIRST.into(),
            heads,
            unsigned: 0,
            signed: Instant::now(),
            dirty: false,
        };
        let (mut tail, mut found) = chain.look(&mark)?;
        let torn = tail.torn;
        if torn > 0 {
            chain.lines.cut(tail.whole)?;
            (tail, found) = chain.look(&mark)?;
        }
        faults.extend(found);
        if is_new && (torn > 0 || !faults.is_empty()) {
            faults.insert(0, Fault::NewKey);
        }
        (chain.seq, chain.hash) = (tail.seq, tail.hash);
        chain.tell(torn, &faults)?;
        Ok(chain)
    }

    /// Where the log ends, and what is wrong with it.
    fn look(&self, mark: &Mark) -> Result<(Tail, Vec<Fault>), Error> {
        let mut faults = Vec::new();
        let heads = self.heads.read()?.unwrap_or_else(|fault| {
            faults.push(fault);
            Default::default()
        });
        let tail = walk(&self.path, &heads)?;
        if faults.is_empty() {
            if heads.is_empty() && tail.whole > 0 {
                faults.push(Fault::NoHeads);
            }
            if let Mark::Signed { seq, hash } = mark
                && heads.get(seq).is_none_or(|head| head.hash != *hash)
            {
                faults.push(Fault::HeadGone { row: *seq });
            }
        }
        faults.extend(tail.fault.clone());
        Ok((tail, faults))
    }

    fn tell(&mut self, torn: u64, faults: &[Fault]) -> Result<(), Error> {
        let file = self.path.display();
        if torn > 0 {
            tracing::warn!(
                %file,
                "the audit log ended in the middle of a row: {torn} bytes are cut off"
            );
        }
        let faults: Vec<_> = faults.iter().map(Fault::to_string).collect();
        let fault = faults.join("; ");
        if !fault.is_empty() {
            tracing::error!(%file, "the audit log is not as it was left: {fault}");
        }
        if torn > 0 {
            self.append(Who::Host, Event::LogRepaired { bytes: torn }, None)?;
        }
        if !fault.is_empty() {
            self.append(Who::Host, Event::ChainBroken { fault }, None)?;
        }
        Ok(())
    }

    /// Writes a row. It is on the disk after [`Chain::sync`].
    pub(crate) fn append(
        &mut self,
        who: Who,
        event: Event,
        more: Option<u64>,
    ) -> Result<(), Error> {
        let row = Row {
            seq: self.seq + 1,
            time: &now(),
            who,
            event: &event.cut(),
            more,
            prev: &self.hash,
        };
        let line = serde_json::to_vec(&row).map_err(|e| Error::at(&self.path)(e.into()))?;
        let hash = hash(&line);
        self.lines.append(line)?;
        self.seq += 1;
        self.hash = hash;
        self.unsigned += 1;
        self.dirty = true;
        Ok(())
    }

    /// Returns when all rows are on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        if self.dirty {
            self.lines.sync()?;
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
        self.heads.mark(self.seq, &self.hash)
    }
}

fn key_faults(opened: &Opened) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(name) = &opened.put_aside {
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        faults.push(Fault::OtherPublic { name: name.into() });
    }
    if opened.mark == Mark::Unreadable {
        faults.push(Fault::NoMark);
    }
    faults
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

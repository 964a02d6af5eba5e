//! Is the log as it was written?

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::error::Error;
use crate::event::CHAIN_BROKEN;
use crate::heads::Head;
use crate::key::public_key;
use crate::row::{FIRST, Found, hash};

/// What is wrong with a log. Rows are counted from 1, as `seq` does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The next row's hash is of something else.
    #[error("row {row} was altered")]
    Altered {
        /// Which.
        row: u64,
    },
    /// The line is no row at all.
    #[error("row {row} was altered: {reason}")]
    NoRow {
        /// Which.
        row: u64,
        /// What is wrong with the line.
        reason: String,
    },
    /// Another row stands in its place.
    #[error("row {row} is missing: row {found} stands in its place")]
    Missing {
        /// Which.
        row: u64,
        /// What stands there.
        found: u64,
    },
    /// The chain holds, and yet it is not the one that was signed.
    #[error(
        "row {row} is not the row that was signed: it, or the chain from row {since} on, was altered"
    )]
    NotSigned {
        /// The row of a head.
        row: u64,
        /// The first row that no earlier head vouches for.
        since: u64,
    },
    /// Signed rows are not there.
    #[error("row {row} is missing: the log is cut off, its head signed at {time} is row {head}")]
    CutOff {
        /// The first that is missing.
        row: u64,
        /// The last that is known of.
        head: u64,
        /// When that was signed.
        time: String,
    },
    /// The last line has no end.
    #[error(
        "row {row} is cut in the middle: the host was killed while it wrote, and mends that when it starts again, or somebody cut it"
    )]
    Torn {
        /// Which.
        row: u64,
    },
    /// A signed head is not as it was written.
    #[error("line {line} of the signed heads was altered, or signed with another key")]
    Head {
        /// Counted from 1.
        line: usize,
    },
    /// Without a head nobody can tell where the log ended.
    #[error(
        "row 1 can't be vouched for: there is no signed head, and a host signs one when it starts"
    )]
    NoHeads,
    /// Heads were cut off, or others put in their place.
    #[error(
        "row {row} was signed, as the key's file tells, and its head is missing: heads were cut off or replaced, and rows may be with them"
    )]
    HeadGone {
        /// The last row that is known to be signed.
        row: u64,
    },
    /// The key's file was not as it was left.
    #[error("the key's file doesn't tell which row was signed last")]
    NoMark,
    /// The key is gone with which the older rows were signed.
    #[error("the key is new, and the log, its signed heads or the public key are older")]
    NewKey,
    /// The public key was not of the host's key.
    #[error("the public key was another's, and is kept as {name}")]
    OtherPublic {
        /// Its file's name now.
        name: String,
    },
    /// All is as the host wrote it, and the host wrote that it found something.
    #[error("{}", listed(findings, *more))]
    Told {
        /// The first of them.
        findings: Vec<Finding>,
        /// So many others.
        more: u64,
    },
}

/// A row that tells what a start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub row: u64,
    /// What it tells.
    pub fault: String,
}

/// Findings that are named.
const NAMED: usize = 20;

fn listed(findings: &[Finding], more: u64) -> String {
    let mut lines = vec![
        "the chain holds, and tells that the log was not as it was left when a host started:"
            .into(),
    ];
    lines.extend(findings.iter().map(|Finding { row, fault }| {
        // A text that was altered must not speak to a terminal.
        format!("row {row}: {}", fault.replace(char::is_control, "\u{FFFD}"))
    }));
    if more > 0 {
        lines.push(format!("and {more} rows more"));
    }
    lines.join("\n")
}

/// A log that is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Rows.
    pub rows: u64,
    /// The last row that a head vouches for; those after it only the chain.
    pub signed: u64,
    /// When it was signed.
    pub time: String,
}

/// Where a log ends.
pub(crate) struct Tail {
    pub(crate) seq: u64,
    pub(crate) hash: String,
    /// Bytes of whole lines.
    pub(crate) whole: u64,
    /// Bytes behind them.
    pub(crate) torn: u64,
    pub(crate) fault: Option<Fault>,
    /// What rows tell of faults that were found when a host started.
    told: Vec<Finding>,
    more_told: u64,
}

/// Checks a log against its heads and the public key of its host.
///
/// # Errors
/// The outer one: a file can't be read. The inner: what is wrong with the log.
pub fn verify(log: &Path, heads: &Path, key: &Path) -> Result<Result<Verified, Fault>, Error> {
    let key = public_key(key)?;
    let heads = match read_heads(heads, |head| head.is_signed_by(&key))? {
        Ok(heads) => heads,
        Err(fault) => return Ok(Err(fault)),
    };
    let Some(last) = heads.values().next_back().cloned() else {
        return Ok(Err(Fault::NoHeads));
    };
    let tail = walk(log, &heads)?;
    Ok(match tail.fault {
        Some(fault) => Err(fault),
        None if !tail.told.is_empty() => Err(Fault::Told {
            findings: tail.told,
            more: tail.more_told,
        }),
        None => Ok(Verified {
            rows: tail.seq,
            signed: last.seq,
            time: last.time,
        }),
    })
}

/// The heads by their rows.
pub(crate) fn read_heads(
    path: &Path,
    is_good: impl Fn(&Head) -> bool,
) -> Result<Result<BTreeMap<u64, Head>, Fault>, Error> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(Error::at(path)(error)),
    };
    let mut heads = BTreeMap::<u64, Head>::new();
    for (at, line) in text.split_inclusive(|b| *b == b'\n').enumerate() {
        let head = line
            .strip_suffix(b"\n")
            .and_then(|line| serde_json::from_slice::<Head>(line).ok());
        let after = heads.keys().next_back().copied().unwrap_or_default();
        match head.filter(|head| head.seq > after && is_good(head)) {
            Some(head) => heads.insert(head.seq, head),
            None => return Ok(Err(Fault::Head { line: at + 1 })),
        };
    }
    Ok(Ok(heads))
}

/// Reads a log from its beginning to its end.
pub(crate) fn walk(path: &Path, heads: &BTreeMap<u64, Head>) -> Result<Tail, Error> {
    let file = File::open(path).map_err(Error::at(path))?;
    let mut lines = BufReader::new(file);
    let mut walk = Walk {
        heads,
        tail: Tail {
            seq: 0,
            hash: FIRST.into(),
            whole: 0,
            torn: 0,
            fault: None,
            told: Vec::new(),
            more_told: 0,
        },
        vouched: 0,
        unheld: None,
    };
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .map_err(Error::at(path))?
        > 0
    {
        match line.strip_suffix(b"\n") {
            Some(row) => walk.row(row),
            None => walk.tail.torn = line.len() as u64,
        }
        line.clear();
    }
    Ok(walk.end())
}

struct Walk<'a> {
    heads: &'a BTreeMap<u64, Head>,
    tail: Tail,
    /// The last row whose head fits.
    vouched: u64,
    /// A row that the one after it doesn't hold on to. Which of the two was altered shows in the link after that.
    unheld: Option<u64>,
}

impl Walk<'_> {
    fn row(&mut self, line: &[u8]) {
        let expected = self.tail.seq + 1;
        let before = std::mem::replace(&mut self.tail.hash, hash(line));
        self.tail.whole += line.len() as u64 + 1;
        self.tail.seq = expected;
        if self.tail.fault.is_some() {
            // The first fault counts; the rest is read to find the end.
            if let Ok(found) = serde_json::from_slice::<Found>(line) {
                self.tail.seq = found.seq;
            }
            return;
        }
        let found = match serde_json::from_slice::<Found>(line) {
            Ok(found) => found,
            Err(error) => {
                let reason = error.to_string();
                return self.fault(Fault::NoRow {
                    row: expected,
                    reason,
                });
            }
        };
        self.tail.seq = found.seq;
        if found.what == CHAIN_BROKEN {
            let fault = found.details["fault"].as_str().unwrap_or_default().into();
            match self.tail.told.len() < NAMED {
                true => self.tail.told.push(Finding {
                    row: found.seq,
                    fault,
                }),
                false => self.tail.more_told += 1,
            }
        }
        let holds = found.prev == before;
        if let Some(row) = self.unheld {
            let altered = if holds { row } else { row + 1 };
            return self.fault(Fault::Altered { row: altered });
        }
        if found.seq != expected {
            return self.fault(Fault::Missing {
                row: expected,
                found: found.seq,
            });
        }
        let head = self.heads.get(&expected);
        let is_signed = head.is_none_or(|head| head.hash == self.tail.hash);
        match (holds, is_signed) {
            (true, true) => {}
            (true, false) => self.fault(Fault::NotSigned {
                row: expected,
                since: self.vouched + 1,
            }),
            (false, false) => self.fault(Fault::Altered { row: expected }),
            (false, true) if expected == 1 => self.fault(Fault::Altered { row: 1 }),
            // A head vouches for this row: so it is the one before.
            (false, true) if head.is_some() => self.fault(Fault::Altered { row: expected - 1 }),
            (false, true) => self.unheld = Some(expected - 1),
        }
        if head.is_some() {
            self.vouched = expected;
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.tail.fault = Some(fault);
    }

    fn end(mut self) -> Tail {
        let next = self.tail.seq + 1;
        let last = self.heads.values().next_back();
        let found = match (self.unheld, last) {
            (Some(row), _) => Some(Fault::Altered { row }),
            (None, Some(head)) if head.seq >= next && self.tail.torn == 0 => Some(Fault::CutOff {
                row: next,
                head: head.seq,
                time: head.time.clone(),
            }),
            _ if self.tail.torn > 0 => Some(Fault::Torn { row: next }),
            _ => None,
        };
        self.tail.fault = self.tail.fault.take().or(found);
        self.tail
    }
}

//! The host's key, and beside it which row it signed last.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::{SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::heads::beside;
use crate::row::FIRST;

/// Of the key, in hexadecimal digits, with which its file begins.
const DIGITS: usize = 64;

/// A key that is open for signing.
pub(crate) struct Key {
    pub(crate) pair: SigningKey,
    file: File,
    path: PathBuf,
}

/// How a key was found.
pub(crate) struct Opened {
    pub(crate) key: Key,
    /// There was none.
    pub(crate) is_new: bool,
    pub(crate) mark: Mark,
    /// Where a public key that isn't of this key was put.
    pub(crate) put_aside: Option<PathBuf>,
}

/// What the key's file tells of the newest head. Who can't read the key has no older copy of it to put in its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing was signed yet.
    Unused,
    /// This row, or one after it.
    Signed { seq: u64, hash: String },
    /// A mark that isn't whole.
    Unreadable,
}

impl Mark {
    /// Of one length, so that a new mark needs no more room on the disk than the last.
    fn line(seq: u64, hash: &str) -> String {
        format!("\n{seq:020} {hash}\n")
    }

    fn read(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Unused;
        }
        let mark = text.trim().split_once(' ').and_then(|(seq, hash)| {
            let seq = seq.parse().ok()?;
            (Self::line(seq, hash) == text && hash.len() == FIRST.len()).then_some((seq, hash))
        });
        match mark {
            None => Self::Unreadable,
            Some((0, _)) => Self::Unused,
            Some((seq, hash)) => Self::Signed {
                seq,
                hash: hash.to_owned(),
            },
        }
    }
}

impl Key {
    /// Reads the key beside the log, or makes one, and writes its public half beside it.
    pub(crate) fn open(log: &Path) -> Result<Opened, Error> {
        let path = beside(log, "key");
        let wrong = |reason| Error::Key {
            path: path.clone(),
            reason,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(Error::at(&path))?;
        let mode = file.metadata().map_err(Error::at(&path))?.permissions();
        if mode.mode() & 0o077 != 0 {
            return Err(wrong("others can read this key: `chmod 600` it"));
        }
        let mut text = Zeroizing::new(String::with_capacity(4 * DIGITS));
        file.read_to_string(&mut text).map_err(Error::at(&path))?;
        let is_new = text.is_empty();
        if is_new {
            let seed = Zeroizing::new(rand::random::<[u8; 32]>());
            text.push_str(&Zeroizing::new(hex::encode(*seed)));
            text.push_str(&Mark::line(0, FIRST));
            let written = file
                .write_all_at(text.as_bytes(), 0)
                .and_then(|()| file.sync_all());
            if let Err(error) = written {
                // Half a key is none.
                let _ = file.set_len(0);
                return Err(Error::at(&path)(error));
            }
        }
        let mut seed = Zeroizing::new([0; 32]);
        let mark = text
            .split_at_checked(DIGITS)
            .filter(|(digits, _)| hex::decode_to_slice(digits, &mut *seed).is_ok())
            .map(|(_, rest)| Mark::read(rest))
            .ok_or_else(|| wrong("it is no key: it begins with 64 hexadecimal digits"))?;
        if mark == Mark::Unreadable {
            file.set_len(DIGITS as u64).map_err(Error::at(&path))?;
        }
        let pair = SigningKey::from_bytes(&seed);
        let public = beside(log, "pub");
        let put_aside = write_public(&public, &pair).map_err(Error::at(&public))?;
        Ok(Opened {
            key: Self { pair, file, path },
            is_new,
            mark,
            put_aside,
        })
    }

    /// Notes which row was signed. Its head must be on the disk already.
    pub(crate) fn mark(&self, seq: u64, hash: &str) -> Result<(), Error> {
        self.file
            .write_all_at(Mark::line(seq, hash).as_bytes(), DIGITS as u64)
            .and_then(|()| self.file.sync_data())
            .map_err(Error::at(&self.path))
    }
}

/// Another public key that stands there is evidence: it gets another name.
fn write_public(path: &Path, pair: &SigningKey) -> io::Result<Option<PathBuf>> {
    let text = hex::encode(pair.verifying_key().to_bytes());
    let found = match std::fs::read(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    if found.trim_ascii() == text.as_bytes() {
        return Ok(None);
    }
    let mut aside = None;
    // What a killed host left half written is nobody's.
    if !text.as_bytes().starts_with(&found) {
        let mut names = (1_u32..).map(|number| beside(path, &format!("replaced-{number}")));
        aside = names.find(|name| name.symlink_metadata().is_err());
        if let Some(name) = &aside {
            std::fs::rename(path, name)?;
        }
    }
    std::fs::write(path, text)?;
    Ok(aside)
}

/// A public key, as `FILE.pub` has it.
pub(crate) fn public_key(path: &Path) -> Result<VerifyingKey, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::at(path))?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes)
        .ok()
        .and_then(|()| VerifyingKey::from_bytes(&bytes).ok())
        .ok_or_else(|| Error::Key {
            path: path.to_owned(),
            reason: "it is no public key of 64 hexadecimal digits",
        })
}

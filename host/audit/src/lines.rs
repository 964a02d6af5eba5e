//! A file of lines that only grows.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// After a write that failed, on a full disk say, no half line stands before the next.
pub(crate) struct Lines {
    file: File,
    path: PathBuf,
    /// Of whole lines.
    length: u64,
    /// There may be more behind them.
    torn: bool,
}

impl Lines {
    /// Opens the file, or begins one that only its owner reads.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(Error::at(path))?;
        let length = file.metadata().map_err(Error::at(path))?.len();
        Ok(Self {
            file,
            path: path.to_owned(),
            length,
            torn: false,
        })
    }

    /// Keeps other hosts away.
    pub(crate) fn lock(&self) -> Result<(), Error> {
        self.file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => Error::Taken {
                path: self.path.clone(),
            },
            std::fs::TryLockError::Error(source) => Error::at(&self.path)(source),
        })
    }

    /// Bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Cuts off what stands behind so many bytes. Where that fails, it is done before the next line.
    pub(crate) fn cut(&mut self, length: u64) -> Result<(), Error> {
        self.length = length;
        self.torn = true;
        self.file.set_len(length).map_err(Error::at(&self.path))?;
        self.torn = false;
        Ok(())
    }

    /// Writes a line, which comes without its newline, or nothing.
    pub(crate) fn append(&mut self, mut line: Vec<u8>) -> Result<(), Error> {
        if self.torn {
            self.cut(self.length)?;
        }
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            let _ = self.cut(self.length);
            return Err(Error::at(&self.path)(error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Returns when all lines are on the disk.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::at(&self.path))
    }
}

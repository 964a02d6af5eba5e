//! Signed heads: which row was the newest, and when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::key::Key;
use crate::lines::Lines;
use crate::verify::{Fault, read_heads};

/// A file beside the log: its name with `.heads`, `.key` or `.pub` behind it.
pub fn beside(log: &Path, ending: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// A line of the file of heads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) seq: u64,
    /// Of that row.
    pub(crate) hash: String,
    pub(crate) time: String,
    signature: String,
}

impl Head {
    /// The words before keep a signature of ours from meaning anything else.
    fn signed(seq: u64, hash: &str, time: &str) -> String {
        format!("evenhand audit head 1\n{seq}\n{hash}\n{time}")
    }

    fn new(key: &SigningKey, seq: u64, hash: String, time: String) -> Self {
        let signature = key.sign(Self::signed(seq, &hash, &time).as_bytes());
        Self {
            seq,
            hash,
            time,
            signature: hex::encode(signature.to_bytes()),
        }
    }

    pub(crate) fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let mut bytes = [0; Signature::BYTE_SIZE];
        let signed = Self::signed(self.seq, &self.hash, &self.time);
        hex::decode_to_slice(&self.signature, &mut bytes).is_ok()
            // Capitals are another text for the same signature.
            && !self.signature.bytes().any(|b| b.is_ascii_uppercase())
            && key
                .verify_strict(signed.as_bytes(), &Signature::from_bytes(&bytes))
                .is_ok()
    }
}

/// The file of heads, open for more.
pub(crate) struct Heads {
    lines: Lines,
    path: PathBuf,
    key: Key,
}

impl Heads {
    /// Opens the file beside the log, and cuts off what a killed host left half written.
    pub(crate) fn open(log: &Path, key: Key) -> Result<Self, Error> {
        let path = beside(log, "heads");
        let mut lines = Lines::open(&path)?;
        let text = std::fs::read(&path).map_err(Error::at(&path))?;
        let whole = whole_lines(&text);
        if whole < text.len() {
            lines.cut(whole as u64)?;
        }
        Ok(Self { lines, path, key })
    }

    /// The heads that are there, if all of them are of the own key.
    pub(crate) fn read(&self) -> Result<Result<BTreeMap<u64, Head>, Fault>, Error> {
        let key = self.key.pair.verifying_key();
        read_heads(&self.path, |head| head.is_signed_by(&key))
    }

    /// Signs the newest row. It must be on the disk already.
    pub(crate) fn sign(&mut self, seq: u64, hash: &str, time: String) -> Result<(), Error> {
        let head = Head::new(&self.key.pair, seq, hash.to_owned(), time);
        let line = serde_json::to_vec(&head).map_err(|e| Error::at(&self.path)(e.into()))?;
        let before = self.lines.length();
        self.lines.append(line)?;
        self.lines.sync().inspect_err(|_| {
            // It will be signed again, and a row has one head.
            let _ = self.lines.cut(before);
        })
    }

    /// Notes in the key's file what was signed, so that heads that are cut off are missed.
    pub(crate) fn mark(&self, seq: u64, hash: &str) -> Result<(), Error> {
        self.key.mark(seq, hash)
    }
}

/// Bytes up to the last newline.
fn whole_lines(text: &[u8]) -> usize {
    text.iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1)
}

#[cfg(test)]
#[path = "heads_tests.rs"]
mod tests;

//! Signed heads: which row was the newest, and when.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::Error;

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
    file: File,
    path: PathBuf,
    key: SigningKey,
}

impl Heads {
    /// Opens the file beside the log, cuts off what a killed host left half written, and reads the key, or makes one.
    pub(crate) fn open(log: &Path) -> Result<Self, Error> {
        let path = beside(log, "heads");
        let key = key(log)?;
        let file = append_to(&path).map_err(Error::at(&path))?;
        let text = std::fs::read(&path).map_err(Error::at(&path))?;
        let whole = whole_lines(&text);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(Error::at(&path))?;
        }
        Ok(Self { file, path, key })
    }

    /// Signs the newest row. It must be on the disk already.
    pub(crate) fn sign(&mut self, seq: u64, hash: &str, time: String) -> Result<(), Error> {
        let head = Head::new(&self.key, seq, hash.to_owned(), time);
        let mut line = serde_json::to_vec(&head).map_err(|e| Error::at(&self.path)(e.into()))?;
        line.push(b'\n');
        let written = self
            .file
            .write_all(&line)
            .and_then(|()| self.file.sync_data());
        written.map_err(Error::at(&self.path))
    }
}

/// A file that only its owner reads and that only grows.
pub(crate) fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Bytes up to the last newline.
pub(crate) fn whole_lines(text: &[u8]) -> usize {
    text.iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1)
}

fn key(log: &Path) -> Result<SigningKey, Error> {
    let path = beside(log, "key");
    let wrong = |reason| Error::Key {
        path: path.clone(),
        reason,
    };
    let create = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path);
    let mut seed = Zeroizing::new([0; 32]);
    match create {
        Ok(mut file) => {
            *seed = rand::random();
            let text = Zeroizing::new(hex::encode(*seed));
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(Error::at(&path))?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mode = std::fs::metadata(&path).map_err(Error::at(&path))?;
            if mode.permissions().mode() & 0o077 != 0 {
                return Err(wrong("others can read this key: `chmod 600` it"));
            }
            let text = std::fs::read_to_string(&path).map(Zeroizing::new);
            let text = text.map_err(Error::at(&path))?;
            hex::decode_to_slice(text.trim(), &mut *seed)
                .map_err(|_| wrong("it is no key of 64 hexadecimal digits"))?;
        }
        Err(error) => return Err(Error::at(&path)(error)),
    }
    let key = SigningKey::from_bytes(&seed);
    let public = beside(log, "pub");
    let text = hex::encode(key.verifying_key().to_bytes());
    if std::fs::read_to_string(&public).ok().as_deref() != Some(&text) {
        std::fs::write(&public, text).map_err(Error::at(&public))?;
    }
    Ok(key)
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

//! Compiled forms on disk, which survive a restart. Each stands under the digest of what it was made of and carries a code that
//! only the holder of the folder's key can make: compiled forms are code, and a file that anybody may write is not.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, ensure};
use ring::digest::{self, SHA256, SHA256_OUTPUT_LEN};
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::process::geteuid;
use wasmtime::Engine;

use super::ARTIFACT;

/// The file with the folder's key.
const KEY: &str = "key";

/// Length of a key, as that of the hash: <https://www.rfc-editor.org/rfc/rfc2104#section-3>.
const KEY_LENGTH: usize = SHA256_OUTPUT_LEN;

/// Length of the code before each compiled form.
const CODE: usize = SHA256_OUTPUT_LEN;

/// A folder of compiled forms, bounded in size.
pub struct Cache {
    folder: PathBuf,
    size: u64,
    key: hmac::Key,
    /// What nobody was told of yet.
    replaced: Mutex<Vec<Replaced>>,
}

/// A file of a cache that was not ours or was changed. It was not used, and is made anew.
#[derive(Debug)]
pub struct Replaced {
    /// Where it is.
    pub file: PathBuf,
    /// It is the key of all entries; else it is an entry.
    pub is_key: bool,
    /// What was wrong with it.
    pub reason: String,
}

impl Replaced {
    fn new(file: &Path, is_key: bool, reason: &anyhow::Error) -> Self {
        let reason = format!("{reason:#}");
        tracing::warn!(
            file = %file.display(),
            "a file of the compile cache is not ours or was changed; it is made anew: {reason}"
        );
        Self {
            file: file.into(),
            is_key,
            reason,
        }
    }
}

/// What an entry is made of: component and engine.
pub(super) struct Name(String);

/// Why an entry is not used.
pub(super) enum Miss {
    /// There is none.
    Absent,
    /// There is one, which somebody else wrote or changed, or which can't be read.
    Refused(anyhow::Error),
}

impl Cache {
    /// Opens a folder, and makes it where it isn't there; at most `size` bytes are in it.
    ///
    /// # Errors
    /// It can't be made, or its key can't be read or made.
    pub fn open(folder: PathBuf, size: u64) -> anyhow::Result<Self> {
        let opened = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("the folder {} can't be made", folder.display()));
        let mut replaced = Vec::new();
        let key = opened.and_then(|()| key(&folder.join(KEY), &mut replaced))?;
        Ok(Self {
            folder,
            size,
            key: hmac::Key::new(HMAC_SHA256, &key),
            replaced: Mutex::new(replaced),
        })
    }

    /// An entry is not used.
    pub(super) fn refuse(&self, name: &Name, reason: &anyhow::Error) {
        let replaced = Replaced::new(&self.file(name), false, reason);
        self.lock().push(replaced);
    }

    /// What was refused since this was asked for.
    pub(super) fn replaced(&self) -> Vec<Replaced> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Replaced>> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where an entry is.
    pub(super) fn file(&self, name: &Name) -> PathBuf {
        self.folder.join(&name.0)
    }

    /// What is kept of this component for this engine.
    pub(super) fn read(&self, name: &Name) -> Result<Vec<u8>, Miss> {
        let file = match File::open(self.file(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Miss::Absent),
            Err(error) => return Err(Miss::Refused(error.into())),
        };
        let mut bytes = Vec::new();
        let read = (&file)
            .take(ARTIFACT + CODE as u64 + 1)
            .read_to_end(&mut bytes);
        read.map_err(|error| Miss::Refused(error.into()))?;
        let code = bytes.get(..CODE).unwrap_or_default();
        let artifact = bytes.get(CODE..).unwrap_or_default();
        if hmac::verify(&self.key, &said(name, artifact), code).is_err() {
            return Err(Miss::Refused(anyhow::anyhow!("its code does not verify")));
        }
        // What was used last goes last. Where it can't be told, it goes earlier.
        let _ = file.set_modified(SystemTime::now());
        bytes.drain(..CODE);
        Ok(bytes)
    }

    /// Keeps a compiled form, and lets the longest unused go where there is too much.
    pub(super) fn write(&self, name: &Name, artifact: &[u8]) -> anyhow::Result<()> {
        let code = hmac::sign(&self.key, &said(name, artifact));
        // Under the name stands a whole entry or none.
        let mut part = tempfile::Builder::new()
            .prefix("part-")
            .tempfile_in(&self.folder)?;
        part.write_all(code.as_ref())?;
        part.write_all(artifact)?;
        part.persist(self.file(name))?;
        self.prune()
    }

    fn prune(&self) -> anyhow::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another host may have removed it meanwhile.
            if let Ok(data) = entry.metadata()
                && data.is_file()
                && entry.file_name() != KEY
            {
                files.push((data.modified()?, data.len(), entry.path()));
            }
        }
        files.sort();
        let mut sum: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if sum <= self.size {
                break;
            }
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
            sum -= size;
        }
        Ok(())
    }
}

impl Name {
    pub(super) fn of(engine: &Engine, component: &[u8]) -> Self {
        let mut made = Digest(digest::Context::new(&SHA256));
        made.write(digest::digest(&SHA256, component).as_ref());
        engine.precompile_compatibility_hash().hash(&mut made);
        let hex = |byte: &u8| format!("{byte:02x}");
        let digest = made.0.finish();
        Self(digest.as_ref().iter().map(hex).collect::<String>() + ".compiled")
    }
}

/// What the code of an entry vouches for: the form, and that it is of this component. A good entry under another's name is none.
fn said(name: &Name, artifact: &[u8]) -> Vec<u8> {
    let artifact = digest::digest(&SHA256, artifact);
    [name.0.as_bytes(), artifact.as_ref()].concat()
}

/// SHA-256 in the place of a hash table's hash.
struct Digest(digest::Context);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Nobody asks: the whole digest is taken in its place.
    fn finish(&self) -> u64 {
        0
    }
}

/// The folder's key. One that others could read, or of another length, is no key: there will be a new one.
fn key(file: &Path, replaced: &mut Vec<Replaced>) -> anyhow::Result<Vec<u8>> {
    match existing(file) {
        Ok(Some(key)) => return Ok(key),
        Ok(None) => {}
        Err(reason) => {
            replaced.push(Replaced::new(file, true, &reason));
            fs::remove_file(file)
                .with_context(|| format!("{} can't be replaced", file.display()))?;
        }
    }
    let mut key = vec![0; KEY_LENGTH];
    SystemRandom::new()
        .fill(&mut key)
        .ok()
        .context("the system has no random numbers")?;
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| file.write_all(&key));
    match written {
        Ok(()) => Ok(key),
        // Another host was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            existing(file)?.with_context(|| format!("{} came and went", file.display()))
        }
        Err(error) => Err(error).with_context(|| format!("{} can't be made", file.display())),
    }
}

fn existing(file: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let (mode, owner) = (opened.metadata()?.mode() & 0o777, opened.metadata()?.uid());
    ensure!(
        mode & 0o077 == 0,
        "others can read it: its mode is {mode:o}"
    );
    ensure!(
        owner == geteuid().as_raw(),
        "it belongs to the user {owner}"
    );
    let mut key = Vec::new();
    opened.take(KEY_LENGTH as u64 + 1).read_to_end(&mut key)?;
    ensure!(key.len() == KEY_LENGTH, "it is not {KEY_LENGTH} bytes long");
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;

    fn name(text: &str) -> Name {
        Name(text.into())
    }

    fn refused(cache: &Cache, entry: &str) -> bool {
        matches!(cache.read(&name(entry)), Err(Miss::Refused(_)))
    }

    #[test]
    fn an_entry_is_what_was_written_under_its_name_with_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Cache::open(folder.path().into(), 1000).unwrap();
        let cache = open();
        let at = |entry: &str| folder.path().join(entry);
        assert!(matches!(cache.read(&name("a")), Err(Miss::Absent)));
        cache.write(&name("a"), b"code").unwrap();
        // Another start has the same key.
        assert!(open().read(&name("a")).is_ok_and(|it| it == b"code"));
        fs::copy(at("a"), at("b")).unwrap();
        assert!(refused(&cache, "b"));
        let whole = fs::read(at("a")).unwrap();
        for broken in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[broken] ^= 1;
            fs::write(at("a"), flipped).unwrap();
            assert!(refused(&cache, "a"), "byte {broken}");
            fs::write(at("a"), &whole[..broken]).unwrap();
            assert!(refused(&cache, "a"), "cut at {broken}");
        }
        fs::write(at("a"), &whole).unwrap();
        assert!(cache.read(&name("a")).is_ok());
        fs::write(at(KEY), [7; KEY_LENGTH]).unwrap();
        assert!(refused(&open(), "a"));
    }

    #[test]
    fn a_key_that_others_can_read_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Cache::open(folder.path().into(), 1000).unwrap();
        open().write(&name("a"), b"code").unwrap();
        let file = folder.path().join(KEY);
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(refused(&open(), "a"));
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().into(), 3 * (100 + CODE as u64)).unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        for (age, entry) in [(3, "a"), (2, "b"), (1, "c")] {
            cache.write(&name(entry), &[0; 100]).unwrap();
            let file = File::open(folder.path().join(entry)).unwrap();
            file.set_modified(SystemTime::now() - age * day).unwrap();
        }
        assert!(cache.read(&name("a")).is_ok());
        cache.write(&name("d"), &[0; 100]).unwrap();
        let here = |entry| cache.read(&name(entry)).is_ok();
        assert_eq!(["a", "b", "c", "d"].map(here), [true, false, true, true]);
    }
}

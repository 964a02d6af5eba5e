//! Model files for tests. `cargo xtask models` puts them where this looks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use plugin_cpu::Weights;

/// `$EVENHAND_MODELS`, or `evenhand/models` in the user's cache folder.
fn path(name: &str) -> PathBuf {
    let cache = || match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache"),
    };
    let folder = std::env::var_os("EVENHAND_MODELS").map(PathBuf::from);
    let path = folder
        .unwrap_or_else(|| cache().join("evenhand/models"))
        .join(name);
    assert!(
        path.is_file(),
        "{} is missing: run cargo xtask models",
        path.display()
    );
    path
}

/// The whole file.
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).expect("the file can be read")
}

/// The file as weights.
pub fn weights(name: &str) -> FileWeights {
    FileWeights(File::open(path(name)).expect("the file can be opened"))
}

pub struct FileWeights(File);

impl Weights for FileWeights {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read(&self, offset: u64, length: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length as usize];
        let read = self.0.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

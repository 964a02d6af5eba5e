//! Model files for tests. `cargo xtask models` puts them where this looks.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use plugin_cpu::Weights;

/// A file in `~/.cache/evenhand/models`.
fn path(name: &str) -> PathBuf {
    let home = std::env::home_dir().expect("HOME is set");
    let path = home.join(".cache/evenhand/models").join(name);
    assert!(
        path.is_file(),
        "{} is missing: run cargo xtask models",
        path.display()
    );
    path
}

/// The whole file.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).expect("the file can be read")
}

/// The file as weights.
pub(crate) fn weights(name: &str) -> FileWeights {
    FileWeights(File::open(path(name)).expect("the file can be opened"))
}

pub(crate) struct FileWeights(File);

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

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use sandbox::{Cache, Compiler};

use crate::{BINARY, COMPILED, ample, component, program, refused, sandbox};

/// What is logged from now on.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

/// The only entry of a folder.
fn entry(folder: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut entries = files.filter(|file| !file.ends_with("key"));
    let entry = entries.next().unwrap();
    assert_eq!(entries.next(), None);
    entry
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiled_form_survives_a_restart_and_a_changed_one_is_made_anew() {
    let log = Log::default();
    let to = log.clone();
    tracing_subscriber::fmt()
        .with_writer(move || to.clone())
        .init();
    let folder = tempfile::tempdir().unwrap();
    let cached = folder.path().join("deep/cache");
    let runs = folder.path().join("runs");
    let script = format!("echo >> {}; exec {BINARY} \"$@\"", runs.display());
    let binary = program(folder.path(), &script);
    let compiled = || std::fs::read(&runs).unwrap().len();
    // Each time a new sandbox, as after a restart.
    let load = async || {
        let cache = Cache::open(cached.clone(), 1 << 30).unwrap();
        let sandbox = sandbox(Compiler::child(binary.clone(), ample()).cached(cache));
        let told = refused(&sandbox, component("(component)")).await;
        assert!(told.contains(COMPILED), "{told}");
    };
    load().await;
    load().await;
    assert_eq!((compiled(), log.take().as_str()), (1, ""));

    let mut bytes = std::fs::read(entry(&cached)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(entry(&cached), bytes).unwrap();
    load().await;
    let told = log.take();
    assert!(told.contains("was changed; it is made anew"), "{told}");
    assert!(
        told.contains(&entry(&cached).display().to_string()),
        "{told}"
    );
    load().await;
    assert_eq!((compiled(), log.take().as_str()), (2, ""));

    std::fs::write(cached.join("key"), [0; 32]).unwrap();
    load().await;
    assert!(log.take().contains("is made anew"));
    std::fs::write(cached.join("key"), b"short").unwrap();
    load().await;
    let told = log.take();
    assert!(
        told.contains("is made anew") && told.contains("32 bytes"),
        "{told}"
    );
    load().await;
    assert_eq!((compiled(), log.take().as_str()), (4, ""));
}

//! An OCI registry for tests: Debian's `docker-registry`, on loopback, with its storage in a folder of the test's own.

#![deny(missing_docs)]
#![allow(clippy::missing_panics_doc)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running registry; it ends when dropped.
#[derive(Debug)]
pub struct TestRegistry {
    folder: TempDir,
    host: String,
    process: Child,
}

impl TestRegistry {
    /// Starts one, on a port that the system chooses, and waits until it listens.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("config.yml");
        let data = folder.path().join("data");
        let text = format!(
            "version: 0.1\n\
             log: {{level: info, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {:?}}}}}\n\
             http: {{addr: \"127.0.0.1:0\"}}\n",
            data.display().to_string()
        );
        std::fs::write(&settings, text).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&settings)
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is not there: install Debian's package of that name");
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        // It says where, once it listens.
        let host = log.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, place) = line.split_once("listening on ")?;
            Some(place.split('"').next()?.to_owned())
        });
        let host = host.expect("docker-registry ended before it listened");
        // Nobody waits for what else it says, and it must not wait for a reader.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            folder,
            host,
            process,
        }
    }

    /// Where it listens, `127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The file with the bytes of this digest, `sha256:…`: for tests that change them.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = Path::new("data/docker/registry/v2/blobs/sha256");
        let folder = self.folder.path().join(blobs);
        folder.join(&hex[..2]).join(hex).join("data")
    }

    /// Ends it: it is down from now on.
    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}

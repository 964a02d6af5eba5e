//! Read-only files of model weights, by the names of the grant.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use types::{Error, ErrorCode};
use wasmtime::component::Resource;

use crate::bindings::{weights as wit_weights, wit};
use crate::convert::error_in;
use crate::state::State;

/// Most bytes of one read: what a component copies at a time.
const READ: u32 = 1024 * 1024;

/// An open file of weights.
#[expect(unreachable_pub, reason = "bindgen! re-exports it")]
pub struct WeightsFile {
    file: Arc<File>,
    size: u64,
    name: String,
}

/// The files that a plugin was granted.
pub(crate) type Granted = BTreeMap<String, PathBuf>;

impl wit_weights::Host for State {
    async fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.plugin.weights.keys().cloned().collect())
    }

    async fn open(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<Resource<WeightsFile>, wit::Error>> {
        match open(&self.plugin.weights, name) {
            Ok(file) => Ok(Ok(self.table.push(file)?)),
            Err(error) => {
                if error.code == ErrorCode::RefusedByPolicy {
                    self.plugin.refused("weights", &error);
                }
                Ok(Err(error_in(error)))
            }
        }
    }
}

fn open(granted: &Granted, name: String) -> Result<WeightsFile, Error> {
    let path = granted.get(&name).ok_or_else(|| {
        Error::new(
            ErrorCode::RefusedByPolicy,
            format!(
                "the weights {name:?} are not granted: write them under [plugin.grant.weights]"
            ),
        )
    })?;
    let failed = |e: std::io::Error| {
        Error::new(
            ErrorCode::Internal,
            format!(
                "the weights {name:?} at {}: {e}; `evenhand models` fetches the default ones",
                path.display()
            ),
        )
    };
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok(WeightsFile {
        file: Arc::new(file),
        size,
        name,
    })
}

impl wit_weights::HostFile for State {
    async fn size(&mut self, file: Resource<WeightsFile>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&file)?.size)
    }

    async fn read(
        &mut self,
        file: Resource<WeightsFile>,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, wit::Error>> {
        let opened = self.table.get(&file)?;
        let left = opened
            .size
            .saturating_sub(offset)
            .min(u64::from(length.min(READ)));
        let (file, name) = (opened.file.clone(), opened.name.clone());
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; left as usize];
            file.read_exact_at(&mut bytes, offset).map(|()| bytes)
        });
        Ok(read.await?.map_err(|e| {
            error_in(Error::new(
                ErrorCode::Internal,
                format!("reading the weights {name:?}: {e}"),
            ))
        }))
    }

    async fn drop(&mut self, file: Resource<WeightsFile>) -> wasmtime::Result<()> {
        self.table.delete(file)?;
        Ok(())
    }
}

//! Bytes that the host holds on a component's behalf.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use types::Error;

/// Most bytes that one `read` hands to a component.
const READ: usize = 64 * 1024;

/// A body: of a client's request or of an upstream's answer.
pub struct Body {
    ready: Bytes,
    rest: Option<BoxStream<'static, Result<Bytes, Error>>>,
}

impl Body {
    /// A body that is here already.
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self {
            ready: bytes,
            rest: None,
        }
    }

    /// A body that is still coming.
    pub fn from_stream(stream: BoxStream<'static, Result<Bytes, Error>>) -> Self {
        Self {
            ready: Bytes::new(),
            rest: Some(stream),
        }
    }

    /// The next bytes, as many as are here; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        // Empty chunks say nothing, and an endless row of them must not look like progress.
        while self.ready.is_empty() {
            match self.rest.as_mut()?.next().await? {
                Ok(bytes) => self.ready = bytes,
                Err(error) => {
                    self.rest = None;
                    return Some(Err(error));
                }
            }
        }
        Some(Ok(self.ready.split_to(self.ready.len().min(READ))))
    }

    /// Where all bytes are here already: those.
    pub(crate) fn into_bytes_or_stream(
        self,
    ) -> Result<Bytes, BoxStream<'static, Result<Bytes, Error>>> {
        match self.rest {
            None => Ok(self.ready),
            Some(rest) => Err(
                stream::iter((!self.ready.is_empty()).then_some(Ok(self.ready)))
                    .chain(rest)
                    .boxed(),
            ),
        }
    }

    /// All bytes as they come.
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes, Error>> {
        match self.into_bytes_or_stream() {
            Ok(bytes) => stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed(),
            Err(stream) => stream,
        }
    }
}

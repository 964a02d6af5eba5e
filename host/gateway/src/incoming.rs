//! The body of a client's request.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;
use types::{Error, ErrorCode};

/// A body that isn't here in this time is given up: enough for the largest over a slow line.
const READ: Duration = Duration::from_secs(120);

/// So much of a body that nobody wants is read all the same, for so long: a client that still sends would not see the answer.
const DISCARD: usize = 64 << 20;
const DISCARD_FOR: Duration = Duration::from_secs(10);

/// A body on its way.
pub(crate) struct Incoming(Body);

impl Incoming {
    pub(crate) fn new(body: Body) -> Self {
        Self(body)
    }

    /// All of it, if it is not larger than this.
    pub(crate) async fn read(&mut self, limit: u64) -> Result<Bytes, Error> {
        timeout(READ, self.collect(limit))
            .await
            .unwrap_or_else(|_| {
                let message = format!("the body was not complete within {READ:?}");
                Err(Error::bad_request(message))
            })
    }

    async fn collect(&mut self, limit: u64) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if (all.len() + piece.len()) as u64 > limit {
                let message = format!(
                    "the body has more than {limit} bytes, which is this host's limit (server.max_body)"
                );
                return Err(Error::new(ErrorCode::TooLarge, message));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.0.frame().await {
            let frame = frame
                .map_err(|error| Error::bad_request(format!("the body broke off: {error}")))?;
            // Trailers say nothing here.
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Reads the rest, if there is not too much of it; was that all?
    pub(crate) async fn discard(&mut self) -> bool {
        let rest = async {
            let mut size = 0;
            while size <= DISCARD {
                match self.next().await {
                    Ok(Some(piece)) => size += piece.len(),
                    Ok(None) => return true,
                    Err(_) => return false,
                }
            }
            false
        };
        timeout(DISCARD_FOR, rest).await.unwrap_or(false)
    }
}

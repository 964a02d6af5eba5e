//! How much of the network a plugin may use: `request_bytes`, `response_bytes`, `requests_per_minute` and `connections` of its limits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use bytesize::ByteSize;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use types::config::Limits;
use types::{Error, ErrorCode};

use crate::body::Body;
use crate::witness::Limited;

const MINUTE: Duration = Duration::from_secs(60);

/// What a plugin may still use. All its calls share it.
pub(crate) struct Quota {
    request_bytes: ByteSize,
    response_bytes: ByteSize,
    rate: Option<Rate>,
    connections: usize,
    free: Arc<Semaphore>,
    /// KiB that the host may hold of bodies that are to be signed.
    room: Arc<Semaphore>,
    told: Limited,
}

/// Bytes that the host holds for the plugin.
pub(crate) struct Held(
    #[expect(dead_code, reason = "they count while it is held")] Option<OwnedSemaphorePermit>,
);

/// How many bodies of the largest size are held at a time.
const BODIES: u64 = 4;

const KIB: u64 = 1024;

/// Held from the moment that a request is sent until its answer's body has ended.
pub(crate) struct Place(
    #[expect(dead_code, reason = "it counts while it is held")] OwnedSemaphorePermit,
);

impl Quota {
    pub(crate) fn new(limits: &Limits, told: Limited) -> Self {
        Self {
            told,
            request_bytes: limits.request_bytes,
            response_bytes: limits.response_bytes,
            rate: limits.requests_per_minute.map(Rate::new),
            connections: limits.connections,
            free: Arc::new(Semaphore::new(
                limits.connections.min(Semaphore::MAX_PERMITS),
            )),
            room: Arc::new(Semaphore::new(room(limits.request_bytes))),
        }
    }

    /// A request may be sent now.
    pub(crate) fn place(&self) -> Result<Place, Error> {
        let Ok(permit) = self.free.clone().try_acquire_owned() else {
            self.told.hit("connections");
            let message = format!(
                "{} requests of the plugin are open, as many as limits.connections allows; try again",
                self.connections
            );
            return Err(later(
                ErrorCode::Overloaded,
                message,
                Duration::from_secs(1),
            ));
        };
        if let Some(rate) = &self.rate
            && let Err(wait) = rate.take(Instant::now())
        {
            self.told.hit("requests_per_minute");
            let message = format!(
                "the plugin sent {} requests in a minute, as many as limits.requests_per_minute allows",
                rate.most
            );
            return Err(later(ErrorCode::RateLimited, message, wait));
        }
        Ok(Place(permit))
    }

    /// Is a body of this length within its limit?
    pub(crate) fn admits(&self, length: u64) -> Result<(), Error> {
        match length > self.request_bytes.as_u64() {
            true => Err(too_large(self.request_bytes, &self.told)),
            false => Ok(()),
        }
    }

    /// A request's body, within its limit.
    pub(crate) fn outgoing(&self, body: Body) -> Result<reqwest::Body, Error> {
        match body.into_bytes_or_stream() {
            Ok(bytes) => {
                self.admits(bytes.len() as u64)?;
                Ok(bytes.into())
            }
            Err(stream) => Ok(reqwest::Body::wrap_stream(self.limited(stream))),
        }
    }

    /// A request's body once all of it is here.
    pub(crate) async fn whole(&self, body: Body) -> Result<(Bytes, Held), Error> {
        let mut stream = match body.into_bytes_or_stream() {
            Ok(bytes) => return Ok((bytes, Held(None))),
            Err(stream) => self.limited(stream),
        };
        let (mut all, mut held) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
        while let Some(piece) = stream.try_next().await? {
            let needs = (all.len() + piece.len()).div_ceil(KIB as usize);
            let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
            let more = u32::try_from(needs - has).unwrap_or(u32::MAX);
            let Ok(more) = self.room.clone().try_acquire_many_owned(more) else {
                self.told.hit("request_bytes");
                let message = format!(
                    "the plugin's requests that wait to be signed have {BODIES} times limits.request_bytes, which is {}; try again",
                    self.request_bytes
                );
                return Err(later(
                    ErrorCode::Overloaded,
                    message,
                    Duration::from_secs(1),
                ));
            };
            match &mut held {
                Some(held) => held.merge(more),
                none => *none = Some(more),
            }
            all.extend_from_slice(&piece);
        }
        Ok((all.freeze(), Held(held)))
    }

    fn limited(
        &self,
        body: BoxStream<'static, Result<Bytes, Error>>,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        let (limit, told) = (self.request_bytes, self.told.clone());
        within(body, limit, (), move || too_large(limit, &told))
    }

    /// An answer's body, within its limit. At its end the place is free.
    pub(crate) fn incoming(
        &self,
        body: BoxStream<'static, Result<Bytes, Error>>,
        place: Place,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        let (limit, told) = (self.response_bytes, self.told.clone());
        within(body, limit, place, move || {
            told.hit("response_bytes");
            let message =
                format!("the answer's body is larger than limits.response_bytes, which is {limit}");
            Error::new(ErrorCode::Upstream, message)
        })
    }
}

/// A body up to its limit; `held` is dropped at its end.
fn within(
    body: BoxStream<'static, Result<Bytes, Error>>,
    limit: ByteSize,
    held: impl Send + 'static,
    too_large: impl Fn() -> Error + Send + 'static,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let begun = Some((body, limit.as_u64(), held, too_large));
    stream::unfold(begun, |rest| async {
        let (mut body, left, held, too_large) = rest?;
        let piece = match body.next().await? {
            Ok(piece) => piece,
            Err(error) => return Some((Err(error), None)),
        };
        match left.checked_sub(piece.len() as u64) {
            Some(left) => Some((Ok(piece), Some((body, left, held, too_large)))),
            None => Some((Err(too_large()), None)),
        }
    })
    .boxed()
}

/// KiB.
fn room(request_bytes: ByteSize) -> usize {
    let kib = request_bytes.as_u64().div_ceil(KIB).saturating_mul(BODIES);
    usize::try_from(kib).map_or(Semaphore::MAX_PERMITS, |kib| {
        kib.min(Semaphore::MAX_PERMITS)
    })
}

fn too_large(limit: ByteSize, told: &Limited) -> Error {
    told.hit("request_bytes");
    let message =
        format!("the request's body is larger than limits.request_bytes, which is {limit}");
    Error::new(ErrorCode::TooLarge, message)
}

fn later(code: ErrorCode, message: String, wait: Duration) -> Error {
    Error {
        retry_after_ms: Some(wait.as_millis().try_into().unwrap_or(u64::MAX)),
        ..Error::new(code, message)
    }
}

/// At most so many in any minute.
struct Rate {
    most: u32,
    /// When the last ones were, the oldest first.
    sent: Mutex<VecDeque<Instant>>,
}

impl Rate {
    fn new(most: u32) -> Self {
        Self {
            most,
            sent: Mutex::default(),
        }
    }

    /// Counts one, or says how long to wait.
    fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |then: &Instant| now.saturating_duration_since(*then);
        while sent.front().is_some_and(|first| age(first) >= MINUTE) {
            sent.pop_front();
        }
        match sent.front() {
            Some(first) if sent.len() >= self.most as usize => Err(MINUTE - age(first)),
            _ => {
                sent.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_than_allowed() {
        let rate = Rate::new(2);
        let begin = Instant::now();
        let at = |seconds: u64| rate.take(begin + Duration::from_secs(seconds));
        assert_eq!((at(0), at(50)), (Ok(()), Ok(())));
        assert_eq!(at(51), Err(Duration::from_secs(9)));
        assert_eq!(at(60), Ok(()));
        assert_eq!(at(61), Err(Duration::from_secs(49)));
        assert_eq!((at(110), at(120)), (Ok(()), Ok(())));
    }
}

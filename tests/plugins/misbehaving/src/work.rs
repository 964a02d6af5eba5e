//! What needs nothing from outside: time, memory, the log, and words of the contract.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use evenhand_sdk::log::{self, Level};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation};

use crate::{Answer, says};

const MIB: usize = 1 << 20;

/// An answer whose first batch is in order, and whose second is this.
pub(crate) fn later(second: impl FnMut() -> Result<Option<Vec<Event>>, Error> + 'static) -> Answer {
    struct Later<F>(Option<Vec<Event>>, F);
    impl<F: FnMut() -> Result<Option<Vec<Event>>, Error>> Generation for Later<F> {
        fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
            match self.0.take() {
                Some(first) => Ok(Some(first)),
                None => (self.1)(),
            }
        }
    }
    let first = vec![
        Event::started(None, None),
        Event::part_started(0, PartKind::Text),
        Event::text(0, "so far"),
    ];
    Ok(Box::new(Later(Some(first), second)))
}

/// One part after the other, without end.
pub(crate) fn parts() -> Answer {
    let mut index = 0;
    later(move || {
        index += 1;
        Ok(Some(vec![Event::part_started(index, PartKind::Text)]))
    })
}

/// Computes without end.
pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes and touches so many MiB at once; where none are said, one after the other without end.
pub(crate) fn allocate(mib: &str) -> Answer {
    let Ok(mib) = mib.parse::<usize>() else {
        let mut taken = Vec::new();
        loop {
            taken.push(black_box(vec![1_u8; MIB]));
        }
    };
    let taken = black_box(vec![1_u8; mib * MIB]);
    says(&taken.len().to_string())
}

/// Logs so many lines of a hundred bytes, by the import and to both standard streams, and one line of 100 KiB.
pub(crate) fn flood(lines: &str) -> Answer {
    let lines = number(lines)?;
    let line = "x".repeat(99);
    log::write(Level::Info, &"y".repeat(100 << 10));
    for _ in 0..lines {
        log::write(Level::Info, &line);
        println!("{line}");
        eprintln!("{line}");
    }
    says("logged")
}

/// How many calls this instance has seen.
pub(crate) fn count() -> Answer {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
    says(&calls.to_string())
}

/// Says what it finds of earlier calls, and leaves this one's words for later ones.
pub(crate) fn remember(said: &str) -> Answer {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    thread_local!(static HERE: RefCell<String> = const { RefCell::new(String::new()) });
    let mut found: Vec<String> = SEEN.lock().map_or_else(|_| Vec::new(), |seen| seen.clone());
    found.push(HERE.with(|here| here.replace(said.to_owned())));
    found.retain(|words| !words.is_empty());
    if let Ok(mut seen) = SEEN.lock() {
        seen.push(said.to_owned());
    }
    black_box(Box::leak(said.repeat(1000).into_boxed_str()));
    match found.is_empty() {
        true => says("nothing"),
        false => says(&found.join(", ")),
    }
}

/// An error of this code, with all that an error can have.
pub(crate) fn error(code: &str) -> Error {
    let code = match code {
        "bad-request" => ErrorCode::BadRequest,
        "unauthorised" => ErrorCode::Unauthorised,
        "forbidden" => ErrorCode::Forbidden,
        "not-found" => ErrorCode::NotFound,
        "too-large" => ErrorCode::TooLarge,
        "rate-limited" => ErrorCode::RateLimited,
        "overloaded" => ErrorCode::Overloaded,
        "timed-out" => ErrorCode::TimedOut,
        "refused-by-policy" => ErrorCode::RefusedByPolicy,
        "unsupported" => ErrorCode::Unsupported,
        "upstream" => ErrorCode::Upstream,
        "cancelled" => ErrorCode::Cancelled,
        _ => ErrorCode::Internal,
    };
    Error {
        retry_after_ms: Some(1500),
        upstream: Some(UpstreamError {
            status: 418,
            body: "teapot".into(),
        }),
        ..Error::new(code, "as asked").at("messages")
    }
}

pub(crate) fn number(text: &str) -> Result<usize, Error> {
    text.parse()
        .map_err(|_| Error::bad_request(format!("{text:?} is no number")))
}

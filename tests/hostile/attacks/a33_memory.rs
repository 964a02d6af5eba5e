//! 33: leaves the words of a call in statics, thread-locals and leaked memory, and looks in all of its memory for those of others.

#![allow(unsafe_code, reason = "it reads all memory there is")]

use std::cell::RefCell;
use std::sync::Mutex;

use hostile::Answer;

/// How words are marked: made when it runs, so that it stands nowhere in the component itself.
fn mark() -> [u8; 4] {
    std::hint::black_box(*b"mark").map(|byte| byte + 1)
}

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
thread_local!(static HERE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

fn attack(said: &str) -> Answer {
    let mut found = SEEN.lock().map(|seen| seen.clone()).unwrap_or_default();
    found.extend(HERE.with(|here| here.borrow().clone()));
    found.extend(everywhere(said));
    if let Ok(mut seen) = SEEN.lock() {
        seen.push(said.to_owned());
    }
    HERE.with(|here| here.borrow_mut().push(said.to_owned()));
    std::hint::black_box(Box::leak(said.repeat(10_000).into_boxed_str()));
    hostile::says(&format!("{found:?}"))
}

/// Marked words in memory that are not this call's.
#[cfg(target_family = "wasm")]
fn everywhere(said: &str) -> Vec<String> {
    let end = core::arch::wasm32::memory_size(0) << 16;
    // SAFETY: all of it is memory of this instance; the first page is left out, since nothing may be at 0.
    let memory = unsafe { std::slice::from_raw_parts(1024 as *const u8, end - 1024) };
    let mark = mark();
    let is_marked = |words: &[u8]| {
        words.starts_with(&mark) && words[4] == b'-' && words[5..9].iter().all(u8::is_ascii_digit)
    };
    let marked = memory.windows(said.len().max(9));
    let others = marked.filter(|words| is_marked(words) && *words != said.as_bytes());
    others
        .map(|words| String::from_utf8_lossy(words).into_owned())
        .collect()
}

#[cfg(not(target_family = "wasm"))]
fn everywhere(_: &str) -> Vec<String> {
    vec![String::from_utf8_lossy(&mark()).into_owned()]
}

hostile::attack!(attack);

//! However a text is cut, no secret is left in it, and nothing else changes. The first byte cuts, 20 bytes are the secret.
#![no_main]

// The scrubber itself, without the sandbox and its compiler around it.
#[allow(dead_code, unreachable_pub)]
#[path = "../../../host/sandbox/src/scrub.rs"]
mod scrub;

use std::sync::Arc;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use scrub::{Masks, Scrubber};

fuzz_target!(|bytes: &[u8]| {
    let [cut, rest @ ..] = bytes else { return };
    let Some((secret, text)) = rest.split_at_checked(20) else { return };
    let Ok(secret) = std::str::from_utf8(secret) else { return };
    let mut masks = Masks::default();
    if secret.contains('*') || masks.add(secret).is_err() {
        return;
    }
    let secret = secret.trim().as_bytes();
    let mut scrubber = Scrubber::new(Arc::new(masks), Arc::default());
    let mut out = Vec::new();
    for chunk in text.chunks(usize::from(*cut).max(1)) {
        out.extend_from_slice(&scrubber.push(Bytes::copy_from_slice(chunk)));
    }
    out.extend_from_slice(&scrubber.finish());
    assert_eq!(out.len(), text.len());
    assert!(!out.windows(secret.len()).any(|at| at == secret));
    assert!(out.iter().zip(text).all(|(now, before)| now == before || *now == b'*'));
});

//! The SDK's reader of server-sent events: no cut changes what is read.
#![no_main]

use evenhand_sdk::sse::{Decoder, SseEvent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [cut, text @ ..] = bytes else { return };
    let read = |size: usize| {
        let (mut decoder, mut events) = (Decoder::default(), Vec::<SseEvent>::new());
        text.chunks(size).for_each(|chunk| decoder.push(chunk, &mut events));
        events
    };
    assert_eq!(read(usize::from(*cut).max(1)), read(usize::MAX));
});

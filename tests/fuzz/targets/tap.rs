//! The host's reader of streams on the native path: bytes pass as they are, however they are cut, and what is read is the same.
#![no_main]

use bytes::Bytes;
use dialects::{Wire, native::Tap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [kind, cut, text @ ..] = bytes else { return };
    let wires = [Wire::OpenAiChat, Wire::OpenAiResponses, Wire::AnthropicMessages];
    let wire = wires[usize::from(*kind) % wires.len()];
    let read = |size: usize, hide: bool| {
        let mut tap = Tap::new(wire, true, hide);
        let mut out = Vec::new();
        for chunk in text.chunks(size) {
            out.extend_from_slice(&tap.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&tap.finish());
        (out, tap.usage(), tap.ended())
    };
    let size = usize::from(*cut).max(1);
    let whole = read(usize::MAX, false);
    assert_eq!(whole.0, text);
    assert_eq!(read(size, false), whole);
    assert_eq!(read(size, true), read(usize::MAX, true));
});

//! The host's one look at a request on the native path: no panic, and what it changes is the model's name alone.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = dialects::native::scan(text);
});

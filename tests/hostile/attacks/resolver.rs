//! No attack but its stage: a library that is loaded into the host (`LD_PRELOAD`) and says what names of the test lead to. Which is
//! in `EVENHAND_TEST_NAMES`: `NAME=ADDRESS,ADDRESS;NAME=ADDRESS`; each look-up of a name gives its next address, and prints it.

#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "it stands for a function of the C library")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use libc::addrinfo;

type Resolve = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const addrinfo,
    *mut *mut addrinfo,
) -> c_int;

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

fn address(name: &str) -> Option<CString> {
    let names = std::env::var("EVENHAND_TEST_NAMES").ok()?;
    let mut entries = names.split(';').filter_map(|entry| entry.split_once('='));
    let (_, addresses) = entries.find(|(known, _)| *known == name)?;
    let addresses: Vec<&str> = addresses.split(',').collect();
    // One test asks for one name of several addresses, so one count is enough.
    let next = match addresses[..] {
        [only] => only,
        _ => addresses[LOOKUPS.fetch_add(1, Ordering::Relaxed) % addresses.len()],
    };
    // In one piece: others write there too.
    let _ = std::io::stderr().write_all(format!("{name} leads to {next}\n").as_bytes());
    CString::new(next).ok()
}

/// The C library's function of this name, but for names of the test.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    found: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: the caller's pointers are handed on as they are; the next library's function has this type.
    unsafe {
        let next = libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr());
        let resolve: Resolve = std::mem::transmute(next);
        let name = (!node.is_null()).then(|| CStr::from_ptr(node));
        let known = name.and_then(|name| address(name.to_str().ok()?));
        let node = known.as_ref().map_or(node, |address| address.as_ptr());
        resolve(node, service, hints, found)
    }
}

//! 1: loops without end in the middle of a host function: the host asks the component's own allocator for room for what it
//! gives back.

#![allow(unsafe_code, reason = "an allocator is unsafe")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use hostile::Answer;

static SPINS: AtomicBool = AtomicBool::new(false);

struct Spinning;

// SAFETY: the system's allocator, or no answer at all.
unsafe impl GlobalAlloc for Spinning {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if SPINS.load(Ordering::Relaxed) {
            hostile::spin();
        }
        // SAFETY: the caller keeps to what an allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above; what is given back was the system's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Spinning = Spinning;

fn attack(_: &str) -> Answer {
    SPINS.store(true, Ordering::Relaxed);
    let config: serde_json::Value = evenhand_sdk::config()?;
    SPINS.store(false, Ordering::Relaxed);
    hostile::says(&format!("came back with {config}"))
}

hostile::attack!(attack);

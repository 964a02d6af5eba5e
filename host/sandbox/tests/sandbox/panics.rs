use std::io::{Result, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use types::ErrorCode;

use crate::support::{World, fails, says};

static PANICS: AtomicBool = AtomicBool::new(true);

/// Where log lines go; `log.write` is a host function, and this makes it panic.
struct Panics;

impl Write for Panics {
    fn write(&mut self, line: &[u8]) -> Result<usize> {
        let of_flood = line.windows(4).any(|part| part == b"yyyy");
        assert!(!(of_flood && PANICS.load(Ordering::Relaxed)), "as asked");
        Ok(line.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_in_a_host_function_costs_its_own_call_only() {
    tracing_subscriber::fmt().with_writer(|| Panics).init();
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some("as asked") {
            print(panic);
        }
    }));
    let world = World::new();
    world.run(async {
        let hostile = world.misbehaving("limits = { concurrency = 1 }").await;
        let good = world.load("misbehaving", "good", "").await.unwrap();
        // More than the pool has places, and the plugin has one: each is given back.
        for _ in 0..1100 {
            let error = fails(&hostile, "flood", "0").await;
            assert_eq!(error.code, ErrorCode::Internal, "{error}");
        }
        assert_eq!(says(&good, "answer", "").await, "here");
        PANICS.store(false, Ordering::Relaxed);
        assert_eq!(says(&hostile, "flood", "0").await, "logged");
    });
}

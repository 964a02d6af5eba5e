//! 16: logs without measure: many lines by every way there is, lines without an end, control characters.

use std::io::Write;

use evenhand_sdk::log::{self, Level};
use hostile::Answer;

fn attack(said: &str) -> Answer {
    if said == "error" {
        let forged = "failed\n2026-01-01 INFO evenhand: all is well\u{1b}[2J";
        return Err(evenhand_sdk::Error::upstream(forged));
    }
    if said == "empty" {
        (0..100_000).for_each(|_| log::write(Level::Info, ""));
        return hostile::says("logged");
    }
    log::write(
        Level::Info,
        "\u{1b}[2Jforged\n2026-01-01 INFO evenhand: all is well",
    );
    log::write(Level::Error, &"x".repeat(1 << 20));
    for line in 0..3_000 {
        log::write(Level::Info, &format!("by the import {line}"));
        println!("to standard output {line}");
        eprintln!("to standard error {line}");
    }
    let mut output = std::io::stdout();
    for _ in 0..200 {
        let _ = output.write_all(&[b'y'; 10_000]);
    }
    hostile::says("logged")
}

hostile::attack!(attack);

//! 4: calls itself without end.

use std::hint::black_box;

use hostile::Answer;

/// It can't be made a loop: which function is called, nobody knows.
fn deeper(depth: u64) -> u64 {
    let next: fn(u64) -> u64 = black_box(deeper);
    next(depth + 1).rotate_left(7)
}

fn attack(_: &str) -> Answer {
    hostile::says(&deeper(0).to_string())
}

hostile::attack!(attack);

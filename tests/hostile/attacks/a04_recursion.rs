//! 4: calls itself without end.

use std::hint::black_box;

use hostile::Answer;

#[allow(unconditional_recursion, reason = "that is the attack")]
fn deeper(depth: u64) -> u64 {
    let here = black_box([depth; 64]);
    deeper(black_box(depth + 1)) + here[1]
}

fn attack(_: &str) -> Answer {
    hostile::says(&deeper(0).to_string())
}

hostile::attack!(attack);

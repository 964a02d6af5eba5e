//! 11: traps on every call.

use hostile::Answer;

fn attack(_: &str) -> Answer {
    panic!("as ever")
}

hostile::attack!(attack);

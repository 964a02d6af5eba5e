//! 5: calls host functions by the million, each call tiny.

use evenhand_sdk::log::{self, Level};
use hostile::Answer;

fn attack(_: &str) -> Answer {
    for thousands in (100..).step_by(100) {
        for _ in 0..100_000 {
            evenhand_sdk::weights::names();
        }
        log::write(Level::Info, &format!("{thousands} thousand calls"));
    }
    unreachable!("it never ends")
}

hostile::attack!(attack);

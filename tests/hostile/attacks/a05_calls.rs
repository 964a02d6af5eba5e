//! 5: calls host functions by the million, each call tiny.

use evenhand_sdk::log::{self, Level};
use hostile::Answer;

fn attack(_: &str) -> Answer {
    for thousands in (10..).step_by(10) {
        for _ in 0..10_000 {
            evenhand_sdk::weights::names();
        }
        log::write(Level::Info, &format!("{thousands} thousand calls"));
    }
    unreachable!("it never ends")
}

hostile::attack!(attack);

//! 5: calls host functions millions of times, each call tiny.

use evenhand_sdk::log::{self, Level};
use hostile::Answer;

fn attack(_: &str) -> Answer {
    for millions in 1.. {
        for _ in 0..500_000 {
            evenhand_sdk::weights::names();
            log::write(Level::Trace, "");
        }
        log::write(Level::Info, &format!("{millions} million calls"));
    }
    unreachable!("it never ends")
}

hostile::attack!(attack);

//! 13: opens a million handles: of the host's resources, or of its own.

use evenhand_sdk::generated::provider::exports::evenhand::plugin::provider::{
    Generation, GuestGeneration,
};
use evenhand_sdk::types::Event;
use evenhand_sdk::{Error, weights};
use hostile::Answer;

const MILLION: usize = 1_000_000;

struct Nothing;

impl GuestGeneration for Nothing {
    fn next(&self) -> Result<Option<Vec<Event>>, Error> {
        Ok(None)
    }
}

fn attack(said: &str) -> Answer {
    if said == "own" {
        (0..MILLION).for_each(|_| std::mem::forget(Generation::new(Nothing)));
    } else {
        for _ in 0..MILLION {
            std::mem::forget(weights::open("w")?);
        }
    }
    hostile::says("a million handles")
}

hostile::attack!(attack);

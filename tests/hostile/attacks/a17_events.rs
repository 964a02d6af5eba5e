//! 17: a million events in one batch.

use evenhand_sdk::Generation;
use evenhand_sdk::types::Event;
use hostile::Answer;

fn attack(_: &str) -> Answer {
    let mut events = hostile::begin();
    events.resize_with(1_000_000, || Event::text(0, ""));
    Ok(Box::new(vec![events].into_iter()) as Box<dyn Generation>)
}

hostile::attack!(attack);

//! 15: an answer without end whose pieces say nothing: batches without events, or events without text.

use evenhand_sdk::types::Event;
use hostile::Answer;

fn attack(said: &str) -> Answer {
    match said {
        "batches" => hostile::later(|| Some(Vec::new())),
        _ => hostile::later(|| Some(vec![Event::text(0, ""); 100])),
    }
}

hostile::attack!(attack);

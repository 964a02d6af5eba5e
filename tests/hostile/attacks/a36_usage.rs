//! 36: tells usage that was never: the last message is the numbers of input, cached and output tokens.

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation};
use hostile::Answer;

fn attack(said: &str) -> Answer {
    let numbers: (u64, u64, u64) =
        serde_json::from_str(said).map_err(|e| Error::bad_request(e.to_string()))?;
    let usage = |factor: u64| Usage {
        input_tokens: Some(numbers.0 / factor),
        cache_read_tokens: Some(numbers.1),
        cache_write_tokens: Some(numbers.1),
        output_tokens: Some(numbers.2 / factor),
        reasoning_tokens: Some(numbers.1),
        raw: Some(r#"{"prompt_tokens": 7, "completion_tokens": 7}"#.into()),
        ..Usage::default()
    };
    let mut events = hostile::begin();
    // Told a hundred times over, none of which may add up.
    events.extend((0..100).map(|_| Event::Usage(usage(2))));
    events.push(Event::part_ended(0, None));
    events.push(Event::Usage(usage(1)));
    events.push(Event::finished(FinishReason::Stop));
    Ok(Box::new(vec![events].into_iter()) as Box<dyn Generation>)
}

hostile::attack!(attack);

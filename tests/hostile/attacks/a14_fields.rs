//! 14: floods of header fields, of warnings that become one, and of text in an error.

use evenhand_sdk::http::Request;
use evenhand_sdk::types::{ErrorCode, Event, FinishReason, UpstreamError};
use evenhand_sdk::{Error, Generation};
use hostile::{Answer, Targets};

const MIB: usize = 1 << 20;

fn attack(said: &str) -> Answer {
    let targets: Targets = evenhand_sdk::config()?;
    let request = Request::get(targets.granted);
    let fields =
        |count: usize, size: usize| (0..count).map(move |at| (format!("x-{at}"), "y".repeat(size)));
    match said {
        "many" => hostile::send(request.headers(fields(257, 1))),
        "long" => hostile::send(request.headers(fields(1, MIB))),
        "flood" => hostile::send(request.headers(fields(100_000, 1))),
        "warnings" => {
            let warnings =
                (0..10_000).map(|at| Event::warning("x", format!("{at}\r\nx: y").repeat(9)));
            let mut events: Vec<Event> = warnings.collect();
            events.splice(0..0, hostile::begin());
            events.push(Event::part_ended(0, None));
            events.push(Event::finished(FinishReason::Stop));
            Ok(Box::new(vec![events].into_iter()) as Box<dyn Generation>)
        }
        _ => Err(Error {
            upstream: Some(UpstreamError {
                status: 500,
                body: "z".repeat(4 * MIB),
            }),
            param: Some("p".repeat(MIB)),
            ..Error::new(ErrorCode::Upstream, "e\n".repeat(2 * MIB))
        }),
    }
}

hostile::attack!(attack);

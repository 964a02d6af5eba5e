//! 34: takes all that there is and holds it: its place, and as many connections as the last message says.

use std::time::Duration;

use evenhand_sdk::http::Request;
use hostile::{Answer, Targets};

fn attack(said: &str) -> Answer {
    let targets: Targets = evenhand_sdk::config()?;
    let count: usize = said.parse().unwrap_or_default();
    let open = (0..count).map(|_| Request::get(format!("{}/slow", targets.granted)).send());
    let open = open.collect::<Result<Vec<_>, _>>()?;
    hostile::later(move || {
        std::thread::sleep(Duration::from_secs(3600));
        std::hint::black_box(&open);
        None
    })
}

hostile::attack!(attack);

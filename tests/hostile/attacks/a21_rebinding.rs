//! 21: a name that leads to a public address when it is checked and to this machine when it is connected to. Tried
//! twice, so that the check meets either.

use evenhand_sdk::http::Request;
use hostile::{Answer, Targets};

fn attack(_: &str) -> Answer {
    let targets: Targets = evenhand_sdk::config()?;
    let tries = (0..2).map(
        |_| match Request::get(format!("{}/", targets.granted)).send() {
            Ok(response) => format!("answered {}", response.status()),
            Err(error) => format!("{:?} {}", error.code, error.message),
        },
    );
    hostile::says(&tries.collect::<Vec<_>>().join("\n"))
}

hostile::attack!(attack);

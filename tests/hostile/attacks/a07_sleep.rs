//! 7: sleeps for an hour inside a host function: the clock's, or that of a request to a server that says nothing.

use std::time::Duration;

use evenhand_sdk::http::Request;
use hostile::{Answer, Targets};

fn attack(said: &str) -> Answer {
    if said == "send" {
        let targets: Targets = evenhand_sdk::config()?;
        return hostile::send(Request::get(format!("{}/silent", targets.granted)));
    }
    std::thread::sleep(Duration::from_secs(3600));
    hostile::says("slept")
}

hostile::attack!(attack);

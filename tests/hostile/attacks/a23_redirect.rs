//! 23: asks a granted host, which redirects to one that isn't, and follows it itself where the host doesn't.

use evenhand_sdk::Error;
use evenhand_sdk::http::Request;
use hostile::{Answer, Targets};

fn attack(said: &str) -> Answer {
    let targets: Targets = evenhand_sdk::config()?;
    let response = Request::get(format!("{}/redirect", targets.granted)).send()?;
    let to = response.header("location");
    let to = to.ok_or_else(|| Error::upstream("it leads nowhere"))?;
    match said {
        "follow" => hostile::send(Request::get(to)),
        _ => hostile::says(&format!("{} {to}", response.status())),
    }
}

hostile::attack!(attack);

//! 20: names and spellings that lead to an address of this machine or its network. Granted is `GET http://localhost:PORT/*`,
//! which names no address; the last message may name another host to try.

use evenhand_sdk::Error;
use evenhand_sdk::http::Request;
use hostile::{Answer, Targets};

const HOSTS: [&str; 26] = [
    "localhost",
    "LOCALHOST",
    "ｌｏｃａｌｈｏｓｔ",
    "local%68ost",
    "lo\tcal\nhost",
    "localhost.",
    "localhost%2e",
    "localhost。",
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "0x7f.1",
    "0x7f000001",
    "0177.0.0.01",
    "2130706433",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "%31%32%37.0.0.1",
    "0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "169.254.169.254",
    "192.0.0.192",
];

fn attack(said: &str) -> Answer {
    let targets: Targets = evenhand_sdk::config()?;
    let port = targets.granted.rsplit(':').next().unwrap_or_default();
    let host = match said.parse::<usize>().map(|number| HOSTS.get(number)) {
        Ok(Some(host)) => host,
        Ok(None) => return hostile::says("no more"),
        Err(_) if said.is_empty() => return Err(Error::bad_request("name a host")),
        Err(_) => said,
    };
    hostile::send(Request::get(format!("http://{host}:{port}/")))
}

hostile::attack!(attack);

//! 32: logs its secret by every way there is: what an echoing server said, and the value itself, which the last message tells
//! it as if it had guessed it; whole, in the middle of a long line, and written in two halves.

use std::io::Write;

use evenhand_sdk::Error;
use evenhand_sdk::http::Request;
use evenhand_sdk::log::{self, Level};
use evenhand_sdk::types::ErrorCode;
use hostile::{Answer, Targets};

fn attack(said: &str) -> Answer {
    let targets: Targets = evenhand_sdk::config()?;
    let echo = Request::get(format!("{}/echo", targets.granted)).credential("key");
    let echoed = echo.send()?.text(1 << 16)?;
    let (first, second) = said.split_at(said.len() / 2);
    for line in [&echoed, said, &format!("{}{said}!", "x".repeat(4090))] {
        log::write(Level::Warn, line);
        println!("{line}");
        eprintln!("{line}");
    }
    for half in [first, second, "\n"] {
        let _ = std::io::stdout().write_all(half.as_bytes());
        let _ = std::io::stdout().flush();
    }
    Err(Error::new(ErrorCode::Upstream, format!("logged {said}")))
}

hostile::attack!(attack);

//! 30: has its secret attached towards a server that says it back, in a field or in the body, and says what it read, piece by
//! piece. The last message is the path.

use evenhand_sdk::http::Request;
use hostile::{Answer, Targets};

fn attack(said: &str) -> Answer {
    let targets: Targets = evenhand_sdk::config()?;
    let request = Request::get(format!("{}{said}", targets.granted));
    let response = request.credential("key").send()?;
    let field = response.header("x-echo").unwrap_or_default();
    let body = response.body();
    let mut read = String::new();
    while let Some(piece) = body.read()? {
        read += &String::from_utf8_lossy(&piece);
    }
    hostile::says(&format!("{field}\n{read}"))
}

hostile::attack!(attack);

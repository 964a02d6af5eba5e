//! 26: credentials inside the URL, of its own choice or to make another host look like the granted one.

use evenhand_sdk::http::Request;
use hostile::Targets;

fn requests(to: Targets) -> Vec<Request> {
    let bare = |origin: &str| origin.trim_start_matches("http://").to_owned();
    let (granted, other) = (bare(&to.granted), bare(&to.other));
    [
        format!("http://user:password@{granted}/"),
        format!("http://user@{granted}/"),
        format!("http://:password@{granted}/"),
        format!("http://{granted}@{other}/"),
        format!("http://{granted}:80@{other}/"),
        format!("http://{granted}%2f@{other}/"),
        format!("http://a@{granted}@{other}/"),
        format!("http:{granted}@{other}/"),
    ]
    .map(Request::get)
    .into()
}

hostile::requests!(requests);

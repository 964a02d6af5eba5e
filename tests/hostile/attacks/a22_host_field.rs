//! 22: header fields and paths that name another host than the URL.

use evenhand_sdk::http::Request;
use hostile::Targets;

fn requests(to: Targets) -> Vec<Request> {
    let host = to.other.trim_start_matches("http://").to_owned();
    let get = || Request::get(format!("{}/", to.granted));
    let mut requests: Vec<Request> = [
        "host",
        "Host",
        ":authority",
        "proxy-connection",
        "connection",
        "upgrade",
    ]
    .map(|field| get().headers([(field.to_owned(), host.clone())]))
    .into();
    requests.extend(
        [
            format!("{}/{}/", to.granted, to.other),
            format!("{}//{host}/", to.granted),
            format!("{}\\@{host}/", to.granted),
            format!("{}#@{host}/", to.granted),
            format!("{}?@{host}/", to.granted),
        ]
        .map(Request::get),
    );
    requests
}

hostile::requests!(requests);

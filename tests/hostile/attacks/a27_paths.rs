//! 27: paths that begin like the granted one and lead out of it. Granted is `GET ORIGIN/open/*`.

use evenhand_sdk::http::Request;
use hostile::Targets;

fn requests(to: Targets) -> Vec<Request> {
    [
        "/open/../closed",
        "/open/./../closed",
        "/open/x/../../closed",
        "/open/%2e%2e/closed",
        "/open/%2E%2e/closed",
        "/open/.%2e/closed",
        "/open/..%2fclosed",
        "/open/..%2Fclosed",
        "/open/%2e%2e%2fclosed",
        "/open%2f..%2fclosed",
        "/open/..%5cclosed",
        "/open/..\\closed",
        "\\open\\..\\closed",
        "/open/.\t./closed",
        "/open/.\n./closed",
        "//open/../closed",
        "/open/..;/closed",
        "/open/%252e%252e/closed",
        "/open/%c0%ae%c0%ae/closed",
        "/open/\u{2025}/closed",
        "/open/x?/../../closed",
    ]
    .map(|path| Request::get(format!("{}{path}", to.granted)))
    .into()
}

hostile::requests!(requests);

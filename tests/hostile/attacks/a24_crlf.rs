//! 24: line ends where a request's head would be cut: in the name and value of a field, in the method, in the URL.

use evenhand_sdk::http::Request;
use hostile::Targets;

const SECOND: &str = "x\r\nx-injected: yes\r\n\r\nGET /second HTTP/1.1\r\nhost: x\r\n\r\n";

fn requests(to: Targets) -> Vec<Request> {
    let get = || Request::get(format!("{}/", to.granted));
    let field = |name: &str, value: &str| get().headers([(name.to_owned(), value.to_owned())]);
    vec![
        field("x-a", SECOND),
        field("x-a", "x\nx-injected: yes"),
        field("x-a", "x\rx-injected: yes"),
        field("x-a", "x\0"),
        field("x-a\r\nx-injected", "yes"),
        field("x-a: b\nx-injected", "yes"),
        field("x a", "yes"),
        field("", "yes"),
        Request::new(
            "GET / HTTP/1.1\r\nx-injected: yes\r\n\r\nGET",
            format!("{}/", to.granted),
        ),
        Request::get(format!("{}/{SECOND}", to.granted)),
        Request::get(format!("{}/?q={SECOND}", to.granted)),
        get().credential("k\r\nx-injected: yes"),
    ]
}

hostile::requests!(requests);

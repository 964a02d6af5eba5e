//! 18: requests to hosts that nobody granted, and by schemes that there aren't.

use evenhand_sdk::http::Request;
use hostile::Targets;

fn requests(to: Targets) -> Vec<Request> {
    let port = to.granted.rsplit(':').next().unwrap_or_default();
    [
        to.other.clone(),
        format!("http://127.0.0.1.nip.example:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("{}.nip.example/", to.granted),
        "http://vendor.example/".into(),
        "file:///etc/passwd".into(),
        "data:text/plain,hello".into(),
        "unix:///run/docker.sock".into(),
        "ws://127.0.0.1/".into(),
        "//127.0.0.1/".into(),
        String::new(),
    ]
    .map(Request::get)
    .into()
}

hostile::requests!(requests);

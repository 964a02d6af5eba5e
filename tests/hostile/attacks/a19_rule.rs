//! 19: a granted host with another port, method or path. Granted is `GET ORIGIN/open/*`.

use evenhand_sdk::http::Request;
use hostile::Targets;

fn requests(to: Targets) -> Vec<Request> {
    let open = format!("{}/open/x", to.granted);
    let methods = [
        "POST", "PUT", "DELETE", "HEAD", "CONNECT", "TRACE", "get", "GET ", "GETX", "",
    ];
    let paths = [
        "",
        "/",
        "/open",
        "/opened/x",
        "/Open/x",
        "/%6fpen/x",
        "/closed?/open/",
        "/closed#/open/",
    ];
    let mut requests: Vec<Request> = methods.map(|method| Request::new(method, &open)).into();
    requests.extend(paths.map(|path| Request::get(format!("{}{path}", to.granted))));
    requests.push(Request::get(format!("{}/open/x", to.other)));
    requests.push(Request::get("http://127.0.0.1/open/x"));
    requests
}

hostile::requests!(requests);

//! 25: fields that frame the body in another way than it is sent, so that its end would be a second request.

use evenhand_sdk::http::Request;
use hostile::Targets;

fn requests(to: Targets) -> Vec<Request> {
    let smuggled = serde_json::json!("GET /second HTTP/1.1\r\nhost: x\r\n\r\n");
    let fields: [&[(&str, &str)]; 9] = [
        &[("content-length", "0")],
        &[("Content-Length", "1000000")],
        &[("transfer-encoding", "chunked")],
        &[("Transfer-Encoding", "identity"), ("content-length", "3")],
        &[("te", "trailers")],
        &[("trailer", "x")],
        &[("expect", "100-continue")],
        &[("keep-alive", "timeout=1")],
        &[("upgrade", "h2c")],
    ];
    let post = |fields: &[(&str, &str)]| {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        let request = Request::post(format!("{}/", to.granted)).json(&smuggled);
        request.headers(fields)
    };
    fields.map(post).into()
}

hostile::requests!(requests);

//! 25: by `wasi:http`, whose body is written apart from its head: a length that the body doesn't have. The last message is the
//! length; the body is a second request.

#[cfg(target_family = "wasm")]
fn attack(said: &str) -> hostile::Answer {
    use evenhand_sdk::Error;
    use hostile::Targets;
    use wasip2::http::outgoing_handler;
    use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme};

    let targets: Targets = evenhand_sdk::config()?;
    let fields = Fields::from_list(&[("content-length".into(), said.into())]);
    let request = OutgoingRequest::new(fields.map_err(|e| Error::bad_request(e.to_string()))?);
    let authority = targets.granted.trim_start_matches("http://");
    let set = request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_method(&Method::Post))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some("/")));
    if set.is_err() {
        return hostile::says("refused as a URL");
    }
    let Ok(body) = request.body() else {
        return hostile::says("refused as a body");
    };
    let coming = match outgoing_handler::handle(request, None) {
        Ok(coming) => coming,
        Err(error) => return hostile::says(&format!("{error:?}")),
    };
    if let Ok(stream) = body.write() {
        let _ = stream.blocking_write_and_flush(b"GET /second HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    let finished = OutgoingBody::finish(body, None);
    coming.subscribe().block();
    match coming.get().and_then(Result::ok) {
        Some(Ok(answer)) => hostile::says(&answer.status().to_string()),
        other => hostile::says(&format!("{finished:?} {other:?}")),
    }
}

#[cfg(not(target_family = "wasm"))]
fn attack(_: &str) -> hostile::Answer {
    hostile::says("there is no wasi here")
}

hostile::attack!(attack);

//! 22: the same by `wasi:http`, whose requests have authority and path apart: the last message is both, in JSON.

#[cfg(target_family = "wasm")]
fn attack(said: &str) -> hostile::Answer {
    use evenhand_sdk::Error;
    use wasip2::http::outgoing_handler;
    use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

    let (authority, path, host): (String, String, String) =
        serde_json::from_str(said).map_err(|e| Error::bad_request(e.to_string()))?;
    let fields: Vec<(String, Vec<u8>)> = match host.is_empty() {
        true => Vec::new(),
        false => vec![("host".into(), host.into_bytes())],
    };
    let Ok(fields) = Fields::from_list(&fields) else {
        return hostile::says("refused as fields");
    };
    let request = OutgoingRequest::new(fields);
    let set = request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_authority(Some(&authority)))
        .and_then(|()| request.set_path_with_query(Some(&path)));
    if set.is_err() {
        return hostile::says("refused as a URL");
    }
    let coming = match outgoing_handler::handle(request, None) {
        Ok(coming) => coming,
        Err(error) => return hostile::says(&format!("{error:?}")),
    };
    coming.subscribe().block();
    match coming.get().and_then(Result::ok) {
        Some(Ok(answer)) => hostile::says(&answer.status().to_string()),
        other => hostile::says(&format!("{other:?}")),
    }
}

#[cfg(not(target_family = "wasm"))]
fn attack(_: &str) -> hostile::Answer {
    hostile::says("there is no wasi here")
}

hostile::attack!(attack);

//! A provider that no SDK of ours made: it reaches the outside by `wasi:http`. The model's name is `METHOD`, the last message the
//! URL; the answer is the vendor's status and body, or what `wasi:http` said.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode as Refused, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

#[allow(unsafe_code, unreachable_pub, clippy::all)]
mod generated {
    wit_bindgen::generate!({ world: "provider-world", path: "../../../wit" });
    export!(Component with_types_in self);

    pub(crate) struct Component;
}

use generated::Component;
use generated::evenhand::plugin::types::*;
use generated::exports::evenhand::plugin::provider::{Generation, Guest, GuestGeneration};

struct Said(std::cell::RefCell<Option<Vec<Event>>>);

impl GuestGeneration for Said {
    fn next(&self) -> Result<Option<Vec<Event>>, Error> {
        Ok(self.0.take())
    }
}

impl Guest for Component {
    type Generation = Said;

    fn check() -> Result<(), Error> {
        Ok(())
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        Ok(Vec::new())
    }

    fn generate(request: GenerateRequest) -> Result<Generation, Error> {
        let url = request
            .messages
            .last()
            .and_then(|message| message.parts.last());
        let Some(Part {
            content: Content::Text(url),
            ..
        }) = url
        else {
            return Err(failed("the message is the URL"));
        };
        let text = match send(&request.model, &url.text) {
            Ok((status, body)) => format!("{status} {body}"),
            Err(refused) => format!("{refused:?}"),
        };
        let (choice, index) = (0, 0);
        let events = vec![
            Event::Started(Started {
                id: None,
                model: None,
                service_tier: None,
            }),
            Event::PartStarted(PartStarted {
                choice,
                index,
                kind: PartKind::Text,
            }),
            Event::PartDelta(PartDelta {
                choice,
                index,
                delta: Delta::Text(text),
            }),
            Event::PartEnded(PartEnded {
                choice,
                index,
                provider_data: None,
            }),
            Event::Finished(Finished {
                choice,
                reason: FinishReason::Stop,
            }),
        ];
        Ok(Generation::new(Said(Some(events).into())))
    }

    fn embed(_: EmbedRequest) -> Result<Embeddings, Error> {
        Err(failed("it has no embeddings"))
    }

    fn count_tokens(_: GenerateRequest) -> Result<TokenCount, Error> {
        Err(failed("it counts nothing"))
    }
}

fn failed(message: &str) -> Error {
    Error {
        code: ErrorCode::Unsupported,
        message: message.into(),
        param: None,
        retry_after_ms: None,
        upstream: None,
    }
}

/// Sends `hello`, with its length.
fn send(method: &str, url: &str) -> Result<(u16, String), Refused> {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (authority, path) = rest.split_once('/').expect("a path");
    let fields = [("content-length".to_owned(), b"5".to_vec())];
    let request = OutgoingRequest::new(Fields::from_list(&fields).expect("a field"));
    let method = match method {
        "POST" => Method::Post,
        other => Method::Other(other.into()),
    };
    let scheme = if scheme == "https" {
        Scheme::Https
    } else {
        Scheme::Http
    };
    request.set_method(&method).expect("a method");
    request.set_scheme(Some(&scheme)).expect("a scheme");
    request
        .set_authority(Some(authority))
        .expect("an authority");
    request
        .set_path_with_query(Some(&format!("/{path}")))
        .expect("a path");
    let body = request.body().expect("the body");
    let coming = outgoing_handler::handle(request, None)?;
    let stream = body.write().expect("the stream");
    // Where the request was refused nobody reads the body.
    if stream.blocking_write_and_flush(b"hello").is_ok() {
        drop(stream);
        OutgoingBody::finish(body, None)?;
    }
    coming.subscribe().block();
    let answer = coming.get().expect("ready").expect("once")?;
    Ok((answer.status(), read(&answer)?))
}

fn read(answer: &IncomingResponse) -> Result<String, Refused> {
    let body = answer.consume().expect("the body");
    let stream = body.stream().expect("the stream");
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(bytes) => all.extend(bytes),
            Err(StreamError::Closed) => return Ok(String::from_utf8_lossy(&all).into_owned()),
            Err(StreamError::LastOperationFailed(error)) => {
                let refused = wasip2::http::types::http_error_code(&error);
                return Err(refused.unwrap_or(Refused::InternalError(None)));
            }
        }
    }
}

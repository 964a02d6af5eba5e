//! The native path: the client's bytes to the vendor and the vendor's back, with the model's name put in.

use async_stream::stream;
use bytes::Bytes;
use dialects::native::Tap;
use futures::StreamExt;
use sandbox::{Body, Forwarded};
use types::neutral::NativeRequest;
use types::{Error, ErrorCode};

use crate::{Attempt, Record, Reply};

/// Fields of a vendor's answer that speak of its connection or its own name, not of the answer. An address may have a
/// credential in its query, and SDKs follow it.
const CONNECTION: &[&str] = &[
    "alt-svc",
    "connection",
    "content-length",
    "content-location",
    "date",
    "keep-alive",
    "location",
    "proxy-authenticate",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Attempt<'_> {
    pub(crate) async fn native(&mut self) -> Result<Reply, Error> {
        let (request, scan, target) = (self.call.request, &self.call.scan, self.target);
        let wire = request.wire;
        // Asked for and hidden again, so that the host can count.
        let ask_usage = wire.asks_for_usage() && scan.stream && !scan.include_usage;
        let body = scan.splice(&request.body, &target.model, ask_usage);
        let native = NativeRequest {
            dialect: wire.id().into(),
            model: target.model.clone(),
            stream: scan.stream,
            headers: request.headers.clone(),
            query: request.query.clone(),
        };
        let Forwarded {
            status,
            headers,
            body,
        } = self
            .revision
            .plugin
            .forward(native, Body::from_bytes(body))
            .await?;
        let streams = headers
            .iter()
            .any(|(name, value)| name == "content-type" && value.starts_with("text/event-stream"));
        let headers = headers
            .into_iter()
            .filter(|(name, _)| !CONNECTION.contains(&name.as_str()))
            .chain([self.target_header()])
            .collect();
        let mut watched = Watched {
            tap: wire.tap(streams, ask_usage),
            record: self.record.take(),
        };
        watched.status(status);
        let body = match streams {
            true => spliced(body, watched, target.plugin.clone()),
            false => whole(body, watched),
        };
        Ok(Reply {
            status,
            headers,
            body,
        })
    }
}

/// An answer that goes by. However it ends, what the vendor told of the tokens is in the record.
struct Watched {
    tap: Tap,
    record: Option<Record>,
}

impl Watched {
    fn broke_off(&mut self) {
        if let Some(record) = &mut self.record {
            record.broke_off = true;
        }
    }

    fn status(&mut self, status: u16) {
        if let Some(record) = &mut self.record {
            record.status = status;
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(record) = &mut self.record {
            record.usage = self.tap.usage();
        }
    }
}

type Bytestream = futures::stream::BoxStream<'static, Result<Bytes, Error>>;

/// A stream. One that breaks off ends with the dialect's own error: an event that is not complete never reaches the client.
fn spliced(mut body: Bytestream, mut watched: Watched, plugin: String) -> Bytestream {
    stream! {
        while let Some(piece) = body.next().await {
            match piece {
                Ok(bytes) => {
                    let bytes = watched.tap.push(bytes);
                    if !bytes.is_empty() {
                        yield Ok(bytes);
                    }
                }
                Err(_) if watched.tap.ended() => break,
                Err(error) => {
                    let said = watched.tap.fail(&error.of(&plugin)).into();
                    watched.broke_off();
                    yield Ok(said);
                    return;
                }
            }
        }
        let rest = watched.tap.finish();
        if watched.tap.ended() {
            if !rest.is_empty() {
                yield Ok(rest);
            }
        } else {
            let error = Error::new(ErrorCode::Upstream, "the vendor's stream was cut off; send the request again");
            let said = watched.tap.fail(&error.of(&plugin)).into();
            watched.broke_off();
            yield Ok(said);
        }
    }
    .boxed()
}

/// A body in one piece. One that breaks off breaks the client's connection off too.
fn whole(body: Bytestream, mut watched: Watched) -> Bytestream {
    body.map(move |piece| match piece {
        Ok(bytes) => Ok(watched.tap.push(bytes)),
        Err(error) => {
            watched.broke_off();
            Err(error)
        }
    })
    .boxed()
}

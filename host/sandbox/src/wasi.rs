//! `wasi:http/outgoing-handler`, for components of other toolchains: the same gate as the `http` import, with the same rules, limits
//! and masks. Such a component can't name a credential, so those with `auto = true` are attached.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http_body::Body as _;
use http_body_util::{BodyExt, StreamBody};
use reqwest::header::CONTENT_LENGTH;
use tokio::time::timeout;
use types::{Error, ErrorCode};
use wasmtime_wasi_http::{
    Error as WasiError, RequestOptions, WasiBody, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::body::Body;
use crate::egress::Response;
use crate::outgoing::{Attach, Outgoing};
use crate::state::{Shared, State};

/// Sends a component's requests through its plugin's gate.
pub(crate) struct Gate(pub(crate) Arc<Shared>);

type Worker = Box<dyn Future<Output = Result<(), WasiError>> + Send>;
type Answer = Result<(http::Response<WasiBody>, Worker), WasiError>;

impl WasiHttpHooks for Gate {
    /// The gate names the host itself.
    fn set_host_header(&mut self) -> bool {
        false
    }

    /// Timeouts of connecting and between bytes are the host's own; the plugin's deadline and idle limit hold anyway.
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Worker,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let plugin = self.0.clone();
        Box::new(async move {
            let sent = plugin.send(outgoing(request));
            let sent = match options.and_then(|options| options.first_byte_timeout) {
                Some(limit) => timeout(limit, sent)
                    .await
                    .map_err(|_| WasiError::HttpResponseTimeout)?,
                None => sent.await,
            };
            let answer = sent.map_err(|error| {
                tracing::debug!(plugin = plugin.name, error = error.message, "egress");
                told(error)
            })?;
            Ok((incoming(answer)?, Box::new(async { Ok(()) }) as Worker))
        })
    }
}

fn outgoing(request: http::Request<WasiBody>) -> Outgoing {
    let (mut head, body) = request.into_parts();
    // The component's word, to which wasmtime holds it.
    let length = head.headers.remove(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), value.into_owned())
    });
    let empty = body.is_end_stream();
    let stream = body.into_data_stream().map_err(|error| {
        let message = format!("the plugin broke off the request's body: {error}");
        Error::new(ErrorCode::PluginFailed, message)
    });
    Outgoing {
        method: head.method.to_string(),
        url: head.uri.to_string(),
        headers: headers.collect(),
        payload: (!empty).then(|| Body::from_stream(Box::pin(stream))),
        length,
        attach: Attach::Auto,
    }
}

fn incoming(answer: Response) -> Result<http::Response<WasiBody>, WasiError> {
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = answer.body.map(Body::into_stream);
    let body = futures::stream::iter(body).flatten();
    let frames =
        body.map(|piece: Result<Bytes, Error>| piece.map(http_body::Frame::data).map_err(told));
    let body = BodyExt::boxed_unsync(StreamBody::new(frames));
    response
        .body(body)
        .map_err(|error| WasiError::InternalError(Some(error.to_string())))
}

/// An error in the words that `wasi:http` has.
fn told(error: Error) -> WasiError {
    match error.code {
        ErrorCode::RefusedByPolicy => WasiError::HttpRequestDenied,
        ErrorCode::TimedOut => WasiError::HttpResponseTimeout,
        ErrorCode::Overloaded => WasiError::ConnectionLimitReached,
        ErrorCode::TooLarge => WasiError::HttpRequestBodySize(None),
        _ => WasiError::InternalError(Some(error.message)),
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.computed = 0;
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.gate,
        }
    }
}

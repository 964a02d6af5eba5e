//! A vendor on loopback that tells what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;

/// What it saw of a request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        fields
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// `/stream` sends `piece` and then nothing for as long as the client stays; `/gate` answers once it is open; `/redirect` points
/// elsewhere; `/echo` repeats the request's head, byte by byte, and its credential in a field; `/encoded` answers in an
/// encoding that nobody asked for, `/plain` in none, by name; the rest says `ok`.
#[derive(Clone)]
pub(crate) struct Vendor {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    gone: watch::Receiver<bool>,
    /// How many wait at the gate, and whether it is open.
    gate: Arc<watch::Sender<(u32, bool)>>,
}

struct Gone(watch::Sender<bool>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

impl Vendor {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (left, gone) = watch::channel(false);
        let vendor = Self {
            address: listener.local_addr().unwrap(),
            seen,
            gone,
            gate: Arc::new(watch::Sender::new((0, false))),
        };
        let stream = move || async move {
            let (send, pieces) = mpsc::unbounded_channel();
            let _ = send.send(Bytes::from_static(b"piece"));
            let leaving = Gone(left.clone());
            let pieces = UnboundedReceiverStream::new(pieces).map(move |piece| {
                let _held = (&leaving, &send);
                Ok::<_, std::convert::Infallible>(piece)
            });
            Body::from_stream(pieces)
        };
        let gate = vendor.gate.clone();
        let wait = move || async move {
            gate.send_modify(|(waiting, _)| *waiting += 1);
            let _ = gate.subscribe().wait_for(|(_, open)| *open).await;
        };
        let redirect = || async {
            (
                StatusCode::FOUND,
                [("location", "http://elsewhere.example/")],
                "moved",
            )
        };
        let routes = Router::new()
            .route("/stream", any(stream))
            .route("/gate", get(wait))
            .route("/redirect", get(redirect))
            .route("/echo", any(echo))
            .route(
                "/encoded",
                any(|| async { ([("content-encoding", "x-none")], "ok") }),
            )
            .route(
                "/plain",
                any(|| async { ([("content-encoding", "Identity")], "ok") }),
            )
            .fallback(tell)
            .with_state(vendor.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        vendor
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The last request, and how many there were.
    pub(crate) fn last(&self) -> (Option<Seen>, usize) {
        let seen = self.seen.lock().unwrap();
        (seen.last().cloned(), seen.len())
    }

    /// Waits until somebody waits at `/gate`.
    pub(crate) async fn waited_for(&self) {
        let mut gate = self.gate.subscribe();
        gate.wait_for(|(waiting, _)| *waiting > 0).await.unwrap();
    }

    pub(crate) fn open(&self) {
        self.gate.send_modify(|(_, open)| *open = true);
    }

    /// Waits until whoever read `/stream` is gone.
    pub(crate) async fn left(&self) {
        let mut gone = self.gone.clone();
        gone.wait_for(|gone| *gone).await.unwrap();
    }
}

async fn echo(request: Request) -> Response {
    let told = format!("{} {:?}", request.uri(), request.headers());
    let credential = request.headers().get("authorization").cloned();
    // Who answers before all is there may break the connection of who still sends.
    let _ = axum::body::to_bytes(request.into_body(), 1 << 20).await;
    let bytes = told
        .into_bytes()
        .into_iter()
        .map(|byte| Bytes::from(vec![byte]));
    let body = futures::stream::iter(bytes.map(Ok::<_, std::convert::Infallible>));
    let mut response = Body::from_stream(body).into_response();
    if let Some(credential) = credential {
        response.headers_mut().insert("location", credential);
    }
    response
}

async fn tell(State(vendor): State<Vendor>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
    let seen = Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: headers.collect(),
        body: String::from_utf8(body.into()).unwrap(),
    };
    vendor.seen.lock().unwrap().push(seen);
    "ok".into_response()
}

//! A vendor that answers at once, so that what is left is the host's own time; or, where that is what matters, after 50 ms.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Json;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use futures::stream;
use serde_json::{Value, json};

/// The model whose answer takes 50 ms.
pub(crate) const SLOW: &str = "slow";

/// Pieces of text in a stream.
pub(crate) const CHUNKS: usize = 100;

static WHOLE: LazyLock<Bytes> = LazyLock::new(|| {
    let answer = json!({
        "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": { "role": "assistant", "content": "The capital of France is Paris.", "refusal": null },
        }],
        "usage": { "prompt_tokens": 140, "completion_tokens": 8, "total_tokens": 148 },
    });
    answer.to_string().into()
});

static PIECES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, "usage": usage,
        });
        Bytes::from(format!("data: {chunk}\n\n"))
    };
    let choice = |delta: Value, finish: Value| {
        let choices = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        chunk(choices, Value::Null)
    };
    let mut pieces = vec![choice(
        json!({ "role": "assistant", "content": "" }),
        Value::Null,
    )];
    pieces.extend((0..CHUNKS).map(|_| choice(json!({ "content": " word" }), Value::Null)));
    pieces.push(choice(json!({}), "stop".into()));
    let usage = json!({ "prompt_tokens": 140, "completion_tokens": 100, "total_tokens": 240 });
    pieces.push(chunk(json!([]), usage));
    pieces.push(Bytes::from_static(b"data: [DONE]\n\n"));
    pieces
});

/// Its origin.
pub(crate) async fn start() -> Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let routes = Router::new().route("/v1/chat/completions", post(answer));
    // As every vendor: a chunk must not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(origin)
}

async fn answer(Json(asked): Json<Value>) -> Response {
    if asked["model"] == SLOW {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if asked["stream"] != true {
        return ([(CONTENT_TYPE, "application/json")], WHOLE.clone()).into_response();
    }
    let pieces = stream::iter(PIECES.iter().cloned().map(Ok::<_, Infallible>));
    let body = Body::from_stream(pieces);
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

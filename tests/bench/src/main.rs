//! `cargo xtask bench`: what the host costs. One vendor, asked directly and through Evenhand in one run, so that only ratios matter:
//! the vendor, the client and Evenhand share this machine's cores.

mod evenhand;
mod load;
mod neighbours;
mod vendor;

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::evenhand::Evenhand;
use crate::load::Ask;

/// Requests of one after the other.
const SEQUENTIAL: usize = 2000;
/// Streams of one after the other.
const STREAMS: usize = 200;
/// Clients at a time, and for how long.
const CLIENTS: usize = 64;
const SPAN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<()> {
    let vendor = vendor::start().await?;
    let host = Evenhand::start(&vendor).await?;
    let chat = |origin: &str, model: &str, stream: bool| {
        Ask::new(format!("{origin}/v1/chat/completions"), body(model, stream))
    };
    let messages = |stream: bool| {
        let mut body = body("vendor/m", stream);
        body["max_tokens"] = 100.into();
        Ask::new(format!("{}/v1/messages", host.origin), body)
    };
    let ways = |stream| {
        [
            ("the vendor alone", chat(&vendor, "m", stream)),
            ("native path", chat(&host.origin, "vendor/m", stream)),
            ("translated", messages(stream)),
        ]
    };
    println!(
        "| what | the vendor alone | native path | translated | ratio native | ratio translated |"
    );
    println!("|---|---|---|---|---|---|");
    let (mut median, mut tail, mut rate, mut chunk) = (vec![], vec![], vec![], vec![]);
    for (_, ask) in ways(false) {
        let times = load::one_by_one(&ask, SEQUENTIAL).await?;
        median.push(micros(times[times.len() / 2]));
        tail.push(micros(times[times.len() * 99 / 100]));
    }
    for (_, ask) in ways(false) {
        rate.push(load::at_once(&ask, CLIENTS, SPAN).await?);
    }
    for (_, ask) in ways(true) {
        let times = load::one_by_one(&ask, STREAMS).await?;
        chunk.push(micros(times[times.len() / 2]) / vendor::CHUNKS as f64);
    }
    row("a whole answer, median, µs", &median);
    row("a whole answer, 99th percentile, µs", &tail);
    row(&format!("answers a second, {CLIENTS} clients"), &rate);
    row(
        &format!("a chunk of a stream of {}, µs", vendor::CHUNKS),
        &chunk,
    );
    neighbours::measure(&host.origin).await
}

fn body(model: &str, stream: bool) -> Value {
    json!({
        "model": model,
        "messages": [{ "role": "user", "content": "What is the capital of France? ".repeat(20) }],
        "stream": stream,
    })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn row(what: &str, values: &[f64]) {
    let [alone, native, translated] = values else {
        return;
    };
    println!(
        "| {what} | {alone:.1} | {native:.1} | {translated:.1} | {:.2} | {:.2} |",
        native / alone,
        translated / alone
    );
}

//! Requests, one by one or many at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

/// A request that is sent again and again.
#[derive(Clone)]
pub(crate) struct Ask {
    client: Client,
    url: String,
    body: String,
}

impl Ask {
    pub(crate) fn new(url: String, body: Value) -> Self {
        Self {
            client: Client::new(),
            url,
            body: body.to_string(),
        }
    }

    /// Begins an answer and doesn't read it.
    pub(crate) async fn begin(&self) -> Result<Response> {
        let answer = self.request().send().await?.error_for_status()?;
        Ok(answer)
    }

    fn request(&self) -> RequestBuilder {
        self.client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("anthropic-version", "2023-06-01")
            .body(self.body.clone())
    }

    async fn run(&self) -> Result<Duration> {
        let begun = Instant::now();
        let answer = self.request().send().await.context("no answer")?;
        let status = answer.status();
        let body = answer.bytes().await?;
        ensure!(
            status == 200,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(begun.elapsed())
    }
}

/// The times of so many, sorted; some before them warm up.
pub(crate) async fn one_by_one(ask: &Ask, times: usize) -> Result<Vec<Duration>> {
    for _ in 0..times / 10 {
        ask.run().await?;
    }
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        taken.push(ask.run().await?);
    }
    taken.sort_unstable();
    Ok(taken)
}

/// How many a second so many clients get.
pub(crate) async fn at_once(ask: &Ask, clients: usize, span: Duration) -> Result<f64> {
    let begun = Instant::now();
    let each = |_| {
        let ask = ask.clone();
        async move {
            let mut count = 0_u32;
            while begun.elapsed() < span {
                ask.run().await?;
                count += 1;
            }
            Ok::<_, anyhow::Error>(count)
        }
    };
    let counts = try_join_all((0..clients).map(each)).await?;
    Ok(f64::from(counts.iter().sum::<u32>()) / begun.elapsed().as_secs_f64())
}

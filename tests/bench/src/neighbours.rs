//! What components that compute without end cost a neighbour whose vendor takes 50 ms.

use anyhow::Result;
use futures::future::try_join_all;
use serde_json::json;

use crate::load::{Ask, one_by_one};
use crate::vendor::SLOW;
use crate::{body, micros};

/// Calls of the neighbour.
const CALLS: usize = 200;

/// One row for each number of spinners: none, one to a core, and four.
pub(crate) async fn measure(origin: &str) -> Result<()> {
    let neighbour = Ask::new(
        format!("{origin}/v1/chat/completions"),
        body(&format!("vendor/{SLOW}"), false),
    );
    let spinner = Ask::new(
        format!("{origin}/v1/messages"),
        json!({
            "model": "spinner/spin-later",
            "max_tokens": 100,
            "messages": [{ "role": "user", "content": "" }],
            "stream": true,
        }),
    );
    let cores = std::thread::available_parallelism()?.get();
    println!(
        "\n| beside components that spin | median, ms | 99th percentile, ms | ratio |\n|---|---|---|---|"
    );
    let mut alone = None;
    for spinners in [0, cores, 4 * cores] {
        // Their answers have begun; they spin as long as somebody waits for the rest.
        let held = try_join_all((0..spinners).map(|_| spinner.begin())).await?;
        let times = one_by_one(&neighbour, CALLS).await?;
        drop(held);
        let at = |percent: usize| micros(times[times.len() * percent / 100]) / 1000.0;
        let ratio = at(99) / *alone.get_or_insert(at(99));
        println!(
            "| {spinners} | {:.1} | {:.1} | {ratio:.2} |",
            at(50),
            at(99)
        );
    }
    Ok(())
}

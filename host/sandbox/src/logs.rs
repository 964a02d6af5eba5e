//! A plugin's log lines, capped: a component must not fill the operator's disk.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Most bytes that one call may log: one that says more says it to nobody.
const PER_CALL: u64 = 64 * 1024;

/// Most bytes of one line.
const PER_LINE: usize = 4 * 1024;

/// What a call may still log, by the import and by both standard streams.
pub(crate) struct Budget(AtomicU64);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU64::new(PER_CALL))
    }
}

impl Budget {
    /// The next call of a kept instance begins.
    pub(crate) fn refill(&self) {
        self.0.store(PER_CALL, Ordering::Relaxed);
    }

    /// Writes a line, cut where it is too long; nothing once the budget is spent.
    pub(crate) fn write(&self, plugin: &str, level: Level, line: &str) {
        let end = line.floor_char_boundary(PER_LINE);
        // A line stays one: a component writes no lines in another's name.
        let line = printable(&line[..end]);
        let cost = line.len() as u64 + 1;
        let Ok(before) = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left > 0).then(|| left.saturating_sub(cost))
            })
        else {
            return;
        };
        match level {
            Level::ERROR => tracing::error!(target: "plugin", plugin, "{line}"),
            Level::WARN => tracing::warn!(target: "plugin", plugin, "{line}"),
            Level::INFO => tracing::info!(target: "plugin", plugin, "{line}"),
            Level::DEBUG => tracing::debug!(target: "plugin", plugin, "{line}"),
            Level::TRACE => tracing::trace!(target: "plugin", plugin, "{line}"),
        }
        if before <= cost {
            tracing::warn!(target: "plugin", plugin, "further lines of this call are dropped: it logged {PER_CALL} bytes");
        }
    }
}

/// Text without control characters.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect::<String>().into()
}

/// Standard output and error of a component, as lines of its log.
#[derive(Clone)]
pub(crate) struct Output {
    plugin: String,
    budget: Arc<Budget>,
    line: Vec<u8>,
}

impl Output {
    pub(crate) fn new(plugin: &str, budget: &Arc<Budget>) -> Self {
        Self {
            plugin: plugin.into(),
            budget: budget.clone(),
            line: Vec::new(),
        }
    }

    fn flush_line(&mut self) {
        if !self.line.is_empty() {
            self.budget.write(
                &self.plugin,
                Level::INFO,
                &String::from_utf8_lossy(&self.line),
            );
            self.line.clear();
        }
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            let room = PER_LINE.saturating_sub(self.line.len());
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.flush_line();
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.flush_line();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.flush_line();
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

//! A plugin's log lines, capped: a component must not fill the operator's disk.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::scrub::Masks;
use crate::witness::Limited;

/// Most bytes that one call may log: one that says more says it to nobody.
const PER_CALL: u64 = 64 * 1024;

/// Most bytes of one line.
const PER_LINE: usize = 4 * 1024;

/// What stands before each line in the log: time, level, name. An empty one fills a disk too.
const HEAD: u64 = 100;

/// What a call may still log, by the import and by both standard streams.
pub(crate) struct Budget {
    left: AtomicU64,
    masks: Arc<Masks>,
    told: Limited,
}

impl Budget {
    /// `masks` has what no line may show.
    pub(crate) fn new(masks: &Arc<Masks>, told: Limited) -> Self {
        Self {
            left: AtomicU64::new(PER_CALL),
            masks: masks.clone(),
            told,
        }
    }

    /// The next call of a kept instance begins.
    pub(crate) fn refill(&self) {
        self.left.store(PER_CALL, Ordering::Relaxed);
    }

    /// Writes a line, cut where it is too long; nothing once the budget is spent.
    pub(crate) fn write(&self, plugin: &str, level: Level, line: &str) {
        if self.left.load(Ordering::Relaxed) == 0 {
            return;
        }
        // Before it is cut to its length: half a secret would not be found.
        let end = line.floor_char_boundary(PER_LINE + self.masks.longest());
        let line = self.masks.mask(&line[..end]);
        let end = line.floor_char_boundary(PER_LINE);
        // A line stays one: a component writes no lines in another's name.
        let line = printable(&line[..end]);
        let cost = line.len() as u64 + HEAD;
        let Ok(before) = self
            .left
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
            self.told.hit("log");
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
            let room = (PER_LINE + self.budget.masks.longest()).saturating_sub(self.line.len());
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::AsyncWriteExt;

    use super::*;

    const SECRET: &str = "sk-of-the-vendor-0123";

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_line_shows_no_secret_wherever_it_is_cut() {
        let mut masks = Masks::default();
        masks.add(SECRET).unwrap();
        let told = Limited {
            plugin: "p".into(),
            witness: Arc::new(crate::witness::Nobody),
        };
        let budget = Arc::new(Budget::new(&Arc::new(masks), told));
        let lines = Lines::default();
        let kept = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || kept.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        for before in [0, 1, PER_LINE - 10] {
            let line = format!("{}{SECRET}!", "x".repeat(before));
            budget.write("p", Level::INFO, &line);
            let mut output = Output::new("p", &budget);
            let (first, rest) = line.split_at(before + 5);
            for piece in [first, rest, "\nnext"] {
                output.write_all(piece.as_bytes()).await.unwrap();
            }
        }
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains(&SECRET[..4]), "{text}");
        assert_eq!(text.matches(&"*".repeat(SECRET.len())).count(), 4, "{text}");
        assert_eq!(text.matches("next").count(), 3);
    }
}

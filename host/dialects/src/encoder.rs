use types::{Error, neutral::Event};

/// Turns neutral events into the bytes of a stream (SSE frames, appended to `out`).
///
/// Call [`push`](Encoder::push) for each event, then exactly one of [`finish`](Encoder::finish) and
/// [`fail`](Encoder::fail).
pub trait Encoder: Send {
    /// Encodes one event. May append nothing: some dialects need to see what comes next.
    fn push(&mut self, event: Event, out: &mut String);

    /// The clean end. Without an `Event::Finished` before it, the answer was cut off, and this writes the dialect's
    /// error event instead.
    fn finish(&mut self, out: &mut String);

    /// The dialect's own error event. A clean ending never follows it.
    fn fail(&mut self, error: &Error, out: &mut String);
}

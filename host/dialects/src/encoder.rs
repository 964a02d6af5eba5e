use types::{Error, neutral::Event};

/// Turns neutral events into what a stream is made of, appended to `out`: the text of SSE frames, if nothing else is said.
///
/// Call [`push`](Encoder::push) for each event, then exactly one of [`finish`](Encoder::finish) and
/// [`fail`](Encoder::fail).
pub trait Encoder<Out = String>: Send {
    /// Encodes one event. May append nothing: some dialects need to see what comes next.
    fn push(&mut self, event: Event, out: &mut Out);

    /// The clean end. Without an `Event::Finished` before it, the answer was cut off, and this writes the dialect's
    /// error event instead.
    fn finish(&mut self, out: &mut Out);

    /// The dialect's own error event. A clean ending never follows it.
    fn fail(&mut self, error: &Error, out: &mut Out);
}

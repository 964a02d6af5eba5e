//! Server-sent events (WHATWG HTML, "Interpreting an event stream"), read piece by piece.
//!
//! Written here because the published parsers are bound to an async stream; a component pulls.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Error;
use crate::http::Body;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// The `event` field; empty: `message`.
    pub event: String,
    /// The `data` fields, joined by newlines.
    pub data: String,
}

impl SseEvent {
    /// The data as JSON.
    ///
    /// # Errors
    /// `upstream` where it is no JSON.
    pub fn json(&self) -> Result<serde_json::Value, Error> {
        serde_json::from_str(&self.data).map_err(|e| {
            Error::upstream(format!("an event of the vendor's answer is no JSON: {e}"))
        })
    }
}

/// Turns bytes, split anywhere, into events.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    after_cr: bool,
    first_line_seen: bool,
    event: String,
    data: Option<String>,
    id: String,
    last_id: String,
    retry: Option<Duration>,
}

impl Decoder {
    /// The id of the last event that had one, for `last-event-id` where the stream is asked for again; empty: there was none.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// How long the server wants one to wait before the stream is asked for again, where it said so.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Takes the next bytes and adds the events that they complete to `into`.
    pub fn push(&mut self, bytes: &[u8], into: &mut impl Extend<SseEvent>) {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = memchr::memchr2(b'\n', b'\r', rest) {
            self.line.extend_from_slice(&rest[..at]);
            let is_cr = rest[at] == b'\r';
            rest = &rest[at + 1..];
            if is_cr {
                match rest.split_first() {
                    Some((b'\n', after)) => rest = after,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            let line = std::mem::take(&mut self.line);
            self.end_line(&line, into);
        }
        self.line.extend_from_slice(rest);
    }

    fn end_line(&mut self, line: &[u8], into: &mut impl Extend<SseEvent>) {
        let line = match std::mem::replace(&mut self.first_line_seen, true) {
            false => line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line),
            true => line,
        };
        if line.is_empty() {
            self.last_id.clone_from(&self.id);
            let event = std::mem::take(&mut self.event);
            into.extend(self.data.take().map(|data| SseEvent { event, data }));
            return;
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(at) => (
                &line[..at],
                line[at + 1..].strip_prefix(b" ").unwrap_or(&line[at + 1..]),
            ),
            None => (line, &b""[..]),
        };
        let value = String::from_utf8_lossy(value);
        match field {
            b"event" => self.event = value.into_owned(),
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.data = Some(value.into_owned()),
            },
            b"id" if !value.contains('\0') => self.id = value.into_owned(),
            b"retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis);
            }
            _ => {}
        }
    }
}

/// The events of a body.
pub struct Events {
    body: Body,
    decoder: Decoder,
    ready: VecDeque<SseEvent>,
}

impl Events {
    /// Reads events from this body.
    pub fn new(body: Body) -> Self {
        Self {
            body,
            decoder: Decoder::default(),
            ready: VecDeque::new(),
        }
    }

    /// All events that one read brings, at least one; `None` at the end. An event that the end cuts off is dropped.
    ///
    /// # Errors
    /// A connection that broke.
    pub fn next_batch(&mut self) -> Result<Option<Vec<SseEvent>>, Error> {
        while self.ready.is_empty() {
            match self.body.read()? {
                Some(bytes) => self.decoder.push(&bytes, &mut self.ready),
                None => return Ok(None),
            }
        }
        Ok(Some(self.ready.drain(..).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Vec<SseEvent> {
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.push(piece, &mut events);
        }
        events
    }

    #[test]
    fn an_event_split_at_every_byte_is_the_same_event() {
        let text = "\u{feff}: ping\r\nevent: a\r\ndata:{\"x\":\"é\"}\r\ndata: two\r\n\r\ndata\n\nid: 3\rdata: last\r\r".as_bytes();
        let whole = decode(&[text]);
        assert_eq!(
            whole,
            [
                SseEvent {
                    event: "a".into(),
                    data: "{\"x\":\"é\"}\ntwo".into()
                },
                SseEvent::default(),
                SseEvent {
                    event: String::new(),
                    data: "last".into()
                },
            ]
        );
        for at in 0..text.len() {
            assert_eq!(decode(&[&text[..at], &text[at..]]), whole, "split at {at}");
        }
    }

    #[test]
    fn an_id_counts_once_its_event_is_whole() {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        decoder.push(b"id: 1\nretry: 250\ndata:\n\nid: 2\ndata: x\n", &mut events);
        assert_eq!((decoder.last_id(), events.len()), ("1", 1));
        assert_eq!(decoder.retry(), Some(Duration::from_millis(250)));
        decoder.push(b"\ndata: y\nretry: soon\n\n", &mut events);
        assert_eq!((decoder.last_id(), events.len()), ("2", 3));
        assert_eq!(decoder.retry(), Some(Duration::from_millis(250)));
        decoder.push(b"id\n\n", &mut events);
        assert_eq!((decoder.last_id(), events.len()), ("", 3));
    }

    proptest! {
        #[test]
        fn no_split_changes_what_is_read(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), any::<u8>()], 0..200), at in 0usize..200) {
            let at = at.min(bytes.len());
            prop_assert_eq!(decode(&[&bytes]), decode(&[&bytes[..at], &bytes[at..]]));
        }
    }
}

//! Server-sent events going by: where each ends, and its data.

use memchr::memchr2;

use super::field::Field;

/// Most bytes of one event that are kept. Nearly all that tell usage or an end are far smaller; of larger ones only their
/// name, their end and one field are found.
pub(super) const MAX_EVENT: usize = 256 * 1024;

/// An event that went by.
#[derive(Debug)]
pub(super) enum Event {
    /// Its data.
    Kept(Vec<u8>),
    /// It was too large to be kept.
    Large {
        /// Its name, if it has one.
        name: Vec<u8>,
        /// The field that was looked for.
        found: Option<Vec<u8>>,
    },
}

#[derive(Debug, Default)]
pub(super) struct Events {
    /// A line that has not ended.
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// Nothing of this event was read yet but ends of lines.
    blank: bool,
    /// What its `event:` line says.
    name: Vec<u8>,
    /// The event is larger than what is kept.
    too_large: bool,
    /// The field to look for in such an event.
    path: &'static [&'static str],
    field: Option<Field>,
    after_cr: bool,
}

impl Events {
    /// `path`: the field that is found even in an event that is too large; empty: none.
    pub(super) fn new(path: &'static [&'static str]) -> Self {
        Self {
            blank: true,
            path,
            ..Self::default()
        }
    }

    /// Reads up to the end of an event, or all: how many bytes these are, and whether an event ended there.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while at < bytes.len() {
            if std::mem::take(&mut self.after_cr) && bytes[at] == b'\n' {
                at += 1;
                continue;
            }
            let Some(length) = memchr2(b'\n', b'\r', &bytes[at..]) else {
                self.keep(&bytes[at..]);
                return (bytes.len(), false);
            };
            self.keep(&bytes[at..at + length]);
            at += length + 1;
            self.after_cr = bytes[at - 1] == b'\r';
            if self.end_line() {
                // The second half of a CRLF belongs to the event, if it is here already.
                if self.after_cr && bytes.get(at) == Some(&b'\n') {
                    self.after_cr = false;
                    at += 1;
                }
                return (at, true);
            }
        }
        (at, false)
    }

    /// The next byte, if it is this one, belongs to the end of the event before.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let takes = self.blank && self.after_cr && byte == b'\n';
        self.after_cr &= !takes;
        takes
    }

    /// The event is too large to be one that matters.
    pub(super) fn too_large(&self) -> bool {
        self.too_large
    }

    /// The event that ended; the next begins.
    pub(super) fn take(&mut self) -> Option<Event> {
        self.blank = true;
        self.line.clear();
        let data = std::mem::take(&mut self.data);
        let name = std::mem::take(&mut self.name);
        let has_data = std::mem::take(&mut self.has_data);
        let field = self.field.take();
        match std::mem::take(&mut self.too_large) {
            true => Some(Event::Large {
                name,
                found: field.and_then(|field| field.value().map(<[u8]>::to_vec)),
            }),
            false => has_data.then_some(Event::Kept(data)),
        }
    }

    /// The end of the stream ends a line that has no end.
    pub(super) fn flush(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.blank &= bytes.is_empty();
        self.too_large |= self.line.len() + self.data.len() + bytes.len() > MAX_EVENT;
        if self.too_large {
            if !self.path.is_empty() {
                let field = self.field.get_or_insert_with(|| {
                    let mut field = Field::new(self.path);
                    field.read(&self.data);
                    field.read(&self.line);
                    field
                });
                field.read(bytes);
            }
            self.data.clear();
            // One byte tells that the line is not blank.
            self.line.truncate(1);
            self.line
                .extend(bytes.first().filter(|_| self.line.is_empty()));
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// Ends a line; a blank one ends the event.
    fn end_line(&mut self) -> bool {
        if self.line.is_empty() {
            return true;
        }
        if let Some(name) = self.line.strip_prefix(b"event:") {
            self.name = name.trim_ascii().to_vec();
        }
        if !self.too_large
            && let Some(data) = self.line.strip_prefix(b"data")
            && let Some(data) = match data {
                [] => Some(data),
                [b':', b' ', data @ ..] | [b':', data @ ..] => Some(data),
                _ => None,
            }
        {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data);
            self.has_data = true;
        }
        self.line.clear();
        false
    }
}

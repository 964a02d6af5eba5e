//! Server-sent events going by: where each ends, and its data.

use memchr::memchr2;

/// Most bytes of one event that are kept. Events that tell usage or an end are far smaller; of larger ones only their
/// end is found.
pub(super) const MAX_EVENT: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(super) struct Events {
    /// A line that has not ended.
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// Nothing of this event was read yet but ends of lines.
    blank: bool,
    /// The event is larger than what is kept.
    too_large: bool,
    after_cr: bool,
}

impl Events {
    pub(super) fn new() -> Self {
        Self {
            blank: true,
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

    /// The data of the event that ended; the next begins.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.blank = true;
        self.line.clear();
        let data = std::mem::take(&mut self.data);
        let has_data = std::mem::take(&mut self.has_data);
        let too_large = std::mem::take(&mut self.too_large);
        (has_data && !too_large).then_some(data)
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

//! One top-level field of a JSON object that goes by in pieces, without keeping the object: an answer with embeddings
//! is many megabytes, and what it used comes last.

/// Most bytes of the value that are kept; a larger one is not found.
const MAX_VALUE: usize = 64 * 1024;

/// Finds the field. Assumes JSON: of anything else it finds nothing useful, and does no harm.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    /// Open objects and arrays.
    depth: usize,
    /// Within a string.
    quoted: bool,
    /// The next byte is escaped.
    escaped: bool,
    /// What a string at the top level says, as far as it may be the name.
    key: Vec<u8>,
    place: Place,
    value: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// Before a key, or in one.
    Key,
    /// In the value of another field.
    Other,
    /// In the value.
    Here,
    /// Behind it.
    Done,
}

impl Field {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            depth: 0,
            quoted: false,
            escaped: false,
            key: Vec::new(),
            place: Place::Key,
            value: Vec::new(),
        }
    }

    pub(super) fn read(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.place == Place::Done {
                return;
            }
            // Most of a large body are values of other fields.
            if self.place == Place::Other && self.depth > 1 && !self.escaped {
                let skip = rest.iter().position(|b| b"\"\\[]{}".contains(b));
                rest = &rest[skip.unwrap_or(rest.len())..];
                let Some((&byte, after)) = rest.split_first() else {
                    return;
                };
                self.step(byte);
                rest = after;
                continue;
            }
            self.step(byte);
            rest = after;
        }
    }

    /// The value's JSON text, once all of it went by.
    pub(super) fn value(&self) -> Option<&[u8]> {
        (self.place == Place::Done && !self.value.is_empty()).then_some(&self.value)
    }

    fn step(&mut self, byte: u8) {
        let top = self.depth == 1;
        if self.quoted {
            if self.place == Place::Key && top && (byte != b'"' || self.escaped) {
                self.key.truncate(self.name.len());
                self.key.push(byte);
            }
            if self.escaped {
                self.escaped = false;
            } else if byte == b'\\' {
                self.escaped = true;
            } else if byte == b'"' {
                self.quoted = false;
            }
            return self.keep(byte);
        }
        match byte {
            b'"' => {
                self.quoted = true;
                if self.place == Place::Key {
                    self.key.clear();
                }
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.place = Place::Done;
                    return;
                }
            }
            b':' if top && self.place == Place::Key => {
                self.place = if self.key == self.name.as_bytes() {
                    Place::Here
                } else {
                    Place::Other
                };
                return;
            }
            b',' if top => {
                self.place = match self.place {
                    Place::Here => Place::Done,
                    _ => Place::Key,
                };
                return;
            }
            _ => {}
        }
        self.keep(byte);
    }

    fn keep(&mut self, byte: u8) {
        if self.place != Place::Here {
            return;
        }
        if self.value.len() == MAX_VALUE {
            self.value.clear();
            self.place = Place::Done;
            return;
        }
        self.value.push(byte);
    }
}

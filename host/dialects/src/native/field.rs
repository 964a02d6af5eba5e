//! One field of a JSON object, or of an object in it, that goes by in pieces, without keeping the object: an answer with
//! embeddings is many megabytes, and what it used comes last.

/// Most bytes of the value that are kept; a larger one is not found.
const MAX_VALUE: usize = 64 * 1024;

/// Finds the field. Assumes JSON: of anything else it finds nothing useful, and does no harm.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name, behind those of the objects that it is in.
    path: &'static [&'static str],
    /// How many of these objects are open.
    inside: usize,
    /// Open objects and arrays.
    depth: usize,
    /// Within a string.
    quoted: bool,
    /// The next byte is escaped.
    escaped: bool,
    /// What a string at this level says, as far as it may be the name.
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
    /// Before the next object on the path.
    Next,
    /// In the value.
    Here,
    /// Behind it.
    Done,
}

impl Field {
    pub(super) fn new(path: &'static [&'static str]) -> Self {
        Self {
            path,
            inside: 0,
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
            if self.place == Place::Other && self.depth > self.inside + 1 && !self.escaped {
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
        let top = self.depth == self.inside + 1;
        let name = self.path[self.inside];
        if self.quoted {
            if self.place == Place::Key && top && (byte != b'"' || self.escaped) {
                self.key.truncate(name.len());
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
            b'{' | b'[' => {
                if top && byte == b'{' && self.place == Place::Next {
                    self.inside += 1;
                    self.place = Place::Key;
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth <= self.inside {
                    if self.place == Place::Here || self.inside == 0 {
                        self.place = Place::Done;
                        return;
                    }
                    self.inside -= 1;
                    self.place = Place::Other;
                }
            }
            b':' if top && self.place == Place::Key => {
                self.place = if self.key != name.as_bytes() {
                    Place::Other
                } else if self.inside + 1 < self.path.len() {
                    Place::Next
                } else {
                    Place::Here
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

//! From the bytes of tokens to text that can be sent: whole characters, and nothing of a stop text.

use crate::error::Error;

/// Puts text together and watches for stop texts.
pub(crate) struct TextStream {
    stops: Vec<String>,
    /// The beginning of a character.
    bytes: Vec<u8>,
    /// Text that may be the beginning of a stop text.
    held: String,
}

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Text that can be sent.
    pub(crate) text: String,
    /// The stop text that came, if one did. What follows is not text any more.
    pub(crate) stop: Option<String>,
}

impl TextStream {
    pub(crate) fn new(stops: Vec<String>) -> Result<Self, Error> {
        if stops.iter().any(String::is_empty) {
            return Err(Error::Request("a stop text is empty".into()));
        }
        Ok(Self {
            stops,
            bytes: Vec::new(),
            held: String::new(),
        })
    }

    /// Takes the bytes of a token.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Piece {
        self.bytes.extend_from_slice(bytes);
        self.decode();
        let first = self
            .stops
            .iter()
            .filter_map(|stop| Some((self.held.find(stop)?, stop)))
            .min_by_key(|(at, _)| *at);
        if let Some((at, stop)) = first {
            let stop = stop.clone();
            self.held.truncate(at);
            return Piece {
                text: std::mem::take(&mut self.held),
                stop: Some(stop),
            };
        }
        let rest = self.held.split_off(self.held.len() - self.pending());
        Piece {
            text: std::mem::replace(&mut self.held, rest),
            stop: None,
        }
    }

    /// The text that was held back, for an answer that is over. Part of a character is no text.
    pub(crate) fn finish(&mut self) -> String {
        self.bytes.clear();
        std::mem::take(&mut self.held)
    }

    /// Moves whole characters to the text. Bytes that can't become one count as U+FFFD.
    fn decode(&mut self) {
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(text) => {
                    self.held.push_str(text);
                    self.bytes.clear();
                    return;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    self.held
                        .push_str(&String::from_utf8_lossy(&self.bytes[..valid]));
                    let Some(wrong) = error.error_len() else {
                        self.bytes.drain(..valid);
                        return;
                    };
                    self.held.push(char::REPLACEMENT_CHARACTER);
                    self.bytes.drain(..valid + wrong);
                }
            }
        }
    }

    /// Bytes at the end of the text that a stop text begins with.
    fn pending(&self) -> usize {
        let begun = |stop: &String| {
            let cuts = stop.char_indices().map(|(at, _)| at).rev();
            cuts.into_iter()
                .find(|at| self.held.ends_with(&stop[..*at]))
                .unwrap_or(0)
        };
        self.stops.iter().map(begun).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(stops: &[&str]) -> TextStream {
        TextStream::new(stops.iter().map(|s| (*s).to_owned()).collect()).unwrap()
    }

    fn text(piece: Piece) -> String {
        assert_eq!(piece.stop, None);
        piece.text
    }

    #[test]
    fn characters_are_never_broken() {
        let all = "añ€😀z";
        let mut out = stream(&[]);
        let mut joined = String::new();
        for byte in all.bytes() {
            joined.push_str(&text(out.push(&[byte])));
            assert!(all.starts_with(&joined));
        }
        assert_eq!(joined, all);
    }

    #[test]
    fn impossible_bytes_become_replacements_and_a_beginning_is_dropped() {
        let mut out = stream(&[]);
        assert_eq!(text(out.push(b"a\xFFb\xE2\x82")), "a\u{FFFD}b");
        assert_eq!(text(out.push(b"c\xE2")), "\u{FFFD}c");
        assert_eq!(out.finish(), "");
    }

    #[test]
    fn a_stop_text_is_held_back_and_never_sent() {
        let mut out = stream(&["\n\nUser:", "END"]);
        assert_eq!(text(out.push(b"Hello\n")), "Hello");
        assert_eq!(text(out.push(b"\nUs")), "");
        assert_eq!(text(out.push(b"e it. E")), "\n\nUse it. ");
        assert_eq!(text(out.push(b"N")), "");
        assert_eq!(
            out.push(b"D and more"),
            Piece {
                text: String::new(),
                stop: Some("END".into())
            }
        );
    }

    #[test]
    fn the_earliest_stop_text_wins() {
        let mut out = stream(&["world", "lo"]);
        assert_eq!(
            out.push(b"hello world"),
            Piece {
                text: "hel".into(),
                stop: Some("lo".into())
            }
        );
    }

    #[test]
    fn a_beginning_that_repeats_is_held_at_its_longest() {
        let mut out = stream(&["aab"]);
        assert_eq!(text(out.push(b"aaa")), "a");
        assert_eq!(
            out.push(b"b"),
            Piece {
                text: String::new(),
                stop: Some("aab".into())
            }
        );
    }

    #[test]
    fn what_was_held_is_sent_at_the_end() {
        let mut out = stream(&["€uro"]);
        assert_eq!(text(out.push("5 €u".as_bytes())), "5 ");
        assert_eq!(out.finish(), "€u");
    }

    #[test]
    fn an_empty_stop_text_is_refused() {
        assert!(matches!(
            TextStream::new(vec![String::new()]),
            Err(Error::Request(_))
        ));
    }
}

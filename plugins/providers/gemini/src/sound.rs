//! Sound in pieces: the vendor encodes each by itself, readers put them together.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::Error;

/// Joins pieces of base64, so that what they are joined to is base64 too.
#[derive(Debug, Default)]
pub(crate) struct Sound {
    /// Fewer than 3 bytes, which have no characters of their own yet.
    rest: Vec<u8>,
}

impl Sound {
    /// The next piece; what is handed on has no padding.
    ///
    /// # Errors
    /// What is no base64.
    pub(crate) fn push(&mut self, piece: &str) -> Result<String, Error> {
        let bytes = STANDARD
            .decode(piece)
            .map_err(|e| Error::upstream(format!("the vendor's sound is no base64: {e}")))?;
        self.rest.extend(bytes);
        let whole = self.rest.len() / 3 * 3;
        let after = self.rest.split_off(whole);
        Ok(STANDARD.encode(std::mem::replace(&mut self.rest, after)))
    }

    /// The end, padded.
    pub(crate) fn end(self) -> String {
        STANDARD.encode(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_join_to_the_whole(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..7), 0..6)) {
            let mut sound = Sound::default();
            let mut joined = String::new();
            for piece in &pieces {
                joined.push_str(&sound.push(&STANDARD.encode(piece)).unwrap());
            }
            joined.push_str(&sound.end());
            prop_assert_eq!(joined, STANDARD.encode(pieces.concat()));
        }
    }

    #[test]
    fn what_is_no_base64_is_an_error() {
        assert!(Sound::default().push("%").is_err());
    }
}

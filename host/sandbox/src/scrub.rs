//! Values of secrets, masked in what comes back from outside: a vendor that echoes a request must not tell the component what the
//! host attached to it. Pure.
//!
//! Of all occurrences of a value every byte becomes `*`, however the text is cut into chunks, and nothing else changes: no length,
//! no other byte. Only bytes that could begin a value are held back until it is known whether they do. What this can't see is
//! any other encoding of a value; see `docs/security.md`.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::ensure;
use bytes::{Bytes, BytesMut};
use futures::future::ready;
use futures::stream::{self, BoxStream, StreamExt};
use memchr::memchr_iter;
use memchr::memmem::Finder;
use types::{Error, ErrorCode};
use zeroize::Zeroizing;

/// Shortest value that is masked. A shorter one would be found by chance in texts that have nothing to do with it, and whoever sees
/// where it is masked learns it.
pub(crate) const SHORTEST: usize = 16;

const MASK: u8 = b'*';

/// What is masked. The texts are wiped when it is dropped; a compiled automaton of all of them would not be.
#[derive(Default)]
pub(crate) struct Masks(Vec<Arc<Zeroizing<Vec<u8>>>>);

impl Masks {
    /// Adds a value, and the form that it has in a query.
    ///
    /// # Errors
    /// It is too short.
    pub(crate) fn add(&mut self, value: &str) -> anyhow::Result<()> {
        // Space around a header's value is lost on the way.
        let value = value.trim();
        ensure!(
            value.len() >= SHORTEST,
            "its value has {} bytes: one under {SHORTEST} can't be masked in answers, so it is not attached; use a longer one",
            value.len()
        );
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        for form in [value.to_owned(), encoded] {
            self.push(Arc::new(Zeroizing::new(form.into_bytes())));
        }
        Ok(())
    }

    /// Adds what others mask.
    pub(crate) fn extend(&mut self, others: &Masks) {
        others.0.iter().cloned().for_each(|text| self.push(text));
    }

    fn push(&mut self, text: Arc<Zeroizing<Vec<u8>>>) {
        if !self.0.contains(&text) {
            self.0.push(text);
        }
    }

    /// Nothing is masked.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The longest text that is masked, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.0.iter().map(|text| text.len()).max().unwrap_or(0)
    }

    /// A whole text without the values.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.find(text.as_bytes());
        if found.is_empty() {
            return text.into();
        }
        let mut bytes = text.as_bytes().to_vec();
        found.into_iter().for_each(|at| bytes[at].fill(MASK));
        // Values are whole text themselves, so what remains is too.
        String::from_utf8_lossy(&bytes).into_owned().into()
    }

    /// Every occurrence, overlapping ones too.
    fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for text in &self.0 {
            let finder = Finder::new(text.as_slice());
            let mut from = 0;
            while let Some(at) = finder.find(&bytes[from..]) {
                found.push(from + at..from + at + text.len());
                from += at + 1;
            }
        }
        found
    }

    /// How many of the last bytes could begin a value.
    fn beginning(&self, bytes: &[u8]) -> usize {
        let of = |text: &[u8]| {
            let last = &bytes[bytes.len().saturating_sub(text.len() - 1)..];
            memchr_iter(text[0], last)
                .find(|at| text.starts_with(&last[*at..]))
                .map_or(0, |at| last.len() - at)
        };
        self.0.iter().map(|text| of(text)).max().unwrap_or(0)
    }
}

/// So much of a value, of its beginning, is in no answer by chance. Many vendors' keys begin with a dozen bytes that all have.
const NEAR: usize = SHORTEST;

/// So many answers may break off within a value. Each tells who sees where chunks end whether the bytes before were right, so that
/// somebody who makes a vendor say one guess after the other learns a byte by some forty of them.
const GUESSES: u32 = 20;

/// How often answers to a plugin came close to one of its secrets.
#[derive(Default)]
pub(crate) struct Guesses(AtomicU32);

impl Guesses {
    fn count(&self, is_near: bool) {
        self.0.fetch_add(u32::from(is_near), Ordering::Relaxed);
    }

    /// # Errors
    /// There were too many.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0.load(Ordering::Relaxed) > GUESSES {
            true => Err(Error::new(
                ErrorCode::RefusedByPolicy,
                "answers to this plugin broke off within one of its secrets too often, as if somebody was guessing it: load the plugin anew, with another secret",
            )),
            false => Ok(()),
        }
    }
}

/// Masks a text that comes in chunks.
pub(crate) struct Scrubber {
    masks: Arc<Masks>,
    /// What could begin a value.
    held: BytesMut,
    /// So many of the first bytes held belong to a value that began before them.
    covered: usize,
    guesses: Arc<Guesses>,
}

impl Drop for Scrubber {
    /// Who goes away while bytes are held back knows as much as who hears the rest.
    fn drop(&mut self) {
        self.guesses.count(self.held.len() >= NEAR);
    }
}

impl Scrubber {
    pub(crate) fn new(masks: Arc<Masks>, guesses: Arc<Guesses>) -> Self {
        Self {
            masks,
            guesses,
            held: BytesMut::new(),
            covered: 0,
        }
    }

    /// Takes a chunk and gives what is certain: the chunk itself where it has nothing to hide.
    pub(crate) fn push(&mut self, chunk: Bytes) -> Bytes {
        let waited = self.held.len();
        let text = if waited == 0 {
            chunk
        } else {
            self.held.extend_from_slice(&chunk);
            self.held.split().freeze()
        };
        let certain = text.len() - self.masks.beginning(&text);
        let mut found = self.masks.find(&text);
        let value = found.iter().any(|at| at.start == 0);
        self.guesses.count(waited >= NEAR && certain > 0 && !value);
        if self.covered > 0 {
            found.push(0..self.covered.min(text.len()));
        }
        // A value that begins in what is held is found again; one that ends there would not be.
        let begun = found.iter().filter(|at| at.start < certain);
        let ends = begun.map(|at| at.end).chain([self.covered]).max();
        self.covered = ends.unwrap_or(0).saturating_sub(certain);
        self.held.extend_from_slice(&text[certain..]);
        let known = text.slice(..certain);
        if found.is_empty() {
            return known;
        }
        let mut known = BytesMut::from(known);
        for at in found {
            known[at.start.min(certain)..at.end.min(certain)].fill(MASK);
        }
        known.freeze()
    }

    /// What is left: it began no value.
    pub(crate) fn finish(&mut self) -> Bytes {
        let mut rest = self.held.split();
        let covered = std::mem::take(&mut self.covered).min(rest.len());
        rest[..covered].fill(MASK);
        self.guesses.count(rest.len() >= NEAR);
        // A value that lies whole in what could have begun a longer one.
        for at in self.masks.find(&rest) {
            rest[at].fill(MASK);
        }
        rest.freeze()
    }
}

/// A body as it comes, without the values.
pub(crate) fn stream(
    masks: &Arc<Masks>,
    guesses: &Arc<Guesses>,
    body: BoxStream<'static, Result<Bytes, Error>>,
) -> BoxStream<'static, Result<Bytes, Error>> {
    if masks.is_empty() {
        return body;
    }
    let mut scrubber = Scrubber::new(masks.clone(), guesses.clone());
    let guesses = guesses.clone();
    body.map(Some)
        .chain(stream::iter([None]))
        .map(move |piece| {
            let known = match piece {
                Some(piece) => scrubber.push(piece?),
                None => scrubber.finish(),
            };
            guesses.check()?;
            Ok(known)
        })
        // A chunk that is held back whole is no progress.
        .filter(|piece| ready(!matches!(piece, Ok(piece) if piece.is_empty())))
        .boxed()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn masks(values: &[String]) -> Arc<Masks> {
        let mut masks = Masks::default();
        for value in values {
            masks.add(value).unwrap();
        }
        Arc::new(masks)
    }

    fn scrub(masks: &Arc<Masks>, chunks: &[&[u8]]) -> Vec<u8> {
        let mut scrubber = Scrubber::new(masks.clone(), Arc::default());
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend_from_slice(&scrubber.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&scrubber.finish());
        out
    }

    /// What the whole would be, one byte after the other.
    fn plainly(values: &[String], text: &[u8]) -> Vec<u8> {
        let mut out = text.to_vec();
        for value in values {
            let value = value.as_bytes();
            for at in 0..text.len() {
                if text[at..].starts_with(value) {
                    out[at..at + value.len()].fill(MASK);
                }
            }
        }
        out
    }

    /// Values of few letters, so that they overlap each other and themselves; and a text made of them and their pieces.
    fn values_and_text() -> impl Strategy<Value = (Vec<String>, Vec<u8>)> {
        vec("[ab]{16,20}", 1..4).prop_flat_map(|values| {
            let from = prop_oneof![Just(0), 0..20usize];
            let length = prop_oneof![Just(20), 0..20usize];
            let piece = (0..values.len(), from, length);
            (Just(values), vec(piece, 0..12)).prop_map(|(values, pieces)| {
                let mut text = Vec::new();
                for (value, from, length) in pieces {
                    let rest = values[value].bytes().skip(from);
                    text.extend(rest.take(length));
                }
                (values, text)
            })
        })
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_values_are_masked_and_nothing_else(
            (values, text) in values_and_text(),
            cuts in vec(0..200usize, 0..20),
        ) {
            let masks = masks(&values);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            let out = scrub(&masks, &chunks);
            prop_assert_eq!(&out, &plainly(&values, &text));
            prop_assert_eq!(out.len(), text.len());
            for value in &values {
                prop_assert!(!out.windows(value.len()).any(|w| w == value.as_bytes()));
            }
        }

        #[test]
        fn any_bytes_pass_at_their_length(
            value in "[^*]{16,40}",
            chunks in vec(vec(any::<u8>(), 0..60), 0..8),
        ) {
            // Cut short by `trim`, some values are refused.
            let mut masks = Masks::default();
            prop_assume!(masks.add(&value).is_ok());
            let masks = Arc::new(masks);
            let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            let out = scrub(&masks, &chunks);
            prop_assert_eq!(out.len(), chunks.concat().len());
            let _ = masks.mask(&String::from_utf8_lossy(&chunks.concat()));
        }

        #[test]
        fn what_could_begin_no_value_is_not_held_back(text in "[^s]{0,100}") {
            let masks = masks(&["s-0123456789-secret".to_owned()]);
            let mut scrubber = Scrubber::new(masks, Arc::default());
            let chunk = Bytes::from(text);
            let out = scrubber.push(chunk.clone());
            prop_assert_eq!(&out, &chunk);
            // Nor is it copied.
            prop_assert_eq!(out.as_ptr(), chunk.as_ptr());
        }
    }

    #[test]
    fn who_guesses_is_stopped_and_who_tells_is_not() {
        let secret = "sk-0123456789abcdefghijkl";
        let guess = |text: &str, rest: &str| {
            let guesses = Arc::<Guesses>::default();
            let mut scrubber = Scrubber::new(masks(&[secret.to_owned()]), guesses.clone());
            scrubber.push(Bytes::from(text.to_owned()));
            if rest != "gone" {
                scrubber.push(Bytes::from(rest.to_owned()));
                scrubber.finish();
            }
            drop(scrubber);
            guesses.0.load(Ordering::Relaxed)
        };
        assert_eq!(guess(&secret[..NEAR], "gone"), 1);
        assert_eq!(guess(&secret[..NEAR], "!"), 1);
        assert_eq!(guess(&secret[..NEAR], ""), 1);
        // Less than that is in every second answer about keys; a wrong guess and the value itself tell nothing new.
        assert_eq!(guess(&secret[..NEAR - 1], "!"), 0);
        assert_eq!(guess("sk-0123456789abcX", "!"), 0);
        assert_eq!(guess(&secret[..NEAR], &secret[NEAR..]), 0);
        let guesses = Guesses::default();
        for _ in 0..GUESSES {
            guesses.count(true);
        }
        guesses.count(false);
        assert!(guesses.check().is_ok());
        guesses.count(true);
        assert!(guesses.check().is_err());
    }

    #[test]
    fn no_more_is_held_back_than_could_begin_a_value() {
        let mut scrubber =
            Scrubber::new(masks(&["sk-sk-0123456789abc".to_owned()]), Arc::default());
        let mut push = |text: &'static str| scrubber.push(Bytes::from(text));
        assert_eq!(push("data: sk-"), "data: ");
        assert_eq!(push("sk-"), "");
        assert_eq!(push("sk-"), "sk-");
        assert_eq!(push("\n\n"), "sk-sk-\n\n");
        assert_eq!(push("sk-sk-0123456789abc!"), "*******************!");
    }

    #[test]
    fn the_form_of_a_query_is_masked_too() {
        let value = "a+b/c=d&e f?0123456789";
        let masks = masks(&[value.to_owned()]);
        let mut url = url::Url::parse("http://a.example/").unwrap();
        url.query_pairs_mut().append_pair("key", value);
        let query = url.query().unwrap();
        let out = masks.mask(query);
        assert_eq!(out, format!("key={}", "*".repeat(query.len() - 4)));
    }

    #[test]
    fn a_short_value_is_refused_and_not_shown() {
        let error = Masks::default().add("  sk-0123456789ab \n").unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("15 bytes") && !error.contains("sk-"),
            "{error}"
        );
    }
}

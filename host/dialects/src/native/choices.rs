//! Which of a stream's answers have begun, and which have told why they ended.

use memchr::memmem;
use serde::{Deserialize, de::IgnoredAny};

/// A chunk's part of an answer.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    finish_reason: Option<IgnoredAny>,
}

/// A bit for each answer; the vendor's `n` is at most 128. The first begins with the stream.
#[derive(Debug)]
pub(super) struct Choices {
    begun: u128,
    finished: u128,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            begun: 1,
            finished: 0,
        }
    }
}

impl Choices {
    /// May a chunk tell something new? Most are of the first answer, and don't end it.
    pub(super) fn matter(data: &[u8]) -> bool {
        has(data, b"\"finish_reason\"", |byte| byte == b'"')
            || has(data, b"\"index\"", |byte| (b'1'..=b'9').contains(&byte))
    }

    /// A chunk went by.
    pub(super) fn hear(&mut self, choices: &[Choice]) {
        for choice in choices {
            let bit = 1_u128.checked_shl(choice.index.unwrap_or(0)).unwrap_or(0);
            self.begun |= bit;
            if choice.finish_reason.is_some() {
                self.finished |= bit;
            }
        }
    }

    /// All that began have ended.
    pub(super) fn finished(&self) -> bool {
        self.begun == self.finished
    }
}

/// Is there such a field whose value begins with such a byte?
fn has(data: &[u8], field: &[u8], begins: impl Fn(u8) -> bool) -> bool {
    memmem::find_iter(data, field).any(|at| {
        let rest = data[at + field.len()..].trim_ascii_start();
        let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value
            .and_then(<[u8]>::first)
            .is_some_and(|byte| begins(*byte))
    })
}

//! What a vendor must see again with its reasoning, in the one field that clients echo.
//!
//! A block of this dialect without its text, as its own vendor wants to see it again, is passed on as it is. What another
//! vendor wants to see again is a JSON text of any shape, or nothing: it travels in the same field, behind a prefix.

use serde_json::{Value, json};

use crate::seal::{self, PREFIX};

/// A kind of block, and its field that clients echo.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seal {
    kind: &'static str,
    field: &'static str,
}

pub(super) const THINKING: Seal = Seal {
    kind: "thinking",
    field: "signature",
};

pub(super) const REDACTED: Seal = Seal {
    kind: "redacted_thinking",
    field: "data",
};

impl Seal {
    /// The text for a client to echo.
    pub(super) fn close(self, provider_data: Option<&str>) -> String {
        let data = provider_data.unwrap_or_default();
        self.own(data).unwrap_or_else(|| seal::close(data))
    }

    /// The data of a text that a client echoed.
    pub(super) fn open(self, text: &str) -> Option<String> {
        if text == PREFIX {
            return None;
        }
        let data = seal::open(text);
        Some(data.unwrap_or_else(|| json!({ "type": self.kind, self.field: text }).to_string()))
    }

    /// The field, if the data are of this dialect and have nothing else.
    fn own(self, provider_data: &str) -> Option<String> {
        let data: Value = serde_json::from_str(provider_data).ok()?;
        let text = data[self.field].as_str()?;
        let same = data == json!({ "type": self.kind, self.field: text });
        (same && !text.starts_with(PREFIX)).then(|| text.to_owned())
    }
}

//! What a vendor must see again, as a text for clients to echo in a field that vendors fill with signatures of their own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use memchr::memmem;
use serde::de::IgnoredAny;

/// No vendor's signatures or encrypted texts begin so.
pub(crate) const PREFIX: &str = "evenhand.";

/// The beginning of a string with the prefix. Nobody has a reason to write these characters as escapes.
const QUOTED: &str = "\"evenhand.";

/// May a request have seals of ours? No vendor takes them, so it can't go to one as it is.
pub(crate) fn has_seals(body: &[u8]) -> bool {
    memmem::find(body, QUOTED.as_bytes()).is_some()
}

/// The text for a client to echo; `data` is JSON, or empty.
pub(crate) fn close(data: &str) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(data))
}

/// The data of a text that a client echoed, if it is a seal whose data are JSON.
pub(crate) fn open(text: &str) -> Option<String> {
    let sealed = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
    let data = String::from_utf8(sealed).ok()?;
    serde_json::from_str::<IgnoredAny>(&data).ok()?;
    Some(data)
}

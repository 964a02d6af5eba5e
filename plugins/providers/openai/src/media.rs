//! What both APIs say alike of media and sources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::Error;
use evenhand_sdk::types::*;

/// A search result as text: neither API has a part for it.
pub(crate) fn source_text(source: &Source) -> String {
    let title = source.title.as_deref().unwrap_or_default();
    let head = match title {
        "" => source.location.clone(),
        title => format!("{title} ({})", source.location),
    };
    format!("{head}\n\n{}", source.passages.join("\n\n"))
}

/// Bytes as the vendor takes them.
pub(crate) fn data_url(bytes: &[u8], media_type: &str) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

/// A medium that can't be sent like this.
pub(crate) fn refused(what: &str, how: &str) -> Error {
    Error::bad_request(format!("this vendor takes no {what} {how}")).at("messages")
}

/// A document as text, under its title and what is said about it.
pub(crate) fn document_text(media: &Media, text: &str) -> String {
    let head = [media.name.as_deref(), media.context.as_deref()];
    let all = head.into_iter().flatten().chain([text]);
    all.collect::<Vec<_>>().join("\n\n")
}

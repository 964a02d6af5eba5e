//! Media in the words of Responses.

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

use crate::media::{data_url, document_text, refused};

/// A part of text that somebody else than the model said.
pub(super) fn text(text: &str) -> Value {
    json!({"type": "input_text", "text": text})
}

/// An `input_image` part.
pub(super) fn image(media: &Media) -> Value {
    let detail = media.detail.as_deref().unwrap_or("auto");
    let mut image = json!({"type": "input_image", "detail": detail});
    match &media.source {
        MediaSource::Bytes(bytes) => {
            let media_type = media.media_type.as_deref().unwrap_or("image/png");
            image["image_url"] = json!(data_url(bytes, media_type));
        }
        MediaSource::Url(url) => image["image_url"] = json!(url),
        MediaSource::FileId(id) => image["file_id"] = json!(id),
    }
    image
}

/// Sound, which this API doesn't take.
pub(super) fn audio() -> Error {
    refused(
        "audio",
        "in this API: ask a model that hears through chat completions",
    )
}

/// An `input_file` part; text and images, which the vendor takes as such, become parts of their own.
pub(super) fn file(media: &Media, warnings: &mut Warnings) -> Value {
    let kind = media.media_type.as_deref().unwrap_or_default();
    if kind.starts_with("image/") {
        return image(media);
    }
    if media.cite {
        warnings.add(
            "messages.file.cite",
            "the vendor can't cite documents: left out",
        );
    }
    let mut file = json!({"type": "input_file"});
    match &media.source {
        MediaSource::FileId(id) => file["file_id"] = json!(id),
        MediaSource::Url(url) => file["file_url"] = json!(url),
        MediaSource::Bytes(bytes) => {
            let said = std::str::from_utf8(bytes).ok();
            if let Some(said) = said.filter(|_| kind.starts_with("text/")) {
                return text(&document_text(media, said));
            }
            let media_type = media.media_type.as_deref().unwrap_or("application/pdf");
            file["filename"] = json!(media.name.as_deref().unwrap_or("file"));
            file["file_data"] = json!(data_url(bytes, media_type));
        }
    }
    if let Some(detail) = &media.detail {
        file["detail"] = json!(detail);
    }
    if media.context.is_some() {
        warnings.add(
            "messages.file.context",
            "the vendor takes no words about a file: left out",
        );
    }
    file
}

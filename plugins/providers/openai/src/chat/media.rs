//! Media in the words of chat completions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

use super::content::text_part;
use crate::media::{data_url, document_text, refused};

/// An `image_url` part.
pub(crate) fn image(media: &Media) -> Result<Value, Error> {
    let media_type = media.media_type.as_deref().unwrap_or("image/png");
    let url = match &media.source {
        MediaSource::Bytes(bytes) => data_url(bytes, media_type),
        MediaSource::Url(url) => url.clone(),
        MediaSource::FileId(_) => {
            return Err(refused("image", "by file id: send its bytes or URL"));
        }
    };
    let mut image = json!({"url": url});
    if let Some(detail) = &media.detail {
        image["detail"] = json!(detail);
    }
    Ok(json!({"type": "image_url", "image_url": image}))
}

/// An `input_audio` part.
pub(crate) fn audio(media: &Media) -> Result<Value, Error> {
    let MediaSource::Bytes(bytes) = &media.source else {
        return Err(refused("audio", "by URL or file id: send its bytes"));
    };
    let format = match media.media_type.as_deref().unwrap_or("audio/wav") {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        other => other.rsplit('/').next().unwrap_or(other),
    };
    Ok(
        json!({"type": "input_audio", "input_audio": {"data": STANDARD.encode(bytes), "format": format}}),
    )
}

/// A `file` part; text and images, which the vendor takes as such, become parts of their own.
pub(crate) fn file(media: &Media, warnings: &mut Warnings) -> Result<Value, Error> {
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
    let file = match &media.source {
        MediaSource::FileId(id) => json!({"file_id": id}),
        MediaSource::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes).ok();
            if let Some(text) = text.filter(|_| kind.starts_with("text/")) {
                return Ok(text_part(&document_text(media, text)));
            }
            json!({
                "filename": media.name.as_deref().unwrap_or("file"),
                "file_data": data_url(bytes, media.media_type.as_deref().unwrap_or("application/pdf")),
            })
        }
        MediaSource::Url(_) => return Err(refused("file", "by URL: send its bytes")),
    };
    if media.context.is_some() {
        warnings.add(
            "messages.file.context",
            "the vendor takes no words about a file: left out",
        );
    }
    Ok(json!({"type": "file", "file": file}))
}

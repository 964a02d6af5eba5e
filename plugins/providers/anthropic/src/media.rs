//! Images and documents in the vendor's words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

/// An `image` block.
pub(crate) fn image(media: &Media, warnings: &mut Warnings) -> Result<Value, Error> {
    if media
        .detail
        .as_deref()
        .is_some_and(|detail| detail != "auto")
    {
        warnings.add(
            "messages.image.detail",
            "the vendor chooses the resolution itself: left out",
        );
    }
    let source = match &media.source {
        MediaSource::Url(url) => json!({"type": "url", "url": url}),
        MediaSource::FileId(id) => json!({"type": "file", "file_id": id}),
        MediaSource::Bytes(bytes) => base64_source(bytes, image_type(media, bytes)?),
    };
    Ok(json!({"type": "image", "source": source}))
}

/// A `document` block; an `image` block where the file is an image.
pub(crate) fn document(media: &Media, warnings: &mut Warnings) -> Result<Value, Error> {
    let is_image = |kind: &str| kind.starts_with("image/");
    if media.media_type.as_deref().is_some_and(is_image) {
        return image(media, warnings);
    }
    let source = match &media.source {
        MediaSource::Url(url) => json!({"type": "url", "url": url}),
        MediaSource::FileId(id) => json!({"type": "file", "file_id": id}),
        MediaSource::Bytes(bytes) => document_source(media, bytes)?,
    };
    let mut block = json!({"type": "document", "source": source});
    if let Some(title) = &media.name {
        block["title"] = json!(title);
    }
    if let Some(context) = &media.context {
        block["context"] = json!(context);
    }
    if media.cite {
        block["citations"] = json!({"enabled": true});
    }
    Ok(block)
}

/// A `search_result` block.
pub(crate) fn search_result(source: &Source) -> Value {
    let title = source.title.as_ref().unwrap_or(&source.location);
    let said = source
        .passages
        .iter()
        .filter(|text| !text.trim().is_empty());
    let mut content: Vec<_> = said
        .map(|text| json!({"type": "text", "text": text}))
        .collect();
    if content.is_empty() {
        // The vendor wants a passage; a result that was found without one still has its title.
        content.push(json!({"type": "text", "text": title}));
    }
    let mut block = json!({
        "type": "search_result", "source": source.location, "title": title, "content": content,
    });
    if source.cite {
        block["citations"] = json!({"enabled": true});
    }
    block
}

fn base64_source(bytes: &[u8], media_type: &str) -> Value {
    json!({"type": "base64", "media_type": media_type, "data": STANDARD.encode(bytes)})
}

/// The four types that the vendor takes, by name or, where there is none, by the first bytes.
fn image_type(media: &Media, bytes: &[u8]) -> Result<&'static str, Error> {
    let said = media.media_type.as_deref();
    let found = match (said, bytes) {
        (Some("image/png"), _) | (None, [0x89, b'P', b'N', b'G', ..]) => "image/png",
        (Some("image/jpeg" | "image/jpg"), _) | (None, [0xff, 0xd8, 0xff, ..]) => "image/jpeg",
        (Some("image/gif"), _) | (None, [b'G', b'I', b'F', b'8', ..]) => "image/gif",
        (Some("image/webp"), _)
        | (
            None,
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ],
        ) => "image/webp",
        _ => {
            let what = said.unwrap_or("an unknown type");
            return Err(Error::bad_request(format!(
                "this vendor takes images as PNG, JPEG, GIF or WebP, not {what}: convert it"
            ))
            .at("messages.image"));
        }
    };
    Ok(found)
}

fn document_source(media: &Media, bytes: &[u8]) -> Result<Value, Error> {
    let said = media.media_type.as_deref().unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim();
    if kind == "application/pdf" || bytes.starts_with(b"%PDF-") {
        return Ok(base64_source(bytes, "application/pdf"));
    }
    let textual = kind.is_empty()
        || kind.starts_with("text/")
        || ["json", "xml", "yaml", "javascript", "toml"]
            .iter()
            .any(|word| kind.ends_with(word));
    match std::str::from_utf8(bytes) {
        Ok(text) if textual => {
            Ok(json!({"type": "text", "media_type": "text/plain", "data": text}))
        }
        _ => {
            let what = if kind.is_empty() {
                "bytes of no known type"
            } else {
                kind
            };
            Err(Error::bad_request(format!(
                "this vendor takes documents as PDF or UTF-8 text, not {what}: convert it"
            ))
            .at("messages.file"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(source: MediaSource, media_type: Option<&str>) -> Media {
        Media {
            source,
            media_type: media_type.map(Into::into),
            name: None,
            context: None,
            detail: None,
            cite: false,
        }
    }

    fn bytes(bytes: &[u8]) -> MediaSource {
        MediaSource::Bytes(bytes.to_vec())
    }

    #[test]
    fn images_are_known_by_name_or_by_their_first_bytes() {
        let mut warnings = Warnings::default();
        let mut kind = |media: Media| {
            let block = image(&media, &mut warnings).ok()?;
            Some(block["source"]["media_type"].as_str()?.to_owned())
        };
        assert_eq!(
            kind(media(bytes(b"x"), Some("image/jpg"))).unwrap(),
            "image/jpeg"
        );
        assert_eq!(
            kind(media(bytes(b"RIFF....WEBPVP8 "), None)).unwrap(),
            "image/webp"
        );
        assert_eq!(kind(media(bytes(b"GIF89a"), None)).unwrap(), "image/gif");
        assert_eq!(kind(media(bytes(b"x"), Some("image/tiff"))), None);
        assert_eq!(kind(media(bytes(b"x"), None)), None);
        let url = image(
            &media(MediaSource::Url("https://x/y".into()), None),
            &mut warnings,
        );
        assert_eq!(
            url.unwrap(),
            json!({"type": "image", "source": {"type": "url", "url": "https://x/y"}})
        );
    }

    #[test]
    fn documents_are_pdf_or_text() {
        let mut warnings = Warnings::default();
        let mut source =
            |media: Media| document(&media, &mut warnings).map(|mut it| it["source"].take());
        assert_eq!(
            source(media(bytes(b"%PDF-1.7"), None)).unwrap(),
            json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="})
        );
        assert_eq!(
            source(media(
                bytes("é,1".as_bytes()),
                Some("text/csv; charset=utf-8")
            ))
            .unwrap(),
            json!({"type": "text", "media_type": "text/plain", "data": "é,1"})
        );
        let refused = source(media(bytes(b"PK\x03\x04"), Some("application/zip"))).unwrap_err();
        assert!(refused.message.contains("application/zip"));
        assert!(source(media(bytes(&[0xff, 0xfe]), Some("text/plain"))).is_err());
    }

    #[test]
    fn a_search_result_always_has_a_passage() {
        let source = Source {
            location: "https://x".into(),
            title: None,
            passages: vec![" ".into()],
            cite: true,
        };
        assert_eq!(
            search_result(&source),
            json!({"type": "search_result", "source": "https://x", "title": "https://x",
                "content": [{"type": "text", "text": "https://x"}], "citations": {"enabled": true}})
        );
    }
}

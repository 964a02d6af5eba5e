//! Images, documents, sounds and films in the vendor's words.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

/// Characters of a document's name.
const LONGEST_NAME: usize = 200;

/// Names of documents that a request has, in lower case: the vendor refuses one twice.
#[derive(Debug, Default)]
pub(crate) struct Titles(HashSet<String>);

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
    let source = source(&media.source, "messages.image")?;
    let said = media.media_type.as_deref();
    let named = said.or_else(|| of_name(media)).unwrap_or_default();
    let format = match (named, first(media)) {
        ("image/png" | "png", _) | ("", [0x89, b'P', b'N', b'G', ..]) => "png",
        ("image/jpeg" | "image/jpg" | "jpeg" | "jpg", _) | ("", [0xff, 0xd8, 0xff, ..]) => "jpeg",
        ("image/gif" | "gif", _) | ("", [b'G', b'I', b'F', b'8', ..]) => "gif",
        ("image/webp" | "webp", _) => "webp",
        ("", [b'R', b'I', b'F', b'F', _, _, _, _, b'W', ..]) => "webp",
        (other, _) => {
            return Err(unknown(
                "images as PNG, JPEG, GIF or WebP",
                other,
                "messages.image",
            ));
        }
    };
    Ok(json!({"image": {"format": format, "source": source}}))
}

/// A `document` block; an `image` or `video` block where the file is one.
pub(crate) fn document(
    media: &Media,
    titles: &mut Titles,
    warnings: &mut Warnings,
) -> Result<Value, Error> {
    let said = media.media_type.as_deref().unwrap_or_default();
    if said.starts_with("image/") {
        return image(media, warnings);
    }
    if said.starts_with("video/") {
        return video(media);
    }
    let format = document_format(media)?;
    let mut block = json!({
        "format": format,
        "name": titles.title(media.name.as_deref(), warnings),
        "source": source(&media.source, "messages.file")?,
    });
    if let Some(context) = &media.context {
        block["context"] = json!(context);
    }
    if media.cite {
        block["citations"] = json!({"enabled": true});
    }
    Ok(json!({"document": block}))
}

/// An `audio` block.
pub(crate) fn audio(media: &Media) -> Result<Value, Error> {
    let said = media.media_type.as_deref().or_else(|| of_name(media));
    let kind = said.unwrap_or_default();
    let format = match kind.strip_prefix("audio/").unwrap_or(kind) {
        "mpeg" | "mp3" => "mp3",
        "wav" | "x-wav" | "wave" => "wav",
        "ogg" => "ogg",
        "opus" => "opus",
        "flac" => "flac",
        "aac" => "aac",
        "mp4" => "mp4",
        "m4a" | "x-m4a" => "m4a",
        "webm" => "webm",
        "pcm" | "pcm16" | "l16" => "pcm",
        _ => {
            return Err(unknown(
                "sound as MP3, WAV, Ogg, Opus, FLAC, AAC, MP4, WebM or PCM",
                kind,
                "messages.audio",
            ));
        }
    };
    let source = source(&media.source, "messages.audio")?;
    Ok(json!({"audio": {"format": format, "source": source}}))
}

fn video(media: &Media) -> Result<Value, Error> {
    let kind = media.media_type.as_deref().unwrap_or_default();
    let format = match kind.trim_start_matches("video/") {
        "mp4" => "mp4",
        "quicktime" | "mov" => "mov",
        "x-matroska" | "matroska" => "mkv",
        "webm" => "webm",
        "x-flv" => "flv",
        "mpeg" => "mpeg",
        "x-ms-wmv" => "wmv",
        "3gpp" => "three_gp",
        _ => {
            return Err(unknown(
                "films as MP4, MOV, MKV, WebM, FLV, MPEG, WMV or 3GP",
                kind,
                "messages.file",
            ));
        }
    };
    let source = source(&media.source, "messages.file")?;
    Ok(json!({"video": {"format": format, "source": source}}))
}

/// A `searchResult` block.
pub(crate) fn search_result(found: &Source) -> Value {
    let title = found.title.as_ref().unwrap_or(&found.location);
    let said = found.passages.iter().filter(|text| !text.trim().is_empty());
    let mut content: Vec<_> = said.map(|text| json!({"text": text})).collect();
    if content.is_empty() {
        // The vendor wants a passage; a result that was found without one still has its title.
        content.push(json!({"text": title}));
    }
    let mut block = json!({"source": found.location, "title": title, "content": content});
    if found.cite {
        block["citations"] = json!({"enabled": true});
    }
    json!({"searchResult": block})
}

/// Bytes, or a place in S3: the vendor fetches nothing else.
fn source(source: &MediaSource, field: &str) -> Result<Value, Error> {
    match source {
        MediaSource::Bytes(bytes) => Ok(json!({"bytes": STANDARD.encode(bytes)})),
        MediaSource::Url(url) if url.starts_with("s3://") => {
            Ok(json!({"s3Location": {"uri": url}}))
        }
        MediaSource::Url(_) => Err(Error::bad_request(
            "this vendor fetches no addresses but s3://: send the bytes themselves",
        )
        .at(field)),
        MediaSource::FileId(_) => Err(Error::bad_request(
            "this vendor keeps no uploaded files: send the bytes themselves",
        )
        .at(field)),
    }
}

fn unknown(wanted: &str, kind: &str, field: &str) -> Error {
    let what = if kind.is_empty() {
        "bytes of no known type"
    } else {
        kind
    };
    Error::bad_request(format!(
        "this vendor takes {wanted}, not {what}: convert it"
    ))
    .at(field)
}

/// The ending of a file's name or address.
fn of_name(media: &Media) -> Option<&str> {
    let address = match &media.source {
        MediaSource::Url(url) => Some(url.as_str()),
        _ => None,
    };
    let name = media.name.as_deref().or(address)?;
    name.rsplit_once('.').map(|(_, ending)| ending)
}

fn first(media: &Media) -> &[u8] {
    match &media.source {
        MediaSource::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn document_format(media: &Media) -> Result<&'static str, Error> {
    let said = media.media_type.as_deref().unwrap_or_default();
    let kind = said.split(';').next().unwrap_or_default().trim();
    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    let sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let by_type = match kind {
        "application/pdf" => Some("pdf"),
        "text/csv" => Some("csv"),
        "text/html" => Some("html"),
        "text/markdown" => Some("md"),
        "application/msword" => Some("doc"),
        "application/vnd.ms-excel" => Some("xls"),
        kind if kind == word => Some("docx"),
        kind if kind == sheet => Some("xlsx"),
        _ if first(media).starts_with(b"%PDF-") => Some("pdf"),
        _ => None,
    };
    let endings = [
        "pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md",
    ];
    let ending = of_name(media).map(str::to_ascii_lowercase);
    let by_name = endings
        .into_iter()
        .find(|known| ending.as_deref() == Some(*known));
    if let Some(format) = by_type.or(by_name) {
        return Ok(format);
    }
    let textual = kind.is_empty()
        || kind.starts_with("text/")
        || ["json", "xml", "yaml", "javascript", "toml"]
            .iter()
            .any(|word| kind.ends_with(word));
    let is_text = !first(media).is_empty() && std::str::from_utf8(first(media)).is_ok();
    match textual && is_text {
        true => Ok("txt"),
        false => Err(unknown(
            "documents as PDF, CSV, Word, Excel, HTML, Markdown or UTF-8 text",
            kind,
            "messages.file",
        )),
    }
}

impl Titles {
    /// A name in the vendor's alphabet that no other document of the request has.
    fn title(&mut self, name: Option<&str>, warnings: &mut Warnings) -> String {
        let given = name.unwrap_or("document");
        let fits = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
        let spaced = |c: char| if fits(c) { c } else { ' ' };
        let fitted: String = given.chars().map(spaced).collect();
        let fitted = fitted.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut fitted: String = fitted.chars().take(LONGEST_NAME - 4).collect();
        if fitted.is_empty() {
            fitted = "document".into();
        }
        let mut title = fitted.clone();
        let mut number = 2;
        while !self.0.insert(title.to_ascii_lowercase()) {
            title = format!("{fitted} {number}");
            number += 1;
        }
        if name.is_some_and(|name| name != title) {
            warnings.add(
                "messages.file.name",
                format!("the vendor takes ASCII letters, digits, blanks, `-()[]`, and no name twice: sent as `{title}`"),
            );
        }
        title
    }
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;

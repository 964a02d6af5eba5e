//! Media in requests: `data:` URLs, base64, references.

use base64::{Engine, engine::general_purpose::STANDARD};
use types::{
    Error,
    neutral::{CacheMark, Content, Media, MediaSource, Part},
};

use crate::field::{Object, at};

/// A medium of which nothing but its source and type is known.
pub(crate) fn media(source: MediaSource, media_type: Option<String>) -> Media {
    Media {
        source,
        media_type,
        name: None,
        context: None,
        detail: None,
        cite: false,
    }
}

/// A part of this content, and nothing else.
pub(crate) fn part(content: Content) -> Part {
    Part {
        content,
        cache: None,
        provider_data: None,
    }
}

/// Bytes from base64, with or without padding, line breaks allowed.
pub(crate) fn bytes(text: &str, path: &str) -> Result<Vec<u8>, Error> {
    let mut compact;
    let mut text = text;
    if text.bytes().any(|b| b.is_ascii_whitespace()) {
        compact = text.to_owned();
        compact.retain(|c| !c.is_ascii_whitespace());
        text = &compact;
    }
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT
        .decode(text)
        .map_err(|e| at(path, format_args!("is not base64: {e}")))
}

/// Base64 of bytes, padded.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The source and media type of a URL: `data:` is decoded, `http` and `https` are passed on, others are refused.
pub(crate) fn from_url(url: String, path: &str) -> Result<Media, Error> {
    if has_scheme(&url, "http://") || has_scheme(&url, "https://") {
        return Ok(media(MediaSource::Url(url), None));
    }
    if !has_scheme(&url, "data:") {
        return Err(at(path, "must be a data:, http: or https: URL"));
    }
    let (head, data) = url[5..]
        .split_once(',')
        .ok_or_else(|| at(path, "is a data: URL without a comma"))?;
    let Some(media_type) = head.strip_suffix(";base64") else {
        return Err(at(path, "is a data: URL that is not base64"));
    };
    let media_type = media_type.split(';').next().unwrap_or_default();
    Ok(media(
        MediaSource::Bytes(bytes(data, path)?),
        (!media_type.is_empty()).then(|| media_type.to_ascii_lowercase()),
    ))
}

/// A `data:` URL of bytes, or the URL itself; nothing for a file's name.
pub(crate) fn to_url(media: &Media) -> Option<String> {
    match &media.source {
        MediaSource::Bytes(bytes) => {
            let kind = media
                .media_type
                .as_deref()
                .unwrap_or("application/octet-stream");
            Some(format!("data:{kind};base64,{}", base64(bytes)))
        }
        MediaSource::Url(url) => Some(url.clone()),
        MediaSource::FileId(_) => None,
    }
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// A `cache_control` field: `{"type": "ephemeral", "ttl": "5m" | "1h"}`.
pub(crate) fn cache_mark(object: &mut Object) -> Result<Option<CacheMark>, Error> {
    let Some(mut mark) = object.opt::<Object>("cache_control")? else {
        return Ok(None);
    };
    let kind: String = mark.need("type")?;
    if kind != "ephemeral" {
        return Err(mark.wrong("type", "must be `ephemeral`"));
    }
    let ttl_seconds = match mark.opt::<String>("ttl")?.as_deref() {
        None => None,
        Some("5m") => Some(300),
        Some("1h") => Some(3600),
        Some(_) => return Err(mark.wrong("ttl", "must be `5m` or `1h`")),
    };
    Ok(Some(CacheMark { ttl_seconds }))
}

//! Media and sources in the vendor's words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

use crate::config::Config;

/// Endings of names, and what such files are. For URLs, of which nothing else is known.
const ENDINGS: [(&str, &str); 24] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("webp", "image/webp"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("pdf", "application/pdf"),
    ("txt", "text/plain"),
    ("md", "text/markdown"),
    ("html", "text/html"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("xml", "text/xml"),
    ("json", "application/json"),
    ("mp3", "audio/mp3"),
    ("wav", "audio/wav"),
    ("flac", "audio/flac"),
    ("ogg", "audio/ogg"),
    ("aac", "audio/aac"),
    ("aiff", "audio/aiff"),
    ("mp4", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
];

/// The `inlineData` or `fileData` part of a medium.
///
/// # Errors
/// Bytes of which nobody says what they are.
pub(crate) fn data(media: &Media, config: &Config) -> Result<Value, Error> {
    let mut part = match &media.source {
        MediaSource::Bytes(bytes) => {
            let Some(kind) = media.media_type.as_deref().or_else(|| sniff(bytes)) else {
                return Err(Error::bad_request(
                    "this vendor must be told what bytes are: give their media type",
                )
                .at("messages"));
            };
            json!({"inlineData": {"mimeType": kind, "data": STANDARD.encode(bytes)}})
        }
        MediaSource::Url(url) => file(url.clone(), media),
        MediaSource::FileId(id) if id.starts_with("files/") => {
            file(format!("{}/{id}", config.base()), media)
        }
        MediaSource::FileId(id) => file(id.clone(), media),
    };
    if let (Some(name), Some(fields)) = (&media.name, part.as_object_mut()) {
        for data in fields.values_mut() {
            data["displayName"] = json!(name);
        }
    }
    Ok(part)
}

/// A part of a message, and what is said about it.
pub(crate) fn parts(
    media: &Media,
    config: &Config,
    earlier: bool,
    warnings: &mut Warnings,
) -> Result<Vec<Value>, Error> {
    let mut parts = Vec::new();
    if let Some(context) = &media.context {
        parts.push(json!({"text": context}));
    }
    if media.cite {
        warnings.add(
            "messages.file.cite",
            "the vendor can't cite documents of the request: left out",
        );
    }
    let mut part = data(media, config)?;
    if let Some(level) = resolution(media.detail.as_deref(), earlier, warnings) {
        part["mediaResolution"] = json!({"level": level});
    }
    parts.push(part);
    Ok(parts)
}

fn resolution(
    detail: Option<&str>,
    earlier: bool,
    warnings: &mut Warnings,
) -> Option<&'static str> {
    let level = match detail {
        None | Some("auto") => return None,
        Some("low") => "MEDIA_RESOLUTION_LOW",
        Some("medium") => "MEDIA_RESOLUTION_MEDIUM",
        Some("high") => "MEDIA_RESOLUTION_HIGH",
        Some(other) => {
            warnings.add(
                "messages.image.detail",
                format!("the vendor knows no `{other}`: left out"),
            );
            return None;
        }
    };
    if earlier {
        warnings.add(
            "messages.image.detail",
            "this model takes no resolution for one image: left out",
        );
        return None;
    }
    Some(level)
}

/// A medium of an answer, of the kind that its type says.
pub(crate) fn read(source: MediaSource, data: &Value) -> Content {
    let medium = Media {
        source,
        media_type: data["mimeType"].as_str().map(str::to_owned),
        name: data["displayName"].as_str().map(str::to_owned),
        context: None,
        detail: None,
        cite: false,
    };
    match medium.media_type.as_deref().unwrap_or_default() {
        kind if kind.starts_with("image/") => Content::Image(medium),
        kind if kind.starts_with("audio/") => Content::Audio(medium),
        _ => Content::File(medium),
    }
}

/// A search result as text: this wire format has no part for it.
pub(crate) fn source_text(source: &Source) -> String {
    let head = match source.title.as_deref().unwrap_or_default() {
        "" => source.location.clone(),
        title => format!("{title} ({})", source.location),
    };
    format!("{head}\n\n{}", source.passages.join("\n\n"))
}

fn file(uri: String, media: &Media) -> Value {
    let mut data = json!({"fileUri": uri});
    if let Some(kind) = media.media_type.as_deref().or_else(|| by_ending(&uri)) {
        data["mimeType"] = json!(kind);
    }
    json!({"fileData": data})
}

fn by_ending(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next()?;
    let ending = path.rsplit('/').next()?.rsplit_once('.')?.1;
    let mut known = ENDINGS.iter();
    let found = known.find(|(known, _)| ending.eq_ignore_ascii_case(known))?;
    Some(found.1)
}

fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 5] = [
        (b"\x89PNG", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"ID3", "audio/mp3"),
    ];
    let mut known = kinds.into_iter();
    match bytes {
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
        ] => Some("image/webp"),
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
            b'A',
            b'V',
            b'E',
            ..,
        ] => Some("audio/wav"),
        _ => known
            .find(|(magic, _)| bytes.starts_with(magic))
            .map(|(_, kind)| kind),
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

    fn sent(media: &Media) -> Result<Value, Error> {
        data(
            media,
            &serde_json::from_str(r#"{"base_url":"https://g/v1beta/"}"#).unwrap(),
        )
    }

    #[test]
    fn bytes_are_what_they_are_said_to_be_or_begin_like() {
        let bytes = |bytes: &[u8], kind| sent(&media(MediaSource::Bytes(bytes.to_vec()), kind));
        assert_eq!(
            bytes(&[1, 2, 3], Some("video/mp4")).unwrap(),
            json!({"inlineData": {"mimeType": "video/mp4", "data": "AQID"}})
        );
        for (begins, kind) in [
            (&b"RIFF....WEBPVP8 "[..], "image/webp"),
            (b"RIFF....WAVEfmt ", "audio/wav"),
            (b"\x89PNG\r\n", "image/png"),
            (b"%PDF-1.7", "application/pdf"),
        ] {
            assert_eq!(bytes(begins, None).unwrap()["inlineData"]["mimeType"], kind);
        }
        assert_eq!(bytes(b"x", None).unwrap_err().code, ErrorCode::BadRequest);
    }

    #[test]
    fn addresses_and_files_are_named() {
        let url = |url: &str, kind| sent(&media(MediaSource::Url(url.into()), kind)).unwrap();
        assert_eq!(
            url("https://x/cat.PNG?size=1", None),
            json!({"fileData": {"fileUri": "https://x/cat.PNG?size=1", "mimeType": "image/png"}})
        );
        assert_eq!(
            url("https://x.png/cat", None),
            json!({"fileData": {"fileUri": "https://x.png/cat"}})
        );
        assert_eq!(
            url("gs://b/a", Some("text/csv"))["fileData"]["mimeType"],
            "text/csv"
        );
        let file = |id: &str| sent(&media(MediaSource::FileId(id.into()), None)).unwrap();
        assert_eq!(
            file("files/a")["fileData"]["fileUri"],
            "https://g/v1beta/files/a"
        );
        assert_eq!(file("https://g/f")["fileData"]["fileUri"], "https://g/f");
    }

    #[test]
    fn what_is_said_about_a_medium_is_kept_or_named() {
        let mut given = media(MediaSource::Bytes(vec![0]), Some("application/pdf"));
        given.name = Some("T".into());
        given.context = Some("about".into());
        given.detail = Some("low".into());
        given.cite = true;
        let config = serde_json::from_str("{}").unwrap();
        let mut warnings = Warnings::default();
        let all = parts(&given, &config, false, &mut warnings).unwrap();
        assert_eq!(
            all,
            [
                json!({"text": "about"}),
                json!({"inlineData": {"mimeType": "application/pdf", "data": "AA==", "displayName": "T"},
                    "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}})
            ]
        );
        assert_eq!(
            warnings.fields().collect::<Vec<_>>(),
            ["messages.file.cite"]
        );
        parts(&given, &config, true, &mut warnings).unwrap();
        given.detail = Some("original".into());
        let all = parts(&given, &config, false, &mut warnings).unwrap();
        assert!(all[1].get("mediaResolution").is_none());
        assert_eq!(warnings.into_vec().len(), 3);
    }
}

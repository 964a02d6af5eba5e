//! Fields that OpenAI's dialects share.

use serde_json::{Value, json};
use types::{
    Error,
    neutral::{CacheMark, Media, MediaSource, TokenLogprob},
};

use crate::{
    field::{Object, Read, at},
    media,
};

/// The vendor's own form of a mark, or the one that others understand.
pub(super) fn cache_mark(object: &mut Object) -> Result<Option<CacheMark>, Error> {
    let Some(mut mark) = object.opt::<Object>("prompt_cache_breakpoint")? else {
        return media::cache_mark(object);
    };
    let ttl_seconds = match mark.opt::<String>("ttl")?.as_deref() {
        None => None,
        Some("30m") => Some(1800),
        Some("12h") => Some(43_200),
        Some(_) => return Err(mark.wrong("ttl", "must be `30m` or `12h`")),
    };
    Ok(Some(CacheMark { ttl_seconds }))
}

/// A sound: its base64 and its format.
pub(super) fn audio(mut audio: Object) -> Result<Media, Error> {
    let data: String = audio.need("data")?;
    let bytes = media::bytes(&data, &audio.path_of("data"))?;
    let media_type = match audio.need::<String>("format")?.as_str() {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    };
    Ok(media::media(MediaSource::Bytes(bytes), Some(media_type)))
}

/// Labels for the vendor's records.
pub(super) fn metadata(labels: Option<Value>) -> Result<Vec<(String, String)>, Error> {
    match labels {
        None => Ok(Vec::new()),
        Some(Value::Object(labels)) => labels
            .into_iter()
            .map(|(key, value)| {
                let value = String::read(value, &format!("metadata.{key}"))?;
                Ok((key, value))
            })
            .collect(),
        Some(_) => Err(at("metadata", "must be an object of strings")),
    }
}

/// How likely tokens were.
pub(super) fn logprobs(tokens: &[TokenLogprob]) -> Vec<Value> {
    let entry = |token: &str, logprob: f64, bytes: Option<&[u8]>| {
        let bytes = bytes.unwrap_or(token.as_bytes());
        json!({ "token": token, "logprob": logprob, "bytes": bytes })
    };
    tokens
        .iter()
        .map(|t| {
            let mut json = entry(&t.token, t.logprob, t.bytes.as_deref());
            json["top_logprobs"] = t.top.iter().map(|(s, p)| entry(s, *p, None)).collect();
            json
        })
        .collect()
}

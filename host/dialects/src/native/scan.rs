//! What the host must know of a request.

use std::{borrow::Cow, collections::HashSet, fmt, ops::Range};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use types::Error;

use crate::field::{at, malformed};

/// Most bytes of a model's name: several times what any vendor's has. It comes back in errors, and is compared with others.
const MAX_MODEL: usize = 512;

/// What one pass over a request's top level finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The model, as the client named it.
    pub model: String,
    /// The client wants a stream.
    pub stream: bool,
    /// The client itself asked for usage at the end of the stream.
    pub include_usage: bool,
    model_at: Range<usize>,
    usage_at: UsageAt,
}

/// Where `include_usage` is, or would be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum UsageAt {
    /// There are no `stream_options`.
    Absent,
    /// They are null, or empty.
    Options(Range<usize>),
    /// They begin here, and have other fields.
    Inside(usize),
    /// It is there.
    Value(Range<usize>),
}

/// Scans a request. Malformed JSON and top-level fields that are there twice are refused: the host and the vendor may
/// not read different ones. Errors about syntax end with line and column.
pub fn scan(body: &[u8]) -> Result<Scan, Error> {
    let text = std::str::from_utf8(body).map_err(|e| {
        Error::bad_request(format!(
            "the request's body is not UTF-8 at byte {}",
            e.valid_up_to()
        ))
    })?;
    let fields = fields(text)?;
    let model = fields.model.ok_or_else(|| at("model", "is required"))?;
    let name: String = typed(model, "model", "must be a string")?;
    if name.len() > MAX_MODEL {
        let what = format_args!("must not have more than {MAX_MODEL} bytes");
        return Err(at("model", what));
    }
    let mut scan = Scan {
        model: name,
        stream: match fields.stream {
            Some(raw) => typed::<Option<bool>>(raw, "stream", "must be true or false")?,
            None => None,
        }
        .unwrap_or(false),
        include_usage: false,
        model_at: span(text, model),
        usage_at: UsageAt::Absent,
    };
    let Some(options) = fields.stream_options else {
        return Ok(scan);
    };
    let inside: Option<Options> = typed(
        options,
        "stream_options",
        "must be an object, in which `include_usage` is true or false",
    )?;
    let at = span(text, options);
    scan.usage_at = match inside {
        None | Some(Options { empty: true, .. }) => UsageAt::Options(at),
        Some(Options {
            include_usage: Some(raw),
            ..
        }) => {
            let asked: Option<bool> =
                typed(raw, "stream_options.include_usage", "must be true or false")?;
            scan.include_usage = asked.unwrap_or(false);
            UsageAt::Value(span(text, raw))
        }
        Some(_) => UsageAt::Inside(at.start + 1),
    };
    Ok(scan)
}

impl Scan {
    /// The same request for the vendor's `new_model`, and, if `add_include_usage` and the client streams, with
    /// `stream_options.include_usage`. Every other byte is as the client sent it. `body` is what was scanned.
    pub fn splice(&self, body: &[u8], new_model: &str, add_include_usage: bool) -> Bytes {
        let mut model = String::new();
        crate::frame::string(&mut model, new_model);
        let mut edits = vec![(self.model_at.clone(), model)];
        if add_include_usage && self.stream && !self.include_usage {
            edits.push(match &self.usage_at {
                UsageAt::Absent => {
                    let end = self.model_at.end;
                    let field = r#","stream_options":{"include_usage":true}"#;
                    (end..end, field.to_owned())
                }
                UsageAt::Options(at) => (at.clone(), r#"{"include_usage":true}"#.to_owned()),
                UsageAt::Inside(at) => (*at..*at, r#""include_usage":true,"#.to_owned()),
                UsageAt::Value(at) => (at.clone(), "true".to_owned()),
            });
        }
        edits.sort_by_key(|(at, _)| (at.start, at.end));
        let mut spliced = Vec::with_capacity(body.len() + new_model.len() + 64);
        let mut done = 0;
        for (at, new) in edits {
            spliced.extend_from_slice(body.get(done..at.start).unwrap_or_default());
            spliced.extend_from_slice(new.as_bytes());
            done = at.end;
        }
        spliced.extend_from_slice(body.get(done..).unwrap_or_default());
        spliced.into()
    }
}

/// Where a value that was borrowed from `text` is in it.
fn span(text: &str, raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + raw.get().len()
}

fn typed<'a, T: Deserialize<'a>>(raw: &'a RawValue, path: &str, what: &str) -> Result<T, Error> {
    serde_json::from_str(raw.get()).map_err(|_| at(path, what))
}

#[derive(Default)]
struct Fields<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
}

struct Options<'a> {
    empty: bool,
    include_usage: Option<&'a RawValue>,
}

#[derive(PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

fn fields(text: &str) -> Result<Fields<'_>, Error> {
    serde_json::from_str(text).map_err(|e| malformed(&e))
}

/// Hands each field to `take`; refuses those that are there twice.
fn each<'de, D: Deserializer<'de>>(
    deserializer: D,
    take: impl FnMut(&str, &'de RawValue),
) -> Result<(), D::Error> {
    struct Each<F>(F);
    impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for Each<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<(), A::Error> {
            let mut seen = HashSet::new();
            while let Some(Key(key)) = access.next_key::<Key<'de>>()? {
                let raw = access.next_value::<&'de RawValue>()?;
                self.0(&key, raw);
                if let Some(Key(twice)) = seen.replace(Key(key)) {
                    return Err(A::Error::custom(format_args!("`{twice}` is there twice")));
                }
            }
            Ok(())
        }
    }
    deserializer.deserialize_map(Each(take))
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Self::default();
        each(deserializer, |key, raw| match key {
            "model" => fields.model = Some(raw),
            "stream" => fields.stream = Some(raw),
            "stream_options" => fields.stream_options = Some(raw),
            _ => {}
        })?;
        Ok(fields)
    }
}

impl<'de> Deserialize<'de> for Options<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (mut empty, mut include_usage) = (true, None);
        each(deserializer, |key, raw| {
            empty = false;
            if key == "include_usage" {
                include_usage = Some(raw);
            }
        })?;
        Ok(Self {
            empty,
            include_usage,
        })
    }
}

//! What the host must know of an answer.

use bytes::Bytes;
use memchr::memmem;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};
use types::{Error, neutral::Usage};

use super::{
    choices::{Choice, Choices},
    field::Field,
    sse::{self, Events},
};
use crate::{Dialect, Wire, anthropic, frame, openai};

/// Watches the bytes of an answer go by. Of a stream it holds the event that is not complete yet, up to a size that no
/// real one has: a client never sees half an event of a stream that breaks off.
#[derive(Debug)]
pub struct Tap {
    told: Told,
    body: Body,
}

/// What the vendor has told so far.
#[derive(Debug)]
struct Told {
    wire: Wire,
    usage: Map<String, Value>,
    choices: Choices,
    /// The number of the next event, where they are numbered.
    next: u64,
    /// The last event went by.
    ended: bool,
}

#[derive(Debug)]
enum Body {
    /// Without `stream`.
    Whole(Field),
    Stream {
        events: Events,
        held: Held,
        /// The usage-only chunk is the host's, not the client's.
        hide: bool,
    },
}

/// What waits for the end of its event.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    /// The event before was hidden, so is what still belongs to it.
    hidden: bool,
}

/// What a chunk or event may tell.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    usage: Option<Map<String, Value>>,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    usage: Option<Map<String, Value>>,
}

/// What the last event of a response tells.
#[derive(Deserialize)]
struct End {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    response: Option<Message>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

impl Tap {
    /// A tap for the answer to one request. `hide_usage_chunk`: the host asked for usage, the client did not.
    pub fn new(wire: Wire, stream: bool, hide_usage_chunk: bool) -> Self {
        let body = if stream {
            Body::Stream {
                events: Events::new(match wire {
                    // Its last event repeats all of the answer.
                    Wire::OpenAiResponses => &["response", "usage"],
                    _ => &[],
                }),
                held: Held::default(),
                hide: hide_usage_chunk && wire == Wire::OpenAiChat,
            }
        } else {
            Body::Whole(Field::new(&["usage"]))
        };
        let told = Told {
            wire,
            usage: Map::new(),
            choices: Choices::default(),
            next: 0,
            ended: false,
        };
        Self { told, body }
    }

    /// Bytes of the vendor's; returns what goes to the client now.
    pub fn push(&mut self, bytes: Bytes) -> Bytes {
        let (events, held, hide) = match &mut self.body {
            Body::Whole(field) => {
                field.read(&bytes);
                return bytes;
            }
            Body::Stream { events, held, hide } => (events, held, *hide),
        };
        let mut passed = Vec::with_capacity(held.bytes.len() + bytes.len());
        let mut rest = &bytes[..];
        if let Some(&first) = rest.first()
            && events.takes(first)
        {
            passed.extend((!held.hidden).then_some(first));
            rest = &rest[1..];
        }
        while !rest.is_empty() {
            let (length, complete) = events.read(rest);
            let (event, after) = rest.split_at(length);
            rest = after;
            held.bytes.extend_from_slice(event);
            if complete {
                let usage_only = events.take().is_some_and(|event| self.told.hear(event));
                held.hidden = hide && usage_only;
                if held.hidden {
                    held.bytes.clear();
                }
                passed.append(&mut held.bytes);
            } else if events.too_large() {
                passed.append(&mut held.bytes);
            }
        }
        passed.into()
    }

    /// The end of the vendor's bytes, which did not break off; returns the rest for the client.
    pub fn finish(&mut self) -> Bytes {
        let Body::Stream { events, held, hide } = &mut self.body else {
            return Bytes::new();
        };
        // Some vendors end with a last event that has no blank line.
        events.flush();
        let usage_only = events.take().is_some_and(|event| self.told.hear(event));
        if *hide && usage_only {
            held.bytes.clear();
        }
        // And some say no last word: the answers were complete, and so was the stream.
        self.told.ended |= self.told.choices.finished();
        std::mem::take(&mut held.bytes).into()
    }

    /// The tokens, as far as the vendor has told.
    pub fn usage(&self) -> Option<Usage> {
        let found;
        let usage = match &self.body {
            Body::Whole(field) => {
                found = field.value().and_then(|v| serde_json::from_slice(v).ok())?;
                &found
            }
            Body::Stream { .. } if self.told.usage.is_empty() => return None,
            Body::Stream { .. } => &self.told.usage,
        };
        Some(match (self.told.wire, self.told.wire.dialect()) {
            (Wire::OpenAiResponses, _) => openai::responses::usage::from_json(usage),
            (_, Dialect::OpenAi) => openai::usage::from_json(usage),
            (_, Dialect::Anthropic) => anthropic::usage::from_json(usage),
        })
    }

    /// A stream's last event went by: the dialect's end, or its error. An answer without `stream` has none: true.
    pub fn ended(&self) -> bool {
        matches!(self.body, Body::Whole(_)) || self.told.ended
    }

    /// The dialect's own error event, for a stream that breaks off here.
    pub fn fail(&self, error: &Error) -> String {
        let mut out = String::new();
        match (self.told.wire, self.told.wire.dialect()) {
            (Wire::OpenAiResponses, _) => {
                return openai::responses::frames::failure(error, self.told.next);
            }
            (_, dialect @ Dialect::OpenAi) => frame::data(&mut out, &dialect.error_body(error)),
            (_, dialect @ Dialect::Anthropic) => {
                frame::named(&mut out, "error", &dialect.error_body(error));
            }
        }
        out
    }
}

/// Events that end a response, one way or another.
const ENDS: [&str; 5] = [
    "response.completed",
    "response.incomplete",
    "response.failed",
    "response.cancelled",
    "error",
];

impl Told {
    /// Reads an event: does it tell usage and nothing else?
    fn hear(&mut self, event: sse::Event) -> bool {
        match event {
            sse::Event::Kept(data) if self.wire == Wire::OpenAiResponses => {
                self.hear_response(&data);
                false
            }
            sse::Event::Kept(data) => self.hear_data(&data),
            sse::Event::Large { name, found } => {
                let usage = found.and_then(|found| serde_json::from_slice(&found).ok());
                self.count(usage);
                self.ended |= ENDS.iter().any(|end| end.as_bytes() == name);
                self.next += 1;
                false
            }
        }
    }

    /// An event of a response: the last one tells the tokens.
    fn hear_response(&mut self, data: &[u8]) {
        if let Some(number) = number(data) {
            self.next = number.saturating_add(1);
        }
        self.ended |= data.trim_ascii() == b"[DONE]";
        let mut words = ENDS.iter().map(|end| end.as_bytes());
        if !words.any(|word| memmem::find(data, word).is_some()) {
            return;
        }
        let Ok(event) = serde_json::from_slice::<End>(data) else {
            return;
        };
        let kind = event.kind.as_deref();
        self.ended |= event.error.is_some() || kind.is_some_and(|kind| ENDS.contains(&kind));
        self.count(event.response.and_then(|response| response.usage));
    }

    /// Nearly all tell nothing, which a search for a few words finds out.
    fn hear_data(&mut self, data: &[u8]) -> bool {
        let is_openai = self.wire.dialect() == Dialect::OpenAi;
        if is_openai && data.trim_ascii() == b"[DONE]" {
            self.ended = true;
            return false;
        }
        let words: [&[u8]; 3] = [b"\"usage\"", b"\"error\"", b"message_stop"];
        let matters = words.iter().any(|word| memmem::find(data, word).is_some())
            || (is_openai && Choices::matter(data));
        let event = matters.then(|| serde_json::from_slice::<Event>(data).ok());
        let Some(event) = event.flatten() else {
            return false;
        };
        let choices = event.choices.as_deref();
        let usage_only =
            choices.is_some_and(<[_]>::is_empty) && event.error.is_none() && event.usage.is_some();
        self.choices.hear(choices.unwrap_or_default());
        self.ended |= match self.wire.dialect() {
            Dialect::OpenAi => event.error.is_some(),
            Dialect::Anthropic => matches!(event.kind.as_deref(), Some("message_stop" | "error")),
        };
        self.count(event.message.and_then(|message| message.usage));
        self.count(event.usage);
        usage_only
    }

    /// Counts are cumulative, and a later event does not repeat all of them.
    fn count(&mut self, counts: Option<Map<String, Value>>) {
        let known = counts
            .into_iter()
            .flatten()
            .filter(|(_, count)| !count.is_null());
        self.usage.extend(known);
    }
}

/// The `sequence_number` of an event. In a text its quotation marks would be escaped.
fn number(data: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\"sequence_number\"";
    memmem::find_iter(data, KEY).find_map(|at| {
        let rest = data[at + KEY.len()..].trim_ascii_start();
        let rest = rest.strip_prefix(b":")?.trim_ascii_start();
        let end = rest.iter().position(|byte| !byte.is_ascii_digit());
        let digits = std::str::from_utf8(&rest[..end.unwrap_or(rest.len())]).ok()?;
        digits.parse().ok()
    })
}

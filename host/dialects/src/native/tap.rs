//! What the host must know of an answer.

use bytes::Bytes;
use memchr::memmem;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};
use types::neutral::Usage;

use super::{field::Field, sse::Events};
use crate::{Dialect, anthropic, openai};

/// Watches the bytes of an answer go by. Of a stream it holds the event that is not complete yet, up to a size that no
/// real one has: a client never sees half an event of a stream that breaks off.
#[derive(Debug)]
pub struct Tap {
    dialect: Dialect,
    usage: Map<String, Value>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// Without `stream`.
    Whole(Field),
    Stream {
        events: Events,
        ended: bool,
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
struct Told {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    usage: Option<Map<String, Value>>,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    choices: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    usage: Option<Map<String, Value>>,
}

impl Tap {
    /// A tap for the answer to one request. `hide_usage_chunk`: the host asked for usage, the client did not.
    pub fn new(dialect: Dialect, stream: bool, hide_usage_chunk: bool) -> Self {
        let body = if stream {
            Body::Stream {
                events: Events::new(),
                ended: false,
                held: Held::default(),
                hide: hide_usage_chunk && dialect == Dialect::OpenAi,
            }
        } else {
            Body::Whole(Field::new("usage"))
        };
        Self {
            dialect,
            usage: Map::new(),
            body,
        }
    }

    /// Bytes of the vendor's; returns what goes to the client now.
    pub fn push(&mut self, bytes: Bytes) -> Bytes {
        let (events, ended, held, hide) = match &mut self.body {
            Body::Whole(field) => {
                field.read(&bytes);
                return bytes;
            }
            Body::Stream {
                events,
                ended,
                held,
                hide,
            } => (events, ended, held, *hide),
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
                let told = match events.take() {
                    Some(data) => hear(self.dialect, &data, &mut self.usage),
                    None => Heard::default(),
                };
                *ended |= told.end;
                held.hidden = hide && told.usage_only;
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

    /// The end of the vendor's bytes; returns the rest for the client.
    pub fn finish(&mut self) -> Bytes {
        let Body::Stream {
            events,
            ended,
            held,
            hide,
        } = &mut self.body
        else {
            return Bytes::new();
        };
        // Some vendors end with a last event that has no blank line.
        events.flush();
        let told = match events.take() {
            Some(data) => hear(self.dialect, &data, &mut self.usage),
            None => Heard::default(),
        };
        *ended |= told.end;
        if *hide && told.usage_only {
            held.bytes.clear();
        }
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
            Body::Stream { .. } if self.usage.is_empty() => return None,
            Body::Stream { .. } => &self.usage,
        };
        Some(match self.dialect {
            Dialect::OpenAi => openai::usage::from_json(usage),
            Dialect::Anthropic => anthropic::usage::from_json(usage),
        })
    }

    /// A stream's last event went by: the dialect's end, or its error. An answer without `stream` has none: true.
    pub fn ended(&self) -> bool {
        match &self.body {
            Body::Whole(_) => true,
            Body::Stream { ended, .. } => *ended,
        }
    }
}

#[derive(Default)]
struct Heard {
    end: bool,
    usage_only: bool,
}

/// Reads an event's data. Nearly all tell nothing, which a search for three words finds out.
fn hear(dialect: Dialect, data: &[u8], usage: &mut Map<String, Value>) -> Heard {
    if dialect == Dialect::OpenAi && data.trim_ascii() == b"[DONE]" {
        return Heard {
            end: true,
            usage_only: false,
        };
    }
    let words: [&[u8]; 3] = [b"\"usage\"", b"\"error\"", b"message_stop"];
    if !words.iter().any(|word| memmem::find(data, word).is_some()) {
        return Heard::default();
    }
    let Ok(told) = serde_json::from_slice::<Told>(data) else {
        return Heard::default();
    };
    let nothing_else = told.choices.is_some_and(|choices| choices.is_empty());
    let usage_only = nothing_else && told.error.is_none() && told.usage.is_some();
    let end = match dialect {
        Dialect::OpenAi => told.error.is_some(),
        Dialect::Anthropic => matches!(told.kind.as_deref(), Some("message_stop" | "error")),
    };
    let first = told.message.and_then(|message| message.usage);
    // Counts are cumulative, and a later event does not repeat all of them.
    for counts in [first, told.usage].into_iter().flatten() {
        usage.extend(counts.into_iter().filter(|(_, count)| !count.is_null()));
    }
    Heard { end, usage_only }
}

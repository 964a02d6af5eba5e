//! One content block of an answer, as it grows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde_json::{Map, Value, json};

use crate::blocks::{REASONING, REDACTED, THINKING};
use crate::citations;
use crate::family::Family;
use crate::request::Expected;

/// A block that has begun.
#[derive(Debug)]
pub(crate) struct Open {
    /// The vendor's number of it.
    pub(crate) slot: u64,
    index: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Reasoning {
        /// How its signature is kept.
        seal: &'static str,
        signature: Option<String>,
    },
    /// Handed on when it is complete.
    Redacted(Vec<u8>),
    Call {
        by_provider: Option<String>,
    },
    Result {
        call_id: String,
        /// The vendor's `type` and `status`.
        fields: Map<String, Value>,
        content: Vec<Value>,
    },
    Image {
        format: String,
        bytes: Vec<u8>,
    },
}

/// Did a delta find its place?
pub(crate) enum Grown {
    /// It did.
    Yes,
    /// It is of a kind unknown here, which it names.
    Unknown(String),
}

impl Open {
    /// Begins part `index` with what the vendor says at the start of a block.
    pub(crate) fn start(
        slot: u64,
        index: u32,
        start: &Value,
        expected: &Expected,
        events: &mut Vec<Event>,
    ) -> Result<Option<Self>, Error> {
        let kind = if let Some(call) = start.get("toolUse") {
            let by_provider = call["type"].as_str().map(str::to_owned);
            let name = text(call, "name")?;
            let start = ToolCallStart {
                id: text(call, "toolUseId")?,
                name: match by_provider {
                    Some(_) => name,
                    None => expected.names.restore(&name),
                },
                by_provider: by_provider.is_some(),
            };
            events.push(Event::part_started(index, PartKind::ToolCall(start)));
            Kind::Call { by_provider }
        } else if let Some(result) = start.get("toolResult") {
            let mut fields = result.as_object().cloned().unwrap_or_default();
            fields.retain(|name, value| name != "toolUseId" && !value.is_null());
            Kind::Result {
                call_id: text(result, "toolUseId")?,
                fields,
                content: Vec::new(),
            }
        } else if let Some(image) = start.get("image") {
            Kind::Image {
                format: text(image, "format")?,
                bytes: Vec::new(),
            }
        } else {
            return Ok(None);
        };
        Ok(Some(Self { slot, index, kind }))
    }

    /// Begins part `index` with its first delta, as blocks of text and reasoning do; `None` for a kind unknown here.
    pub(crate) fn first(
        slot: u64,
        index: u32,
        delta: &Value,
        expected: &Expected,
        events: &mut Vec<Event>,
    ) -> Option<Self> {
        let kind = if delta.get("text").is_some() || delta.get("citation").is_some() {
            events.push(Event::part_started(index, PartKind::Text));
            Kind::Text
        } else if let Some(thought) = delta.get("reasoningContent") {
            if thought.get("redactedContent").is_some() {
                Kind::Redacted(Vec::new())
            } else {
                let begun = PartKind::Reasoning(expected.thoughts);
                events.push(Event::part_started(index, begun));
                let seal = match expected.family {
                    Family::Anthropic => THINKING,
                    _ => REASONING,
                };
                Kind::Reasoning {
                    seal,
                    signature: None,
                }
            }
        } else {
            return None;
        };
        Some(Self { slot, index, kind })
    }

    /// Takes a delta.
    pub(crate) fn grow(&mut self, delta: &Value, events: &mut Vec<Event>) -> Result<Grown, Error> {
        let fields = delta.as_object().into_iter().flatten();
        for (name, value) in fields.filter(|(_, value)| !value.is_null()) {
            match (name.as_str(), &mut self.kind) {
                ("text", Kind::Text) => said(self.index, value, events),
                ("citation", Kind::Text) => events.push(Event::PartDelta(PartDelta {
                    choice: 0,
                    index: self.index,
                    delta: Delta::Citation(citations::read(value)),
                })),
                ("toolUse", Kind::Call { .. }) => said(self.index, &value["input"], events),
                ("reasoningContent", Kind::Reasoning { signature, .. }) => {
                    said(self.index, &value["text"], events);
                    if let Some(more) = value["signature"].as_str() {
                        signature.get_or_insert_default().push_str(more);
                    }
                }
                ("reasoningContent", Kind::Redacted(hidden)) => {
                    hidden.extend(decoded(&value["redactedContent"])?);
                }
                ("toolResult", Kind::Result { content, .. }) => {
                    content.extend(value.as_array().cloned().unwrap_or_default());
                }
                ("image", Kind::Image { bytes, .. }) => {
                    bytes.extend(decoded(&value["source"]["bytes"])?);
                }
                (
                    "text" | "citation" | "toolUse" | "reasoningContent" | "toolResult" | "image",
                    _,
                ) => {
                    return Err(Error::upstream(format!(
                        "the vendor sent `{name}` within a block of another kind"
                    )));
                }
                (other, _) => return Ok(Grown::Unknown(other.into())),
            }
        }
        Ok(Grown::Yes)
    }

    /// Ends the part, which then says what the vendor must see again.
    pub(crate) fn end(self, events: &mut Vec<Event>) {
        let index = self.index;
        let provider_data = match self.kind {
            Kind::Text => None,
            // Without its signature, the vendor would refuse it.
            Kind::Reasoning {
                seal: THINKING,
                signature: None,
            } => None,
            Kind::Reasoning { seal, signature } => {
                let mut data = json!({"type": seal});
                if let Some(signature) = signature {
                    data["signature"] = json!(signature);
                }
                Some(data)
            }
            Kind::Call { by_provider } => {
                by_provider.map(|kind| json!({"toolUse": {"type": kind}}))
            }
            Kind::Redacted(hidden) => {
                let data = json!({"type": REDACTED, REDACTED: STANDARD.encode(hidden)});
                let thought = Reasoning {
                    kind: ReasoningKind::Redacted,
                    text: String::new(),
                };
                return whole(index, Content::Reasoning(thought), Some(data), events);
            }
            Kind::Result {
                call_id,
                mut fields,
                content,
            } => {
                let result = ToolResult {
                    call_id,
                    name: None,
                    content: content.iter().map(piece).collect(),
                    is_error: fields.get("status") == Some(&json!("error")),
                    by_provider: true,
                };
                fields.insert("content".into(), Value::Array(content));
                let data = json!({"toolResult": fields});
                return whole(index, Content::ToolResult(result), Some(data), events);
            }
            Kind::Image { format, bytes } => {
                let image = Media {
                    source: MediaSource::Bytes(bytes),
                    media_type: Some(format!("image/{format}")),
                    name: None,
                    context: None,
                    detail: None,
                    cite: false,
                };
                return whole(index, Content::Image(image), None, events);
            }
        };
        let provider_data = provider_data.map(|data| data.to_string());
        events.push(Event::part_ended(index, provider_data));
    }
}

fn whole(index: u32, content: Content, data: Option<Value>, events: &mut Vec<Event>) {
    let part = Part {
        content,
        cache: None,
        provider_data: data.map(|data| data.to_string()),
    };
    events.push(Event::Part(WholePart {
        choice: 0,
        index,
        part,
    }));
}

/// A block that the vendor may add, whole.
pub(crate) fn other(index: u32, name: &str, block: &Value, events: &mut Vec<Event>) {
    let data = Some(json!({name: block}));
    whole(index, Content::Other(name.into()), data, events);
}

fn said(index: u32, text: &Value, events: &mut Vec<Event>) {
    if let Some(text) = text.as_str().filter(|text| !text.is_empty()) {
        events.push(Event::text(index, text));
    }
}

fn text(block: &Value, field: &str) -> Result<String, Error> {
    let found = block[field].as_str().filter(|text| !text.is_empty());
    found
        .map(str::to_owned)
        .ok_or_else(|| Error::upstream(format!("the vendor began a block without `{field}`")))
}

fn decoded(text: &Value) -> Result<Vec<u8>, Error> {
    let bytes = STANDARD.decode(text.as_str().unwrap_or_default());
    bytes.map_err(|e| Error::upstream(format!("the vendor sent bytes that are no base64: {e}")))
}

/// A piece of what a tool of the vendor's answered: text as such, the rest as JSON.
fn piece(said: &Value) -> ResultContent {
    match said["text"].as_str() {
        Some(text) => ResultContent::Text(text.into()),
        None => ResultContent::Text(said.get("json").unwrap_or(said).to_string()),
    }
}

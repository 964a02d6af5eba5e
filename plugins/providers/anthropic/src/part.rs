//! One content block of an answer, as it grows.

use evenhand_sdk::Error;
use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use serde_json::{Map, Value, json};

use crate::blocks::without_nulls;
use crate::citations;

/// A block that has begun.
#[derive(Debug)]
pub(crate) struct Open {
    /// The vendor's number of it.
    pub(crate) slot: u64,
    index: u32,
    kind: Kind,
    /// What the vendor must see again, when it is complete.
    block: Map<String, Value>,
}

#[derive(Debug)]
enum Kind {
    Text,
    Thinking,
    /// Its arguments may come with its beginning instead of as deltas.
    Call {
        input: Option<Value>,
    },
    /// Handed on when it is complete.
    Whole,
}

impl Open {
    /// Begins part `index` with this block.
    pub(crate) fn begin(
        slot: u64,
        index: u32,
        block: Map<String, Value>,
        thoughts: ReasoningKind,
        names: &Names,
        events: &mut Vec<Event>,
    ) -> Result<Self, Error> {
        let mut block = without_nulls(&block);
        let name = block
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (kind, begun) = match name {
            "text" => (Kind::Text, Some(PartKind::Text)),
            "thinking" => (Kind::Thinking, Some(PartKind::Reasoning(thoughts))),
            "tool_use" | "server_tool_use" | "mcp_tool_use" => {
                let by_provider = name != "tool_use";
                let start = call(&mut block, by_provider, names)?;
                let input = block.remove("input");
                (Kind::Call { input }, Some(PartKind::ToolCall(start)))
            }
            "" => return Err(Error::upstream("the vendor began a block without a type")),
            _ => (Kind::Whole, None),
        };
        events.extend(begun.map(|begun| Event::part_started(index, begun)));
        let mut open = Self {
            slot,
            index,
            kind,
            block,
        };
        open.first_words(events);
        Ok(open)
    }

    /// Text that comes with the beginning.
    fn first_words(&mut self, events: &mut Vec<Event>) {
        let field = match self.kind {
            Kind::Text => "text",
            Kind::Thinking => "thinking",
            Kind::Call { .. } | Kind::Whole => return,
        };
        if let Some(Value::String(text)) = self.block.remove(field) {
            self.text(&text, events);
        }
        if let Some(Value::Array(cited)) = self.block.remove("citations") {
            cited.iter().for_each(|cited| self.cite(cited, events));
        }
    }

    /// Takes a delta; `false` if it is of a kind unknown here.
    pub(crate) fn grow(&mut self, delta: &Value, events: &mut Vec<Event>) -> bool {
        let text = |field: &str| delta[field].as_str().unwrap_or_default();
        match (delta["type"].as_str().unwrap_or_default(), &mut self.kind) {
            (_, Kind::Whole) => self.complete(delta),
            ("text_delta", Kind::Text) => self.text(text("text"), events),
            ("citations_delta", Kind::Text) => self.cite(&delta["citation"], events),
            ("thinking_delta", Kind::Thinking) => self.text(text("thinking"), events),
            ("signature_delta", Kind::Thinking) => self.complete(delta),
            ("input_json_delta", Kind::Call { input }) => {
                let text = text("partial_json");
                if !text.is_empty() {
                    *input = None;
                    self.text(text, events);
                }
            }
            _ => return false,
        }
        true
    }

    /// Ends the part, which then says what the vendor must see again.
    pub(crate) fn end(mut self, events: &mut Vec<Event>) {
        let provider_data = match &mut self.kind {
            Kind::Text => None,
            // An empty signature is none: the thought was cut off, and the vendor would refuse it.
            Kind::Thinking => match self.block.get("signature").and_then(Value::as_str) {
                None | Some("") => None,
                Some(_) => Some(self.block),
            },
            Kind::Call { input } => {
                let input = input.take().filter(|input| *input != json!({}));
                if let Some(input) = input {
                    events.push(Event::text(self.index, input.to_string()));
                }
                let says_more = self.block.len() > 1 || self.block["type"] != "tool_use";
                says_more.then_some(self.block)
            }
            Kind::Whole => {
                events.push(Event::Part(WholePart {
                    choice: 0,
                    index: self.index,
                    part: whole(self.block),
                }));
                return;
            }
        };
        let provider_data = provider_data.map(|block| Value::Object(block).to_string());
        events.push(Event::part_ended(self.index, provider_data));
    }

    fn text(&self, text: &str, events: &mut Vec<Event>) {
        if !text.is_empty() {
            events.push(Event::text(self.index, text));
        }
    }

    fn cite(&self, cited: &Value, events: &mut Vec<Event>) {
        events.push(Event::PartDelta(PartDelta {
            choice: 0,
            index: self.index,
            delta: Delta::Citation(citations::read(cited)),
        }));
    }

    /// Adds the fields of a delta to those of the block; text goes on where it was.
    fn complete(&mut self, delta: &Value) {
        let fields = delta.as_object().into_iter().flatten();
        for (name, value) in fields.filter(|(name, value)| *name != "type" && !value.is_null()) {
            match (self.block.get_mut(name), value) {
                (Some(Value::String(known)), Value::String(more)) => known.push_str(more),
                _ => drop(self.block.insert(name.clone(), value.clone())),
            }
        }
    }
}

fn call(
    block: &mut Map<String, Value>,
    by_provider: bool,
    names: &Names,
) -> Result<ToolCallStart, Error> {
    let mut text = |name: &str| match block.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(Error::upstream(format!(
            "the vendor called a tool without `{name}`"
        ))),
    };
    let (id, name) = (text("id")?, text("name")?);
    // Called by the model itself, which is what absent means too.
    if block.get("caller") == Some(&json!({"type": "direct"})) {
        block.remove("caller");
    }
    let name = if by_provider {
        name
    } else {
        names.restore(&name)
    };
    Ok(ToolCallStart {
        id,
        name,
        by_provider,
    })
}

/// A block that has no deltas of its own in the neutral form.
fn whole(block: Map<String, Value>) -> Part {
    let kind = block
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let content = match (kind, block.get("tool_use_id").and_then(Value::as_str)) {
        ("redacted_thinking", _) => Content::Reasoning(Reasoning {
            kind: ReasoningKind::Redacted,
            text: String::new(),
        }),
        (kind, Some(call_id)) if kind.ends_with("_tool_result") => {
            let said = block.get("content").unwrap_or(&Value::Null);
            let failed = said["type"]
                .as_str()
                .is_some_and(|kind| kind.ends_with("_error"));
            Content::ToolResult(ToolResult {
                call_id: call_id.into(),
                name: None,
                content: results(said),
                is_error: failed || block.get("is_error") == Some(&json!(true)),
                by_provider: true,
            })
        }
        (kind, _) => Content::Other(kind.into()),
    };
    Part {
        content,
        cache: None,
        provider_data: Some(Value::Object(block).to_string()),
    }
}

/// What a tool of the vendor's answered: texts and search results as such, the rest as JSON.
fn results(said: &Value) -> Vec<ResultContent> {
    match said {
        Value::Null => Vec::new(),
        Value::String(text) => vec![ResultContent::Text(text.clone())],
        Value::Array(all) => all.iter().map(result).collect(),
        one => vec![result(one)],
    }
}

fn result(said: &Value) -> ResultContent {
    let text = |field: &str| said[field].as_str().map(str::to_owned);
    match (said["type"].as_str(), text("text"), text("url")) {
        (Some("text"), Some(text), _) => ResultContent::Text(text),
        (Some("web_search_result"), _, Some(location)) => ResultContent::Source(Source {
            location,
            title: text("title"),
            passages: Vec::new(),
            cite: false,
        }),
        _ => ResultContent::Text(said.to_string()),
    }
}

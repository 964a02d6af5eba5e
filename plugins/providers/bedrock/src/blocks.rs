//! Parts of messages as the vendor's content blocks.

use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

use crate::family::Family;
use crate::media::Titles;
use crate::{citations, media};

/// The vendor's API description: `[a-zA-Z0-9_-]{1,64}` for names of tools, and for ids of calls nearly the same.
const LENGTH: usize = 64;

/// Reasoning of models of Anthropic's, as Anthropic's own API has it: a signature of either is good for both.
pub(crate) const THINKING: &str = "thinking";

/// Reasoning of other models here.
pub(crate) const REASONING: &str = "reasoningText";

/// What is hidden, as base64.
pub(crate) const REDACTED: &str = "redactedContent";

/// What a translation remembers from part to part.
#[derive(Debug)]
pub(crate) struct Context {
    /// Whose model is asked.
    pub(crate) family: Family,
    /// Tools that were renamed.
    pub(crate) names: Names,
    /// Ids of calls that another vendor gave and this one would refuse.
    ids: Names,
    titles: Titles,
    /// What was not honoured.
    pub(crate) warnings: Warnings,
}

impl Context {
    /// For a model of this family.
    pub(crate) fn new(family: Family) -> Self {
        Self {
            family,
            names: Names::new(LENGTH),
            ids: Names::new(LENGTH),
            titles: Titles::default(),
            warnings: Warnings::default(),
        }
    }

    /// The block of a part of this role's message, and the cache point after it; none where it says nothing or had to
    /// be left out.
    pub(crate) fn block(&mut self, role: Role, part: &Part) -> Result<Vec<Value>, Error> {
        let block = self.content(role, part)?;
        let mut blocks: Vec<_> = block.into_iter().collect();
        if !speaks_for_itself(&part.content) {
            name_foreign(
                "messages",
                part.provider_data.as_deref(),
                &mut self.warnings,
            );
        }
        let Some(mark) = &part.cache else {
            return Ok(blocks);
        };
        match (&part.content, blocks.is_empty()) {
            (_, true) => self.warnings.add(
                "cache",
                "a part that was left out can't end a cached prefix",
            ),
            (Content::Reasoning(_), _) => self.warnings.add(
                "cache",
                "reasoning can't end a cached prefix here: mark the part before or after it",
            ),
            _ => blocks.push(cache_point(mark, &mut self.warnings)),
        }
        Ok(blocks)
    }

    fn content(&mut self, role: Role, part: &Part) -> Result<Option<Value>, Error> {
        let block = match &part.content {
            Content::Text(text) => return Ok(self.text(role, &text.text, &text.citations)),
            Content::Refusal(text) => return Ok(self.text(role, text, &[])),
            Content::Image(_) | Content::File(_) | Content::Audio(_) | Content::Source(_)
                if role == Role::Assistant =>
            {
                self.warnings.add(
                    "messages.assistant",
                    "the vendor takes no media or sources in turns of the model: left out",
                );
                return Ok(None);
            }
            Content::Image(image) => media::image(image, &mut self.warnings)?,
            Content::File(file) => media::document(file, &mut self.titles, &mut self.warnings)?,
            Content::Audio(sound) => media::audio(sound)?,
            Content::Source(source) => media::search_result(source),
            Content::Reasoning(reasoning) => return Ok(self.reasoning(reasoning, part)),
            Content::ToolCall(call) => return Ok(self.call(call, part)),
            Content::ToolResult(result) => return self.result(result, part),
            Content::Other(kind) => match own(part) {
                // A block of one field, which says what it is.
                Some(block) if block.get(kind).is_some() => json!({kind: block[kind]}),
                _ => {
                    return Err(Error::bad_request(format!(
                        "this vendor knows no `{kind}` in a message: leave it out"
                    ))
                    .at("messages"));
                }
            },
        };
        Ok(Some(block))
    }

    /// The vendor refuses blocks of blank text.
    fn text(&mut self, role: Role, text: &str, cited: &[Citation]) -> Option<Value> {
        if text.trim().is_empty() {
            if !text.is_empty() {
                self.warnings
                    .add("messages.text", "the vendor refuses blank text: left out");
            }
            return None;
        }
        let ours: Vec<_> = match role {
            Role::Assistant => cited.iter().filter_map(citations::write).collect(),
            _ => Vec::new(),
        };
        if ours.len() < cited.len() {
            self.warnings.add(
                "messages.text.citations",
                "the vendor takes no citations but its own: left out",
            );
        }
        Some(match ours.is_empty() {
            true => json!({"text": text}),
            false => json!({"citationsContent": {"content": [{"text": text}], "citations": ours}}),
        })
    }

    /// Only thoughts that the vendor issued come back to it, as they were.
    fn reasoning(&mut self, reasoning: &Reasoning, part: &Part) -> Option<Value> {
        let data = own(part).unwrap_or_default();
        let kind = data["type"].as_str().unwrap_or_default();
        let ours = match self.family {
            Family::Anthropic => kind == THINKING && data["signature"].is_string(),
            // It fails where it sees its own thoughts again.
            Family::DeepSeek => false,
            _ => kind == REASONING,
        };
        match (reasoning.kind, data[REDACTED].as_str()) {
            (ReasoningKind::Redacted, Some(hidden)) if kind == REDACTED => {
                return Some(json!({"reasoningContent": {"redactedContent": hidden}}));
            }
            (ReasoningKind::Full | ReasoningKind::Summary, _) if ours => {
                let mut text = json!({"text": reasoning.text});
                if let Some(signature) = data.get("signature") {
                    text["signature"] = signature.clone();
                }
                return Some(json!({"reasoningContent": {"reasoningText": text}}));
            }
            _ => {}
        }
        self.warnings.add(
            "messages.reasoning",
            "the vendor takes no reasoning here but its own, signed: left out",
        );
        None
    }

    fn call(&mut self, call: &ToolCall, part: &Part) -> Option<Value> {
        let input = self.input(call);
        if !call.by_provider {
            return Some(json!({"toolUse": {
                "toolUseId": self.ids.send(&call.id),
                "name": self.names.send(&call.name),
                "input": input,
            }}));
        }
        let Some(kind) =
            own(part).and_then(|data| data["toolUse"]["type"].as_str().map(str::to_owned))
        else {
            self.warnings.add(
                "messages.tool_call",
                "a tool that another vendor ran has no place in this wire format: left out",
            );
            return None;
        };
        Some(json!({"toolUse": {
            "toolUseId": call.id, "name": call.name, "input": input, "type": kind,
        }}))
    }

    fn input(&mut self, call: &ToolCall) -> Value {
        match serde_json::from_str(&call.arguments) {
            Ok(Value::Object(fields)) => Value::Object(fields),
            _ if call.arguments.trim().is_empty() => json!({}),
            _ => {
                self.warnings.add(
                    "messages.tool_call.arguments",
                    format!(
                        "the arguments of call `{}` of `{}` are no JSON object: sent as {{}}",
                        call.id, call.name
                    ),
                );
                json!({})
            }
        }
    }

    fn result(&mut self, result: &ToolResult, part: &Part) -> Result<Option<Value>, Error> {
        let id = match result.by_provider {
            true => result.call_id.clone(),
            false => self.ids.send(&result.call_id),
        };
        let mut block = json!({"toolUseId": id, "content": []});
        if result.by_provider {
            let Some(Value::Object(fields)) = own(part).map(|mut data| data["toolResult"].take())
            else {
                self.warnings.add(
                    "messages.tool_result",
                    "a tool that another vendor ran has no place in this wire format: left out",
                );
                return Ok(None);
            };
            block
                .as_object_mut()
                .into_iter()
                .for_each(|block| block.extend(fields.clone()));
            return Ok(Some(json!({"toolResult": block})));
        }
        let mut content = Vec::new();
        for piece in &result.content {
            content.extend(self.piece(piece)?);
        }
        block["content"] = Value::Array(content);
        if result.is_error && self.family.takes_status() {
            block["status"] = json!("error");
        } else if result.is_error {
            self.warnings.add(
                "messages.tool_result.is_error",
                "this model is not told that a tool failed but by the result's words: left out",
            );
        }
        Ok(Some(json!({"toolResult": block})))
    }

    fn piece(&mut self, piece: &ResultContent) -> Result<Option<Value>, Error> {
        Ok(match piece {
            ResultContent::Text(text) => self.text(Role::Tool, text, &[]),
            ResultContent::Image(image) => Some(media::image(image, &mut self.warnings)?),
            ResultContent::File(file) => {
                Some(media::document(file, &mut self.titles, &mut self.warnings)?)
            }
            ResultContent::Source(source) => Some(media::search_result(source)),
        })
    }
}

/// Is this part's provider data read here, whoever wrote them?
fn speaks_for_itself(content: &Content) -> bool {
    match content {
        Content::Reasoning(_) | Content::Other(_) => true,
        Content::ToolCall(call) => call.by_provider,
        Content::ToolResult(result) => result.by_provider,
        _ => false,
    }
}

/// Names, in warnings, the fields of provider data that the vendor has no place for: clients of other vendors' formats
/// write them.
pub(crate) fn name_foreign(field: &str, provider_data: Option<&str>, warnings: &mut Warnings) {
    let data = provider_data.and_then(|data| serde_json::from_str(data).ok());
    let Some(Value::Object(data)) = data else {
        return;
    };
    let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    for (name, _) in data
        .iter()
        .filter(|(name, value)| *name != "type" && !empty(value))
    {
        warnings.add(
            &format!("{field}.{name}"),
            "the vendor has no such field there: left out",
        );
    }
}

/// The provider data, if they are a JSON object.
fn own(part: &Part) -> Option<Value> {
    let data: Value = serde_json::from_str(part.provider_data.as_deref()?).ok()?;
    data.is_object().then_some(data)
}

/// A `cachePoint` element. The vendor has two lifetimes; others become the nearest shorter one.
pub(crate) fn cache_point(mark: &CacheMark, warnings: &mut Warnings) -> Value {
    let mut point = json!({"type": "default"});
    if let Some(seconds) = mark.ttl_seconds {
        let ttl = if seconds < 3600 { "5m" } else { "1h" };
        if ![300, 3600].contains(&seconds) {
            warnings.add(
                "cache.ttl_seconds",
                format!("the vendor caches for 300 or 3600 seconds: {seconds} became {ttl}"),
            );
        }
        point["ttl"] = json!(ttl);
    }
    json!({"cachePoint": point})
}

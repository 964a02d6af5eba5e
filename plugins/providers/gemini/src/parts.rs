//! Parts of messages in the vendor's words.

use std::collections::HashMap;

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::names::Names;
use crate::{media, results};

/// How ids begin that we make up for calls that the vendor gave none. They never reach it.
pub(crate) const MADE_UP: &str = "evenhand-";

/// Fields of a part beside its data that the vendor wants to see again.
pub(crate) const KEPT: [&str; 3] = ["thought", "thoughtSignature", "partMetadata"];

/// What a translation remembers from part to part.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    /// The model is one before Gemini 3.
    pub(crate) earlier: bool,
    /// Tools that were renamed.
    pub(crate) names: Names,
    /// What was not honoured.
    pub(crate) warnings: Warnings,
    /// Names of the functions called so far, as sent, by the calls' ids.
    called: HashMap<String, String>,
}

/// A part in the vendor's words.
#[derive(Debug)]
pub(crate) struct Piece {
    /// As it is sent.
    pub(crate) part: Value,
    /// The call that it is or answers.
    pub(crate) call: Option<String>,
}

impl<'a> Context<'a> {
    /// For a request to this model.
    pub(crate) fn new(config: &'a Config, model: &str) -> Self {
        Self {
            config,
            earlier: config.is_earlier(model),
            names: Names::default(),
            warnings: Warnings::default(),
            called: HashMap::new(),
        }
    }

    /// The vendor's id of a call; none where we made it up.
    pub(crate) fn id<'b>(&self, id: &'b str) -> Option<&'b str> {
        (!id.is_empty() && !id.starts_with(MADE_UP)).then_some(id)
    }

    /// Names what the vendor has no place for beside a message's parts.
    pub(crate) fn beside(&mut self, message: &Message) {
        if message.name.is_some() {
            self.warnings.add(
                "messages.name",
                "the vendor does not tell speakers apart: left out",
            );
        }
        self.keep(None, &data(message.provider_data.as_deref()));
    }

    /// What is sent of a part of this role's message: nothing where it says nothing or had to be left out.
    pub(crate) fn pieces(&mut self, role: Role, part: &Part) -> Result<Vec<Piece>, Error> {
        let data = data(part.provider_data.as_deref());
        let mut pieces = self.content(role, &part.content, &data)?;
        let whole = match &part.content {
            Content::Other(_) => true,
            Content::ToolCall(call) => call.by_provider,
            Content::ToolResult(result) => result.by_provider,
            _ => false,
        };
        let medium = matches!(
            part.content,
            Content::Image(_) | Content::Audio(_) | Content::File(_)
        );
        match (whole, medium) {
            (true, _) => {}
            // Words about a medium stand before it.
            (false, true) => self.keep(pieces.last_mut(), &data),
            (false, false) => self.keep(pieces.first_mut(), &data),
        }
        Ok(pieces)
    }

    /// Adds what the vendor wants to see again. A client may have written it, so that only known fields pass.
    fn keep(&mut self, piece: Option<&mut Piece>, data: &Map<String, Value>) {
        let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let (known, unknown): (Vec<_>, Vec<_>) = data
            .iter()
            .partition(|(name, _)| KEPT.contains(&name.as_str()));
        for (name, _) in unknown
            .into_iter()
            .filter(|(name, value)| *name != "type" && !empty(value))
        {
            self.warnings.add(
                &format!("messages.{name}"),
                "the vendor has no such field there: left out",
            );
        }
        if let Some(piece) = piece {
            for (name, value) in known {
                piece.part[name] = value.clone();
            }
        }
    }

    fn content(
        &mut self,
        role: Role,
        content: &Content,
        data: &Map<String, Value>,
    ) -> Result<Vec<Piece>, Error> {
        let part = match content {
            Content::Text(text) => {
                if !text.citations.is_empty() {
                    self.warnings.add(
                        "messages.text.citations",
                        "the vendor takes no citations back: left out",
                    );
                }
                return Ok(self.text(&text.text, data));
            }
            Content::Refusal(text) => return Ok(self.text(text, data)),
            Content::Audio(sound)
                if role == Role::Assistant && matches!(sound.source, MediaSource::FileId(_)) =>
            {
                self.warnings.add(
                    "messages.audio",
                    "sound that another vendor keeps by its own id: left out",
                );
                return Ok(Vec::new());
            }
            Content::Image(medium) | Content::Audio(medium) | Content::File(medium) => {
                let parts = media::parts(medium, self.config, self.earlier, &mut self.warnings)?;
                return Ok(parts.into_iter().map(plain).collect());
            }
            Content::Source(source) if role != Role::Assistant => {
                if source.cite {
                    self.warnings.add(
                        "messages.source.cite",
                        "the vendor can't cite sources of the request: left out",
                    );
                }
                json!({"text": media::source_text(source)})
            }
            Content::Source(_) => {
                self.warnings.add(
                    "messages.assistant",
                    "the vendor takes no sources in turns of the model: left out",
                );
                return Ok(Vec::new());
            }
            Content::Reasoning(reasoning) => return Ok(self.reasoning(reasoning, data)),
            Content::ToolCall(call) => return Ok(self.call(call, data)),
            Content::ToolResult(result) => return self.result(result, data),
            Content::Other(kind) if data.contains_key(kind) => Value::Object(data.clone()),
            Content::Other(kind) => {
                return Err(Error::bad_request(format!(
                    "this vendor knows no `{kind}` in a message: leave it out"
                ))
                .at("messages"));
            }
        };
        Ok(vec![plain(part)])
    }

    /// An empty text may bear a signature, and then it counts.
    fn text(&mut self, text: &str, data: &Map<String, Value>) -> Vec<Piece> {
        match text.is_empty() && !data.contains_key("thoughtSignature") {
            true => Vec::new(),
            false => vec![plain(json!({"text": text}))],
        }
    }

    /// Only the vendor's own thoughts come back to it.
    fn reasoning(&mut self, reasoning: &Reasoning, data: &Map<String, Value>) -> Vec<Piece> {
        if data.get("thought") == Some(&json!(true)) {
            return self.text(&reasoning.text, data);
        }
        self.warnings.add(
            "messages.reasoning",
            "the vendor takes no reasoning but its own: left out",
        );
        Vec::new()
    }

    fn call(&mut self, call: &ToolCall, data: &Map<String, Value>) -> Vec<Piece> {
        if call.by_provider {
            return self.of_its_own(data, ["executableCode", "toolCall"], "messages.tool_call");
        }
        let name = self.names.send(&call.name);
        self.called.insert(call.id.clone(), name.clone());
        let mut sent = json!({"name": name, "args": self.arguments(call)});
        if let Some(id) = self.id(&call.id) {
            sent["id"] = json!(id);
        }
        vec![Piece {
            part: json!({"functionCall": sent}),
            call: Some(call.id.clone()),
        }]
    }

    fn arguments(&mut self, call: &ToolCall) -> Value {
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

    fn result(
        &mut self,
        result: &ToolResult,
        data: &Map<String, Value>,
    ) -> Result<Vec<Piece>, Error> {
        if result.by_provider {
            let kinds = ["codeExecutionResult", "toolResponse"];
            return Ok(self.of_its_own(data, kinds, "messages.tool_result"));
        }
        let called = self.called.get(&result.call_id).cloned();
        let named = || result.name.as_ref().map(|name| self.names.send(name));
        let Some(name) = called.or_else(named) else {
            return Err(Error::bad_request(format!(
                "there is no call `{}` before its result, and this vendor must be told the function's name",
                result.call_id
            ))
            .at("messages.tool_result"));
        };
        let parts = results::response(result, name, self)?;
        let mut call = Some(result.call_id.clone());
        let pieces = parts.into_iter().map(|part| Piece {
            part,
            call: call.take(),
        });
        Ok(pieces.collect())
    }

    /// A part about the vendor's own tools, as it wrote it.
    fn of_its_own(
        &mut self,
        data: &Map<String, Value>,
        kinds: [&str; 2],
        field: &str,
    ) -> Vec<Piece> {
        if kinds.iter().any(|kind| data.contains_key(*kind)) {
            return vec![plain(Value::Object(data.clone()))];
        }
        self.warnings.add(
            field,
            "a tool that another vendor ran has no place in this wire format: left out",
        );
        Vec::new()
    }
}

fn plain(part: Value) -> Piece {
    Piece { part, call: None }
}

/// Provider data, which are an object where they are ours.
pub(crate) fn data(provider_data: Option<&str>) -> Map<String, Value> {
    let data = provider_data.and_then(|data| serde_json::from_str(data).ok());
    data.unwrap_or_default()
}

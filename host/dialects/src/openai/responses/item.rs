//! An item of an answer while it is open.

use serde_json::{Value, json};
use types::neutral::{Content, Part};

use super::{
    Settings,
    frames::{Frame, Numbered, Place},
    hosted, reasoning,
    settings::prefix,
    tools::{Form, Name},
};

fn call_type(form: Form) -> &'static str {
    match form {
        Form::Function => "function_call",
        Form::Custom => "custom_tool_call",
        Form::Search => "tool_search_call",
    }
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Reasoning,
    Call,
    Hosted,
}

/// An item that is open.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    id: String,
    output_index: usize,
    /// What a client calls the tool.
    pub(super) name: Name,
    /// The parts that are complete.
    pub(super) parts: Vec<Part>,
    /// Content of a message, arguments of a call.
    pub(super) content: Vec<Value>,
    /// Texts and summaries of thoughts so far.
    pub(super) thoughts: [usize; 2],
    pub(super) phase: Option<Value>,
    /// The item of a tool that the vendor ran.
    whole: Option<Value>,
}

impl Item {
    /// An item in which this part will be said.
    pub(super) fn new(kind: Kind, part: &Part, settings: &Settings, output_index: usize) -> Self {
        let name = match &part.content {
            Content::ToolCall(call) => settings.names.of(&call.name),
            _ => Name::default(),
        };
        let prefix = prefix(match kind {
            Kind::Message => "message",
            Kind::Reasoning => "reasoning",
            Kind::Call => call_type(name.form),
            Kind::Hosted => "",
        });
        Self {
            kind,
            id: settings.item_id(prefix, 'o', output_index),
            output_index,
            name,
            parts: match kind {
                Kind::Call => vec![part.clone()],
                _ => Vec::new(),
            },
            content: Vec::new(),
            thoughts: [0, 0],
            phase: None,
            whole: None,
        }
    }

    /// An item of its own; the part, if the dialect has none for it.
    pub(super) fn hosted(
        part: Part,
        settings: &Settings,
        output_index: usize,
    ) -> Result<Self, Part> {
        let id = settings.item_id(hosted::GENERATED, 'o', output_index);
        let Some(whole) = hosted::item(std::slice::from_ref(&part), &id) else {
            return Err(part);
        };
        let mut item = Self::new(Kind::Hosted, &part, settings, output_index);
        item.id = whole["id"].as_str().map_or(id, str::to_owned);
        item.parts = vec![part];
        item.whole = Some(whole);
        Ok(item)
    }

    /// Can such a part be said in it too?
    pub(super) fn takes(&self, kind: Kind) -> bool {
        self.kind == kind && matches!(kind, Kind::Message | Kind::Reasoning)
    }

    /// Nothing more belongs to it: messages of different phases are told apart.
    pub(super) fn is_full(&self) -> bool {
        self.kind == Kind::Message && self.phase.is_some()
    }

    /// Is the part what came out of this item's call?
    pub(super) fn absorbs(&self, part: &Part) -> bool {
        let call = self.parts.first().map(|part| &part.content);
        match (call, &part.content) {
            (Some(Content::ToolCall(call)), Content::ToolResult(result)) => {
                self.kind == Kind::Hosted && self.parts.len() == 1 && call.id == result.call_id
            }
            _ => false,
        }
    }

    pub(super) fn place(&self, part: Option<(&'static str, usize)>) -> Place<'_> {
        Place {
            item_id: &self.id,
            output_index: self.output_index,
            part,
        }
    }

    pub(super) fn added(&self, numbered: &mut Numbered, out: &mut Vec<Frame>) {
        let mut item = self.json("in_progress");
        if self.kind == Kind::Reasoning {
            item = json!({ "id": self.id, "type": "reasoning", "summary": [] });
        }
        self.told("response.output_item.added", &item, numbered, out);
    }

    fn told(
        &self,
        name: &'static str,
        item: &Value,
        numbered: &mut Numbered,
        out: &mut Vec<Frame>,
    ) {
        let fields = json!({ "output_index": self.output_index, "item": item });
        numbered.event(out, name, fields);
    }

    /// It is complete: the item and its parts.
    pub(super) fn done(
        mut self,
        status: &str,
        numbered: &mut Numbered,
        out: &mut Vec<Frame>,
    ) -> (Value, Vec<Part>) {
        if self.kind == Kind::Hosted {
            self.whole = hosted::item(&self.parts, &self.id).or(self.whole);
        }
        let item = self.json(status);
        if self.kind == Kind::Hosted {
            let mut begun = item.clone();
            if begun["status"].is_string() {
                begun["status"] = "in_progress".into();
            }
            self.told("response.output_item.added", &begun, numbered, out);
            for (name, fields) in hosted::events(&item) {
                numbered.at(out, name, self.place(None), fields);
            }
        }
        self.told("response.output_item.done", &item, numbered, out);
        (item, self.parts)
    }

    fn json(&self, status: &str) -> Value {
        match self.kind {
            Kind::Message => {
                let mut message = json!({
                    "id": self.id,
                    "type": "message",
                    "status": status,
                    "role": "assistant",
                    "content": self.content,
                });
                if let Some(phase) = &self.phase {
                    message["phase"] = phase.clone();
                }
                message
            }
            Kind::Reasoning => reasoning::item(&self.parts, &self.id),
            Kind::Call => {
                let said = self.content.first();
                let said = said.cloned().unwrap_or_else(|| "".into());
                let kind = call_type(self.name.form);
                let field = match self.name.form {
                    Form::Custom => "input",
                    Form::Function | Form::Search => "arguments",
                };
                let call_id = self.parts.first().map(|part| match &part.content {
                    Content::ToolCall(call) => call.id.as_str(),
                    _ => "",
                });
                let mut call = json!({
                    "id": self.id,
                    "type": kind,
                    "status": status,
                    "call_id": call_id,
                    "name": self.name.name,
                    field: said,
                });
                if let Some(namespace) = &self.name.namespace {
                    call["namespace"] = namespace.as_str().into();
                }
                if self.name.form == Form::Search {
                    call["execution"] = "client".into();
                    if let Some(fields) = call.as_object_mut() {
                        fields.shift_remove("name");
                    }
                    if call["arguments"] == "" {
                        call["arguments"] = json!({});
                    }
                }
                call
            }
            Kind::Hosted => self.whole.clone().unwrap_or_default(),
        }
    }
}

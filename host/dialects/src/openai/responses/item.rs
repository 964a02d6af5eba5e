//! An item of an answer while it is open, and the part of it that is being said.

use serde_json::{Value, json};
use types::neutral::{Citation, Content, Part, ReasoningKind, TokenLogprob};

use super::{
    Settings,
    custom::Input,
    frames::{Frame, Numbered, Place},
    hosted, reasoning,
    settings::prefix,
    tools::Name,
};

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
    kind: Kind,
    id: String,
    output_index: usize,
    /// What a client calls the tool.
    name: Name,
    /// The parts that are complete.
    pub(super) parts: Vec<Part>,
    /// Content of a message, arguments of a call.
    content: Vec<Value>,
    /// Texts and summaries of thoughts so far.
    thoughts: [usize; 2],
    phase: Option<Value>,
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
            Kind::Call if name.custom => "custom_tool_call",
            Kind::Call => "function_call",
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

    fn place(&self, part: Option<(&'static str, usize)>) -> Place<'_> {
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
                let (kind, field) = match self.name.custom {
                    true => ("custom_tool_call", "input"),
                    false => ("function_call", "arguments"),
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
                call
            }
            Kind::Hosted => self.whole.clone().unwrap_or_default(),
        }
    }
}

/// A part that is being said.
#[derive(Debug)]
pub(super) struct Speech {
    pub(super) part: Part,
    /// Its first event is written.
    pub(super) begun: bool,
    /// Which of its item's it is, and what these are called.
    index: Option<(&'static str, usize)>,
    annotations: Vec<Value>,
    logprobs: Vec<Value>,
    input: Option<Input>,
    /// Names of its deltas and of what comes when they are over.
    events: (&'static str, &'static str),
}

impl Speech {
    pub(super) fn new(part: Part) -> Self {
        Self {
            part,
            begun: false,
            index: None,
            annotations: Vec::new(),
            logprobs: Vec::new(),
            input: None,
            events: ("", ""),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match &self.part.content {
            Content::Reasoning(_) => Kind::Reasoning,
            Content::ToolCall(_) => Kind::Call,
            _ => Kind::Message,
        }
    }

    pub(super) fn begin(&mut self, item: &mut Item, numbered: &mut Numbered, out: &mut Vec<Frame>) {
        self.begun = true;
        let added = match &self.part.content {
            Content::Text(_) => {
                self.index = Some(("content_index", item.content.len()));
                self.events = ("response.output_text.delta", "response.output_text.done");
                "response.content_part.added"
            }
            Content::Refusal(_) => {
                self.index = Some(("content_index", item.content.len()));
                self.events = ("response.refusal.delta", "response.refusal.done");
                "response.content_part.added"
            }
            Content::Reasoning(thought) => match thought.kind {
                ReasoningKind::Full => {
                    self.index = Some(("content_index", item.thoughts[0]));
                    item.thoughts[0] += 1;
                    self.events = (
                        "response.reasoning_text.delta",
                        "response.reasoning_text.done",
                    );
                    "response.content_part.added"
                }
                ReasoningKind::Summary => {
                    self.index = Some(("summary_index", item.thoughts[1]));
                    item.thoughts[1] += 1;
                    self.events = (
                        "response.reasoning_summary_text.delta",
                        "response.reasoning_summary_text.done",
                    );
                    "response.reasoning_summary_part.added"
                }
                ReasoningKind::Redacted => return,
            },
            _ => {
                self.events = (
                    "response.function_call_arguments.delta",
                    "response.function_call_arguments.done",
                );
                if item.name.custom {
                    self.input = Some(Input::default());
                    self.events = (
                        "response.custom_tool_call_input.delta",
                        "response.custom_tool_call_input.done",
                    );
                }
                return;
            }
        };
        let place = item.place(self.index);
        numbered.at(out, added, place, json!({ "part": self.json("") }));
    }

    pub(super) fn say(
        &mut self,
        text: &str,
        item: &Item,
        numbered: &mut Numbered,
        out: &mut Vec<Frame>,
    ) {
        match &mut self.part.content {
            Content::Text(said) => said.text.push_str(text),
            Content::Refusal(said) => said.push_str(text),
            Content::Reasoning(said) => said.text.push_str(text),
            Content::ToolCall(said) => said.arguments.push_str(text),
            _ => {}
        }
        let has_logprobs = matches!(self.part.content, Content::Text(_));
        let grown = match &mut self.input {
            Some(input) => &input.push(text),
            None => text,
        };
        if !grown.is_empty() {
            numbered.delta(
                out,
                self.events.0,
                item.place(self.index),
                grown,
                has_logprobs,
            );
        }
    }

    pub(super) fn note(
        &mut self,
        note: Value,
        item: &Item,
        numbered: &mut Numbered,
        out: &mut Vec<Frame>,
    ) {
        let fields = json!({ "annotation_index": self.annotations.len(), "annotation": note });
        let name = "response.output_text.annotation.added";
        numbered.at(out, name, item.place(self.index), fields);
        self.annotations.push(note);
    }

    /// How likely was what was just said?
    pub(super) fn weigh(
        &mut self,
        mut tokens: Vec<Value>,
        item: &Item,
        numbered: &mut Numbered,
        out: &mut Vec<Frame>,
    ) {
        let fields = json!({ "delta": "", "logprobs": tokens });
        numbered.at(out, self.events.0, item.place(self.index), fields);
        self.logprobs.append(&mut tokens);
    }

    pub(super) fn end(&mut self, item: &mut Item, numbered: &mut Numbered, out: &mut Vec<Frame>) {
        let (text, field) = match &self.part.content {
            Content::Text(said) => (said.text.clone(), "text"),
            Content::Refusal(said) => (said.clone(), "refusal"),
            Content::Reasoning(said) => (said.text.clone(), "text"),
            Content::ToolCall(_) => return self.end_call(item, numbered, out),
            _ => return,
        };
        let part = self.json(&text);
        if let Some((index, _)) = self.index {
            let mut fields = json!({ field: text });
            if matches!(self.part.content, Content::Text(_)) {
                fields["logprobs"] = self.logprobs.clone().into();
            }
            let place = item.place(self.index);
            numbered.at(out, self.events.1, place, fields);
            let done = match index {
                "summary_index" => "response.reasoning_summary_part.done",
                _ => "response.content_part.done",
            };
            numbered.at(out, done, place, json!({ "part": part }));
        }
        if item.kind == Kind::Message {
            item.content.push(part);
            item.phase = phase(&self.part);
        }
        item.parts.push(self.part.clone());
    }

    fn end_call(&mut self, item: &mut Item, numbered: &mut Numbered, out: &mut Vec<Frame>) {
        let Content::ToolCall(call) = &mut self.part.content else {
            return;
        };
        let (rest, said, field) = match self.input.take() {
            Some(input) => {
                let (rest, said) = input.finish();
                (rest, said, "input")
            }
            None if call.arguments.trim().is_empty() => {
                let said = format!("{}{{}}", call.arguments);
                ("{}".to_owned(), said, "arguments")
            }
            None => (String::new(), call.arguments.clone(), "arguments"),
        };
        call.arguments = crate::answer::arguments(&call.arguments).to_owned();
        let place = item.place(None);
        if !rest.is_empty() {
            numbered.delta(out, self.events.0, place, &rest, false);
        }
        numbered.at(out, self.events.1, place, json!({ field: said }));
        item.content = vec![said.into()];
        item.parts = vec![self.part.clone()];
    }

    /// The part with this text.
    fn json(&self, text: &str) -> Value {
        match &self.part.content {
            Content::Refusal(_) => json!({ "type": "refusal", "refusal": text }),
            Content::Reasoning(thought) => match thought.kind {
                ReasoningKind::Summary => json!({ "type": "summary_text", "text": text }),
                _ => json!({ "type": "reasoning_text", "text": text }),
            },
            _ => json!({
                "type": "output_text",
                "text": text,
                "annotations": self.annotations,
                "logprobs": self.logprobs,
            }),
        }
    }
}

/// Comments on the way and the answer are told apart.
fn phase(part: &Part) -> Option<Value> {
    let data: Value = serde_json::from_str(part.provider_data.as_deref()?).ok()?;
    let phase = data.get("phase")?;
    phase.is_string().then(|| phase.clone())
}

/// A citation, if the dialect has a form for it.
pub(super) fn annotation(citation: &Citation) -> Option<Value> {
    const OWN: [&str; 4] = [
        "url_citation",
        "file_citation",
        "container_file_citation",
        "file_path",
    ];
    let own = citation.provider_data.as_deref();
    let own: Option<Value> = own.and_then(|data| serde_json::from_str(data).ok());
    let own = own.filter(|own| own["type"].as_str().is_some_and(|it| OWN.contains(&it)));
    if own.is_some() {
        return own;
    }
    let url = citation.url.as_ref()?;
    let (start, end) = match citation.location_unit {
        // Without a unit they count characters of the text that is supported, as this dialect does.
        None => (citation.start.unwrap_or(0), citation.end.unwrap_or(0)),
        Some(_) => (0, 0),
    };
    Some(json!({
        "type": "url_citation",
        "start_index": start,
        "end_index": end,
        "title": citation.title.as_deref().unwrap_or(url),
        "url": url,
    }))
}

pub(super) fn logprobs(tokens: &[TokenLogprob]) -> Vec<Value> {
    let entry = |token: &str, logprob: f64, bytes: Option<&[u8]>| {
        let bytes = bytes.unwrap_or(token.as_bytes());
        json!({ "token": token, "logprob": logprob, "bytes": bytes })
    };
    let token = |t: &TokenLogprob| {
        let mut json = entry(&t.token, t.logprob, t.bytes.as_deref());
        json["top_logprobs"] = t.top.iter().map(|(s, p)| entry(s, *p, None)).collect();
        json
    };
    tokens.iter().map(token).collect()
}

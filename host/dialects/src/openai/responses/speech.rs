//! The part of an item that is being said.

use serde_json::{Value, json};
use types::neutral::{Citation, Content, Part, ReasoningKind};

use super::{
    custom::Input,
    frames::{Frame, Numbered},
    item::{Item, Kind},
    tools::Form,
};

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
                match item.name.form {
                    Form::Function => {}
                    Form::Custom => {
                        self.input = Some(Input::default());
                        self.events = (
                            "response.custom_tool_call_input.delta",
                            "response.custom_tool_call_input.done",
                        );
                    }
                    Form::Search => self.events = ("", ""),
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
        if !grown.is_empty() && item.name.form != Form::Search {
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
        if item.name.form == Form::Search {
            call.arguments = crate::answer::arguments(&call.arguments).to_owned();
            let given = serde_json::from_str(&call.arguments);
            item.content = vec![given.unwrap_or_else(|_| call.arguments.clone().into())];
            item.parts = vec![self.part.clone()];
            return;
        }
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

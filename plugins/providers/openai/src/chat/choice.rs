use evenhand_sdk::Error;
use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// One answer of several, as it grows.
///
/// Text, reasoning, refusal and sound follow one another, so only one of them is open. Calls stay open to the end,
/// since the vendor may interleave their arguments.
#[derive(Debug)]
pub(crate) struct Choice {
    choice: u32,
    /// The vendor's id of the answer, for ids of calls to which it gives none.
    answer: String,
    parts: u32,
    open: Option<Open>,
    calls: Vec<Call>,
    refused: bool,
    finished: bool,
}

#[derive(Debug)]
struct Open {
    index: u32,
    kind: Kind,
    provider_data: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Audio,
    /// The field that the reasoning came in: servers differ.
    Reasoning(&'static str),
}

/// A call, which begins once its name is known.
#[derive(Debug)]
struct Call {
    slot: u64,
    id: String,
    name: String,
    waiting: String,
    part: Option<u32>,
    /// The vendor gave it no id, so we did; and what its arguments are so far.
    nameless: Option<String>,
}

impl Call {
    /// Can a chunk with this name, but without an id, only be the next call? Servers that number every call 0 or not at all
    /// send each in one piece.
    fn is_over(&self, name: &str) -> bool {
        let whole = |said: &String| serde_json::from_str::<IgnoredAny>(said).is_ok();
        !name.is_empty() && self.nameless.as_ref().is_some_and(whole)
    }
}

impl Choice {
    /// The answer of this number, of an answer with this id.
    pub(crate) fn new(choice: u32, answer: &str) -> Self {
        Self {
            choice,
            answer: answer.into(),
            parts: 0,
            open: None,
            calls: Vec::new(),
            refused: false,
            finished: false,
        }
    }

    /// Was its end said?
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes one entry of `choices`, of a stream (`delta`) or whole (`message`).
    pub(crate) fn chunk(
        &mut self,
        entry: &Value,
        names: &Names,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        if self.finished {
            return Ok(());
        }
        let delta = entry.get("delta").or_else(|| entry.get("message"));
        if let Some(delta) = delta {
            self.delta(delta, events);
        }
        self.logprobs(&entry["logprobs"]["content"], Kind::Text, events);
        self.logprobs(&entry["logprobs"]["refusal"], Kind::Refusal, events);
        let calls = delta.and_then(|delta| delta["tool_calls"].as_array());
        for (at, call) in calls.into_iter().flatten().enumerate() {
            self.call(at, call, names, events);
        }
        match entry["finish_reason"].as_str() {
            Some(reason) if !reason.is_empty() => self.finish(reason, names, events),
            _ => Ok(()),
        }
    }

    fn delta(&mut self, delta: &Value, events: &mut Vec<Event>) {
        // `reasoning` is what some servers call it; where both come, they say the same.
        let reasoning = ["reasoning_content", "reasoning"];
        let reasoning = reasoning.into_iter().find_map(|field| {
            let text = delta[field].as_str()?;
            (!text.is_empty()).then_some((field, text))
        });
        if let Some((field, text)) = reasoning {
            self.text(Kind::Reasoning(field), text, events);
        }
        for (field, kind) in [("content", Kind::Text), ("refusal", Kind::Refusal)] {
            if let Some(text) = delta[field].as_str().filter(|text| !text.is_empty()) {
                self.refused |= kind == Kind::Refusal;
                self.text(kind, text, events);
            }
        }
        for annotation in delta["annotations"].as_array().into_iter().flatten() {
            if let Some(citation) = citation(annotation) {
                let index = self.open(Kind::Text, events);
                self.grow(index, Delta::Citation(citation), events);
            }
        }
        if delta["audio"].is_object() {
            self.audio(&delta["audio"], events);
        }
    }

    fn text(&mut self, kind: Kind, text: &str, events: &mut Vec<Event>) {
        let index = self.open(kind, events);
        self.grow(index, Delta::Text(text.into()), events);
    }

    /// The bytes are the part; id and transcript are what the vendor must see again.
    fn audio(&mut self, audio: &Value, events: &mut Vec<Event>) {
        let index = self.open(Kind::Audio, events);
        if let Some(bytes) = audio["data"].as_str().filter(|bytes| !bytes.is_empty()) {
            self.grow(index, Delta::Text(bytes.into()), events);
        }
        let open = self.open.as_mut().map(|open| &mut open.provider_data);
        let known = open.map(|data| data.get_or_insert_with(|| json!({})));
        let (Some(known), Some(fields)) = (known, audio.as_object()) else {
            return;
        };
        for (field, value) in fields.iter().filter(|(field, _)| *field != "data") {
            match (known[field].as_str(), value.as_str()) {
                (Some(before), Some(more)) if field == "transcript" => {
                    known[field] = json!(format!("{before}{more}"));
                }
                _ => known[field] = value.clone(),
            }
        }
    }

    fn logprobs(&mut self, tokens: &Value, kind: Kind, events: &mut Vec<Event>) {
        let tokens = tokens.as_array().filter(|tokens| !tokens.is_empty());
        if let Some(tokens) = tokens {
            let index = self.open(kind, events);
            let tokens = tokens.iter().map(token).collect();
            self.grow(index, Delta::Logprobs(tokens), events);
        }
    }

    fn call(&mut self, at: usize, call: &Value, names: &Names, events: &mut Vec<Event>) {
        let slot = call["index"].as_u64().unwrap_or(at as u64);
        let id = call["id"].as_str().unwrap_or_default();
        let known = self.calls.iter().rposition(|known| known.slot == slot);
        // A new id in an old slot is a new call: some servers number every call 0.
        let name = call["function"]["name"].as_str().unwrap_or_default();
        let known = known.filter(|at| {
            let before = &self.calls[*at];
            match id {
                "" => !before.is_over(name),
                id => before.id.is_empty() || before.id == id,
            }
        });
        let at = known.unwrap_or_else(|| {
            self.calls.push(Call {
                slot,
                id: String::new(),
                name: String::new(),
                waiting: String::new(),
                part: None,
                nameless: None,
            });
            self.calls.len() - 1
        });
        let known = &mut self.calls[at];
        let function = &call["function"];
        if known.part.is_none() {
            known.id.push_str(if known.id.is_empty() { id } else { "" });
            known.name.push_str(name);
        }
        // Servers that answer in one piece may give an object instead of its text.
        match &function["arguments"] {
            Value::String(text) => known.waiting.push_str(text),
            Value::Null => {}
            object => known.waiting.push_str(&object.to_string()),
        }
        self.advance(at, names, events);
    }

    /// Begins a call whose name is known, and hands on the arguments that came.
    fn advance(&mut self, at: usize, names: &Names, events: &mut Vec<Event>) {
        if self.calls[at].name.is_empty() {
            return;
        }
        self.close(events);
        let index = match self.calls[at].part {
            Some(index) => index,
            None => {
                let call = &mut self.calls[at];
                if call.id.is_empty() {
                    // Unlike that of any other turn.
                    call.id = format!("call_{}_{}_{at}", self.answer, self.choice);
                    call.nameless = Some(String::new());
                }
                let start = ToolCallStart {
                    id: call.id.clone(),
                    name: names.restore(&call.name),
                    by_provider: false,
                };
                let index = self.begin(PartKind::ToolCall(start), events);
                self.calls[at].part = Some(index);
                index
            }
        };
        let call = &mut self.calls[at];
        let text = std::mem::take(&mut call.waiting);
        if let Some(said) = &mut call.nameless {
            said.push_str(&text);
        }
        if !text.is_empty() {
            self.grow(index, Delta::Text(text), events);
        }
    }

    fn finish(
        &mut self,
        reason: &str,
        names: &Names,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        self.close(events);
        for at in 0..self.calls.len() {
            self.advance(at, names, events);
            let Some(index) = self.calls[at].part else {
                return Err(Error::upstream(
                    "the vendor began a tool call without a name",
                ));
            };
            self.end_part(index, None, events);
        }
        let reason = match reason {
            "tool_calls" | "function_call" => FinishReason::ToolCalls,
            // Some servers say `stop` although they wait for a tool.
            "stop" if !self.calls.is_empty() => FinishReason::ToolCalls,
            "stop" if self.refused => FinishReason::Refusal,
            "stop" => FinishReason::Stop,
            "length" => FinishReason::Length,
            "content_filter" => FinishReason::ContentFilter,
            other => FinishReason::Other(other.into()),
        };
        self.finished = true;
        events.push(Event::Finished(Finished {
            choice: self.choice,
            reason,
        }));
        Ok(())
    }

    /// The index of the open part of this kind, begun where it is not.
    fn open(&mut self, kind: Kind, events: &mut Vec<Event>) -> u32 {
        if let Some(open) = self.open.as_ref().filter(|open| open.kind == kind) {
            return open.index;
        }
        self.close(events);
        let (part, provider_data) = match kind {
            Kind::Text => (PartKind::Text, None),
            Kind::Refusal => (PartKind::Refusal, None),
            Kind::Audio => (PartKind::Audio(None), None),
            Kind::Reasoning(field) => (
                PartKind::Reasoning(ReasoningKind::Full),
                Some(json!({"field": field})),
            ),
        };
        let index = self.begin(part, events);
        self.open = Some(Open {
            index,
            kind,
            provider_data,
        });
        index
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some(open) = self.open.take() {
            self.end_part(open.index, open.provider_data, events);
        }
    }

    fn begin(&mut self, kind: PartKind, events: &mut Vec<Event>) -> u32 {
        let index = self.parts;
        self.parts += 1;
        events.push(Event::PartStarted(PartStarted {
            choice: self.choice,
            index,
            kind,
        }));
        index
    }

    fn grow(&self, index: u32, delta: Delta, events: &mut Vec<Event>) {
        events.push(Event::PartDelta(PartDelta {
            choice: self.choice,
            index,
            delta,
        }));
    }

    fn end_part(&self, index: u32, provider_data: Option<Value>, events: &mut Vec<Event>) {
        events.push(Event::PartEnded(PartEnded {
            choice: self.choice,
            index,
            provider_data: provider_data.map(|data| data.to_string()),
        }));
    }
}

fn citation(annotation: &Value) -> Option<Citation> {
    let cited = annotation.get("url_citation")?;
    let text = |field: &str| cited[field].as_str().map(str::to_owned);
    Some(Citation {
        url: text("url"),
        title: text("title"),
        cited_text: None,
        start: cited["start_index"].as_u64(),
        end: cited["end_index"].as_u64(),
        location_unit: None,
        document: None,
        provider_data: None,
    })
}

/// A token and how likely it was.
pub(crate) fn token(token: &Value) -> TokenLogprob {
    let pair = |token: &Value| {
        let text = token["token"].as_str().unwrap_or_default().to_owned();
        (text, token["logprob"].as_f64().unwrap_or_default())
    };
    let (text, logprob) = pair(token);
    let bytes = token["bytes"].as_array().map(|bytes| {
        let bytes = bytes.iter().filter_map(Value::as_u64);
        bytes.map(|byte| byte as u8).collect::<Vec<_>>()
    });
    let top = token["top_logprobs"].as_array().into_iter().flatten();
    TokenLogprob {
        // Named only where the text is not the whole truth.
        bytes: bytes.filter(|bytes| bytes != text.as_bytes()),
        top: top.map(pair).collect(),
        token: text,
        logprob,
    }
}

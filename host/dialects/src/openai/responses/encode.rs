//! An answer as it grows: items, and events about them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use types::{
    Error,
    neutral::{
        Content, Delta, Event, FinishReason, Part, PartKind, ReasoningKind, TokenLogprob,
        ToolCallStart, Usage, Warning,
    },
};

use super::{
    Settings, Status, failed,
    frames::{Frame, Numbered, comment},
    item::Item,
    items,
    settings::Said,
    speech::{Speech, annotation},
};
use crate::{Encoder, answer, clock, media::part, openai::content::logprobs};

/// An answer whose parts come one after the other.
pub(super) struct Answering {
    settings: Settings,
    model: String,
    numbered: Numbered,
    /// `response.created` is written.
    created: bool,
    /// `response.in_progress` is written.
    begun: bool,
    /// The item that is open: it stays so until another begins, as it may hold several parts.
    item: Option<Item>,
    /// The part that is being said.
    speech: Option<Speech>,
    /// Items that are complete.
    output: Vec<Value>,
    /// What items don't say by themselves.
    pub(super) kept: BTreeMap<String, Vec<Part>>,
    /// Parts since the last item closed that the dialect has no item for.
    lost: Vec<Part>,
    usage: Option<Usage>,
    tier: Option<String>,
    reason: Option<FinishReason>,
    refuses: bool,
    pub(super) warnings: Vec<Warning>,
    /// The response object at the end.
    ended: Option<Value>,
}

impl Encoder<Vec<Frame>> for Answering {
    fn push(&mut self, event: Event, out: &mut Vec<Frame>) {
        if self.ended.is_some() {
            return;
        }
        match event {
            Event::Started(started) => {
                self.tier = started.service_tier;
                self.begin(out);
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Warning(warning) => self.warn(warning, out),
            // This dialect can't ask for more than one answer.
            Event::PartStarted(p) if p.choice == 0 => self.start(p.kind, out),
            Event::PartDelta(p) if p.choice == 0 => self.say(p.delta, out),
            Event::PartEnded(p) if p.choice == 0 => self.end(p.provider_data, out),
            Event::Part(p) if p.choice == 0 => self.part(p.part, out),
            Event::Finished(f) if f.choice == 0 => self.reason = Some(f.reason),
            _ => {}
        }
    }

    fn finish(&mut self, out: &mut Vec<Frame>) {
        let Some(reason) = self.reason.take() else {
            return self.fail(&answer::unfinished(), out);
        };
        if self.ended.is_some() {
            return;
        }
        self.begin(out);
        self.end(None, out);
        let cut = match reason {
            // A paused turn isn't complete either, and this dialect has no other word for that.
            FinishReason::Length | FinishReason::ContextFull | FinishReason::Paused => {
                Some("max_output_tokens")
            }
            FinishReason::ContentFilter => Some("content_filter"),
            FinishReason::Refusal if !self.refuses => Some("content_filter"),
            _ => None,
        };
        self.close(cut.is_some(), out);
        if let Some(id) = self.output.last().and_then(|item| item["id"].as_str()) {
            let id = id.to_owned();
            self.keep(&id, None);
        }
        let (name, status) = match cut {
            None => ("response.completed", Status::Completed),
            Some(_) => ("response.incomplete", Status::Incomplete),
        };
        let usage = self.usage.take().unwrap_or_default();
        let said = Said {
            output: &self.output,
            usage: Some(&usage),
            service_tier: self.tier.as_deref(),
            error: None,
            reason: cut,
            completed_at: cut.is_none().then(clock::now),
        };
        let response = self.settings.object(status, &self.model, &said);
        self.over(name, response, out);
    }

    /// Nothing that is open is closed: a client would take half a call for a whole one, and run it.
    fn fail(&mut self, error: &Error, out: &mut Vec<Frame>) {
        if self.ended.is_some() {
            return;
        }
        self.create(Status::InProgress, out);
        let usage = self.usage.take().unwrap_or_default();
        let said = Said {
            output: &self.output,
            usage: Some(&usage),
            service_tier: self.tier.as_deref(),
            error: Some(failed(error)),
            ..Said::default()
        };
        let response = self.settings.object(Status::Failed, &self.model, &said);
        self.over("response.failed", response, out);
    }
}

impl Answering {
    pub(super) fn new(settings: &Settings, model: &str) -> Self {
        Self {
            model: model.to_owned(),
            numbered: Numbered::new(settings.include_obfuscation),
            settings: settings.clone(),
            created: false,
            begun: false,
            item: None,
            speech: None,
            output: Vec::new(),
            kept: BTreeMap::new(),
            lost: Vec::new(),
            usage: None,
            tier: None,
            reason: None,
            refuses: false,
            warnings: Vec::new(),
            ended: None,
        }
    }

    pub(super) fn queue(&mut self, out: &mut Vec<Frame>) {
        self.create(Status::Queued, out);
        self.tell("response.queued", Status::Queued, out);
    }

    /// The response object as it is by now.
    pub(super) fn response(&self) -> Value {
        match &self.ended {
            Some(ended) => ended.clone(),
            None if self.begun || !self.created => self.now(Status::InProgress),
            None => self.now(Status::Queued),
        }
    }

    fn warn(&mut self, warning: Warning, out: &mut Vec<Frame>) {
        comment(out, &warning);
        self.warnings.push(warning);
    }

    fn now(&self, status: Status) -> Value {
        let said = Said {
            output: &self.output,
            service_tier: self.tier.as_deref(),
            ..Said::default()
        };
        self.settings.object(status, &self.model, &said)
    }

    fn tell(&mut self, name: &'static str, status: Status, out: &mut Vec<Frame>) {
        let response = self.now(status);
        self.numbered
            .event(out, name, json!({ "response": response }));
    }

    fn over(&mut self, name: &'static str, response: Value, out: &mut Vec<Frame>) {
        self.numbered
            .event(out, name, json!({ "response": response }));
        self.ended = Some(response);
    }

    fn create(&mut self, status: Status, out: &mut Vec<Frame>) {
        if !std::mem::replace(&mut self.created, true) {
            self.tell("response.created", status, out);
        }
    }

    fn begin(&mut self, out: &mut Vec<Frame>) {
        self.create(Status::InProgress, out);
        if !std::mem::replace(&mut self.begun, true) {
            self.tell("response.in_progress", Status::InProgress, out);
        }
    }

    fn start(&mut self, kind: PartKind, out: &mut Vec<Frame>) {
        self.begin(out);
        self.end(None, out);
        let content = answer::begin(kind);
        let is_call = matches!(&content, Content::ToolCall(call) if !call.by_provider);
        if matches!(content, Content::Audio(_)) {
            self.warn(no_item("audio"), out);
        }
        self.speech = Some(Speech::new(part(content)));
        // A call is there before its arguments are; others wait until there is something to say.
        if is_call {
            self.ensure_begun(out);
        }
    }

    /// Opens what the part needs to be said in.
    fn ensure_begun(&mut self, out: &mut Vec<Frame>) {
        let Some(mut speech) = self.speech.take() else {
            return;
        };
        if !speech.begun {
            let kind = speech.kind();
            if self.item.as_ref().is_none_or(|item| !item.takes(kind)) {
                self.close(false, out);
                let item = Item::new(kind, &speech.part, &self.settings, self.output.len());
                item.added(&mut self.numbered, out);
                self.item = Some(item);
            }
            if let Some(item) = &mut self.item {
                speech.begin(item, &mut self.numbered, out);
            }
        }
        self.speech = Some(speech);
    }

    fn say(&mut self, delta: Delta, out: &mut Vec<Frame>) {
        let Some(speech) = &mut self.speech else {
            return;
        };
        match delta {
            Delta::Text(text) if text.is_empty() => {}
            Delta::Text(text) => match &mut speech.part.content {
                Content::Audio(_) => {
                    self.numbered
                        .event(out, "response.audio.delta", json!({ "delta": text }));
                }
                Content::ToolCall(call) if call.by_provider => call.arguments.push_str(&text),
                Content::Reasoning(thought) if thought.kind == ReasoningKind::Redacted => {}
                _ => {
                    self.refuses |= matches!(speech.part.content, Content::Refusal(_));
                    self.ensure_begun(out);
                    if let (Some(item), Some(speech)) = (&mut self.item, &mut self.speech) {
                        speech.say(&text, item, &mut self.numbered, out);
                    }
                }
            },
            Delta::Citation(citation) => {
                let Content::Text(text) = &mut speech.part.content else {
                    return;
                };
                let note = annotation(&citation);
                text.citations.push(citation);
                match note {
                    Some(note) => {
                        self.ensure_begun(out);
                        if let (Some(item), Some(speech)) = (&mut self.item, &mut self.speech) {
                            speech.note(note, item, &mut self.numbered, out);
                        }
                    }
                    None => self.warn(no_item("citation without an address"), out),
                }
            }
            Delta::Logprobs(tokens) => self.logprobs(&tokens, out),
        }
    }

    fn logprobs(&mut self, tokens: &[TokenLogprob], out: &mut Vec<Frame>) {
        if let (Some(item), Some(speech)) = (&mut self.item, &mut self.speech)
            && speech.begun
            && matches!(speech.part.content, Content::Text(_))
        {
            speech.weigh(logprobs(tokens), item, &mut self.numbered, out);
        }
    }

    fn end(&mut self, provider_data: Option<String>, out: &mut Vec<Frame>) {
        let Some(speech) = &mut self.speech else {
            return;
        };
        speech.part.provider_data = provider_data;
        let has_data = speech.part.provider_data.is_some();
        match &speech.part.content {
            Content::Audio(_) => {
                self.numbered.event(out, "response.audio.done", json!({}));
                self.speech = None;
                return;
            }
            Content::ToolCall(call) if call.by_provider => {
                if let Some(speech) = self.speech.take() {
                    self.whole(speech.part, out);
                }
                return;
            }
            Content::Reasoning(_) if has_data => self.ensure_begun(out),
            _ => {}
        }
        let Some(mut speech) = self.speech.take() else {
            return;
        };
        match &mut self.item {
            Some(item) if speech.begun => {
                speech.end(item, &mut self.numbered, out);
                if item.is_full() {
                    self.close(false, out);
                }
            }
            // Nothing was said; but its vendor may want to see even that again.
            Some(item) if has_data => item.parts.push(speech.part),
            None if has_data => self.lost.push(speech.part),
            _ => {}
        }
    }

    /// A part that came whole. Streams say texts and arguments in deltas, so it does too.
    fn part(&mut self, part: Part, out: &mut Vec<Frame>) {
        self.begin(out);
        self.end(None, out);
        let (kind, deltas) = match part.content {
            Content::Text(text) => {
                let citations = text.citations.into_iter().map(Delta::Citation);
                let mut deltas = vec![Delta::Text(text.text)];
                deltas.extend(citations);
                (PartKind::Text, deltas)
            }
            Content::Refusal(text) => (PartKind::Refusal, vec![Delta::Text(text)]),
            Content::Reasoning(thought) => (
                PartKind::Reasoning(thought.kind),
                vec![Delta::Text(thought.text)],
            ),
            Content::ToolCall(call) if !call.by_provider => {
                let start = ToolCallStart {
                    id: call.id,
                    name: call.name,
                    by_provider: false,
                };
                (PartKind::ToolCall(start), vec![Delta::Text(call.arguments)])
            }
            content => return self.whole(Part { content, ..part }, out),
        };
        self.start(kind, out);
        for delta in deltas {
            self.say(delta, out);
        }
        self.end(part.provider_data, out);
    }

    /// A part that is an item of its own, or what came out of the tool of the item before.
    fn whole(&mut self, part: Part, out: &mut Vec<Frame>) {
        if let Some(item) = &mut self.item
            && item.absorbs(&part)
        {
            return item.parts.push(part);
        }
        self.close(false, out);
        match Item::hosted(part, &self.settings, self.output.len()) {
            Ok(item) => self.item = Some(item),
            Err(part) => {
                self.warn(no_item(name(&part.content)), out);
                self.lost.push(part);
            }
        }
    }

    /// The open item is complete, or was cut off.
    fn close(&mut self, cut: bool, out: &mut Vec<Frame>) {
        let Some(item) = self.item.take() else { return };
        let status = if cut { "incomplete" } else { "completed" };
        let (json, parts) = item.done(status, &mut self.numbered, out);
        let id = json["id"].as_str().unwrap_or_default().to_owned();
        self.output.push(json);
        self.keep(&id, Some(parts));
    }

    /// Keeps what the last item doesn't say by itself: all of its parts, if there is any such thing.
    fn keep(&mut self, id: &str, parts: Option<Vec<Part>>) {
        let Some(item) = self.output.last().filter(|_| self.settings.store) else {
            return;
        };
        let says = items::parts(item);
        let mut lost = std::mem::take(&mut self.lost);
        let all = match parts {
            Some(mut parts) => {
                lost.append(&mut parts);
                lost
            }
            None if lost.is_empty() => return,
            None => {
                let mut all = self.kept.remove(id).unwrap_or_else(|| says.clone());
                all.append(&mut lost);
                all
            }
        };
        if all != says {
            self.kept.insert(id.to_owned(), all);
        }
    }
}

fn no_item(what: &str) -> Warning {
    Warning {
        field: format!("content.{what}"),
        message: format!("responses have no item for {what}: it was left out"),
    }
}

fn name(content: &Content) -> &str {
    match content {
        Content::Image(_) => "image",
        Content::Audio(_) => "audio",
        Content::File(_) => "file",
        Content::ToolResult(_) => "tool-result",
        Content::Source(_) => "source",
        Content::Other(kind) => kind,
        _ => "part",
    }
}

//! One answer of several, as it grows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde_json::{Map, Value, json};

use crate::citations::Sources;
use crate::finish::reason;
use crate::ids::Ids;
use crate::names::Names;
use crate::open::{Kind, Open, text_of};
use crate::parts::KEPT;
use crate::sound::Sound;
use crate::{logprobs, media};

/// One answer.
#[derive(Debug)]
pub(crate) struct Candidate {
    choice: u32,
    parts: u32,
    open: Option<Open>,
    sources: Sources,
    /// The client's tools were called.
    called: bool,
    /// The vendor's newest call of a tool of its own.
    ran: String,
    finished: bool,
}

impl Candidate {
    /// The answer of this number.
    pub(crate) fn new(choice: u32) -> Self {
        Self {
            choice,
            parts: 0,
            open: None,
            sources: Sources::default(),
            called: false,
            ran: String::new(),
            finished: false,
        }
    }

    /// Was its end said?
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes one entry of `candidates`.
    pub(crate) fn chunk(
        &mut self,
        entry: &Value,
        names: &Names,
        ids: &mut Ids,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let parts = entry["content"]["parts"].as_array();
        for part in parts.into_iter().flatten().filter_map(Value::as_object) {
            if self.finished {
                return Err(Error::upstream("the vendor went on after its answer's end"));
            }
            self.part(part, names, ids, events)?;
        }
        self.logprobs(&entry["logprobsResult"], events);
        self.sources.add(entry);
        match entry["finishReason"].as_str() {
            Some(word) if !self.finished => self.finish(word, entry, events),
            _ => Ok(()),
        }
    }

    fn part(
        &mut self,
        part: &Map<String, Value>,
        names: &Names,
        ids: &mut Ids,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let kept = kept(part);
        let is_thought = kept.contains_key("thought");
        let data = |name: &str| part.get(name).filter(|data| !data.is_null());
        if let Some(call) = data("functionCall") {
            return self.call(call, kept, names, ids, events);
        }
        if let Some(data) = data("inlineData").filter(|_| !is_thought) {
            return self.media(data, kept, events);
        }
        if let Some(file) = data("fileData").filter(|_| !is_thought) {
            let uri = file["fileUri"].as_str().unwrap_or_default();
            let content = media::read(MediaSource::Url(uri.into()), file);
            self.whole(content, text_of(kept), events);
            return Ok(());
        }
        if let Some(code) = data("executableCode") {
            let arguments = json!({"language": code["language"], "code": code["code"]});
            let id = ids.take(&code["id"]);
            self.ran_itself(id, "code_execution".into(), arguments, part, events);
            return Ok(());
        }
        if let Some(call) = data("toolCall") {
            let arguments = call.get("args").cloned().unwrap_or_else(|| json!({}));
            let name = call["toolType"].as_str().unwrap_or("tool");
            let id = ids.take(&call["id"]);
            self.ran_itself(id, name.to_ascii_lowercase(), arguments, part, events);
            return Ok(());
        }
        if let Some(result) = data("codeExecutionResult") {
            let failed = result["outcome"] != "OUTCOME_OK";
            let said = result["output"].as_str().unwrap_or_default().to_owned();
            self.found_itself(&result["id"], said, failed, part, events);
            return Ok(());
        }
        if let Some(response) = data("toolResponse") {
            let said = response["response"].to_string();
            self.found_itself(&response["id"], said, false, part, events);
            return Ok(());
        }
        let unknown = part.keys().find(|name| {
            let known = KEPT.contains(&name.as_str()) || name.as_str() == "text";
            !known && !part[name.as_str()].is_null()
        });
        match unknown {
            Some(kind) if data("text").is_none() => {
                let whole = Value::Object(part.clone()).to_string();
                self.whole(Content::Other(kind.clone()), Some(whole), events);
                Ok(())
            }
            // A signature may come without anything else.
            _ => {
                let said = part.get("text").and_then(Value::as_str);
                let kind = if is_thought {
                    Kind::Thought
                } else {
                    Kind::Text
                };
                self.say(kind, said.unwrap_or_default(), kept, events)
            }
        }
    }

    fn say(
        &mut self,
        kind: Kind,
        said: &str,
        kept: Map<String, Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let silent = said.is_empty() && !kept.keys().any(|name| name != "thought");
        if silent {
            return Ok(());
        }
        let open = self.open(kind, events);
        open.say(said, events)?;
        open.keep(kept);
        Ok(())
    }

    fn call(
        &mut self,
        call: &Value,
        kept: Map<String, Value>,
        names: &Names,
        ids: &mut Ids,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let Some(name) = call["name"].as_str().filter(|name| !name.is_empty()) else {
            return Err(Error::upstream(
                "the vendor called a function without a name",
            ));
        };
        if !call["partialArgs"].is_null() || call["willContinue"] == true {
            return Err(Error::upstream(
                "the vendor sent a call's arguments in pieces, which this plugin did not ask for",
            ));
        }
        self.called = true;
        let start = ToolCallStart {
            id: ids.take(&call["id"]),
            name: names.restore(name),
            by_provider: false,
        };
        let arguments = call.get("args").cloned().unwrap_or_default();
        self.whole_call(start, &arguments, text_of(kept), events);
        Ok(())
    }

    fn ran_itself(
        &mut self,
        id: String,
        name: String,
        arguments: Value,
        part: &Map<String, Value>,
        events: &mut Vec<Event>,
    ) {
        self.ran.clone_from(&id);
        let start = ToolCallStart {
            id,
            name,
            by_provider: true,
        };
        let whole = Value::Object(part.clone()).to_string();
        self.whole_call(start, &arguments, Some(whole), events);
    }

    fn found_itself(
        &mut self,
        id: &Value,
        said: String,
        is_error: bool,
        part: &Map<String, Value>,
        events: &mut Vec<Event>,
    ) {
        let id = id.as_str().filter(|id| !id.is_empty());
        let result = ToolResult {
            call_id: id.unwrap_or(&self.ran).into(),
            name: None,
            content: vec![ResultContent::Text(said)],
            is_error,
            by_provider: true,
        };
        let whole = Value::Object(part.clone()).to_string();
        self.whole(Content::ToolResult(result), Some(whole), events);
    }

    fn whole_call(
        &mut self,
        start: ToolCallStart,
        arguments: &Value,
        provider_data: Option<String>,
        events: &mut Vec<Event>,
    ) {
        let (choice, index) = (self.choice, self.next(events));
        events.push(Event::PartStarted(PartStarted {
            choice,
            index,
            kind: PartKind::ToolCall(start),
        }));
        if !arguments.is_null() && *arguments != json!({}) {
            events.push(Event::PartDelta(PartDelta {
                choice,
                index,
                delta: Delta::Text(arguments.to_string()),
            }));
        }
        events.push(Event::PartEnded(PartEnded {
            choice,
            index,
            provider_data,
        }));
    }

    fn media(
        &mut self,
        data: &Value,
        kept: Map<String, Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), Error> {
        let kind = data["mimeType"].as_str().unwrap_or_default();
        let encoded = data["data"].as_str().unwrap_or_default();
        if kind.starts_with("audio/") {
            let sound = Kind::Sound(kind.into(), Sound::default());
            let open = self.open(sound, events);
            open.say(encoded, events)?;
            open.keep(kept);
            return Ok(());
        }
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|e| Error::upstream(format!("the vendor's {kind} is no base64: {e}")))?;
        let content = media::read(MediaSource::Bytes(bytes), data);
        self.whole(content, text_of(kept), events);
        Ok(())
    }

    fn logprobs(&mut self, result: &Value, events: &mut Vec<Event>) {
        let tokens = logprobs::read(result);
        if tokens.is_empty() || self.finished {
            return;
        }
        let open = self.open(Kind::Text, events);
        open.grow(Delta::Logprobs(tokens), events);
    }

    fn finish(&mut self, word: &str, entry: &Value, events: &mut Vec<Event>) -> Result<(), Error> {
        let message = entry["finishMessage"].as_str();
        let text = self.open.as_ref().filter(|open| open.is_text());
        let citations = self.sources.take(text.map_or("", |open| &open.text));
        match text {
            Some(open) => citations
                .into_iter()
                .for_each(|citation| open.grow(Delta::Citation(citation), events)),
            None if citations.is_empty() => {}
            None => events.push(Event::warning(
                "answer.citations",
                "the vendor named sources, but its answer does not end with a text: left out",
            )),
        }
        self.close(events);
        let reason = reason(word, message, self.called)?;
        if reason == FinishReason::ContentFilter {
            let why = message.map(|said| format!(": {said}")).unwrap_or_default();
            events.push(Event::warning(
                "answer",
                format!("the vendor's filter cut it with {word}{why}"),
            ));
        }
        if entry["continuationToken"].is_string() {
            events.push(Event::warning(
                "answer",
                "the vendor's token to go on with has no place: send the conversation again",
            ));
        }
        self.finished = true;
        events.push(Event::Finished(Finished {
            choice: self.choice,
            reason,
        }));
        Ok(())
    }

    /// The open part, if a piece of this kind goes on in it; else a new one.
    fn open(&mut self, kind: Kind, events: &mut Vec<Event>) -> &mut Open {
        let open = match self.open.take() {
            Some(open) if open.takes(&kind) => open,
            before => {
                self.open = before;
                let index = self.next(events);
                Open::begin(self.choice, index, kind, events)
            }
        };
        self.open.insert(open)
    }

    fn whole(&mut self, content: Content, provider_data: Option<String>, events: &mut Vec<Event>) {
        let index = self.next(events);
        events.push(Event::Part(WholePart {
            choice: self.choice,
            index,
            part: Part {
                content,
                cache: None,
                provider_data,
            },
        }));
    }

    /// The index of a part that begins, before which the open one ends.
    fn next(&mut self, events: &mut Vec<Event>) -> u32 {
        self.close(events);
        let index = self.parts;
        self.parts += 1;
        index
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some(open) = self.open.take() {
            open.end(events);
        }
    }
}

/// What the vendor must see again beside a part's data.
fn kept(part: &Map<String, Value>) -> Map<String, Value> {
    let said = |value: &Value| !value.is_null() && *value != json!(false) && *value != json!("");
    let fields = part
        .iter()
        .filter(|(name, value)| KEPT.contains(&name.as_str()) && said(value));
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

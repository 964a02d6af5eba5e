//! Tools that the host runs for a client, in the midst of an answer: the model asks, the host calls, the model goes on. The client
//! sees one answer, with the calls and results in it where its dialect has words for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use catalog::Revision;
use dialects::{Answer, hosted};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tools::{Behind, Link, Tool};
use types::config::Sample;
use types::neutral::{
    Content, Event, Finished, GenerateRequest, Message, Part, PartEnded, PartKind, Role,
    Tool as Offered, ToolCall, ToolChoice, ToolResult, Usage, WholePart,
};
use types::tool::{CallResult, Elicited, NoticeLevel, SampleRequest, Sampled};
use types::{Error, ErrorCode};

use crate::neutral::Issued;
use crate::seal::Seals;
use crate::{Caller, Calls};

/// Most answers of a model in one of ours.
const STEPS: usize = 20;

/// A model's answer, whose calls of hosted tools the host answers itself.
pub(crate) struct Loop {
    calls: Calls,
    /// Of this answer of ours.
    id: String,
    revision: Arc<Revision>,
    owner: String,
    remembers: bool,
    request: GenerateRequest,
    tools: HashMap<String, Tool>,
    events: Issued,
    /// This step's answer, as the model gave it.
    answer: Answer,
    steps: usize,
    /// Calls of hosted tools whose part is open: their events are not passed on.
    hidden: Vec<u32>,
    /// Indices of parts are counted through all steps.
    offset: u32,
    next: u32,
    used: Usage,
    ready: VecDeque<Event>,
    over: bool,
}

/// What a request of hosted tools needs.
pub(crate) struct Wanted {
    tools: HashMap<String, Tool>,
}

impl Calls {
    /// Takes hosted tools out of a request, puts in the functions that they are to the model, and takes the host's own calls back
    /// from what the client echoed. `None`: it names no hosted tools.
    pub(crate) async fn hosted(
        &self,
        caller: &Caller,
        request: &mut GenerateRequest,
    ) -> Result<Option<Wanted>, Error> {
        restore(&mut request.messages);
        let rules = hosted::take(request)?;
        if rules.is_empty() {
            return Ok(None);
        }
        if request.sampling.choices.is_some_and(|choices| choices > 1) {
            let message = "tools of this host are called for one answer: ask for one";
            return Err(Error::bad_request(message).at("n"));
        }
        let offered = self
            .tools
            .list(|tool| caller.may_call(tool) && types::config::matches_any(&rules, tool))
            .await;
        let idle = rules.iter().find(|rule| {
            let ids = offered.iter().map(Tool::id);
            !ids.into_iter().any(|id| types::config::matches(rule, &id))
        });
        if let Some(rule) = idle {
            let message = format!("there is no tool {rule:?} on this host, or none for this key");
            return Err(Error::new(ErrorCode::NotFound, message).at("tools"));
        }
        let functions = offered
            .iter()
            .map(|tool| Offered::Function(tool.function()));
        request.tools.extend(functions);
        let tools = offered.into_iter().map(|tool| (tool.id(), tool)).collect();
        Ok(Some(Wanted { tools }))
    }
}

impl Loop {
    /// Goes on from the beginning of the first answer.
    pub(crate) fn new(
        calls: &Calls,
        revision: &Arc<Revision>,
        owner: &str,
        remembers: bool,
        request: GenerateRequest,
        wanted: Wanted,
        events: Issued,
    ) -> Self {
        Self {
            calls: calls.clone(),
            id: tools::call_id(),
            revision: revision.clone(),
            owner: owner.into(),
            remembers,
            request,
            tools: wanted.tools,
            events,
            answer: Answer::default(),
            steps: 1,
            hidden: Vec::new(),
            offset: 0,
            next: 0,
            used: Usage::default(),
            ready: VecDeque::new(),
            over: false,
        }
    }

    /// The next events, as the client sees them; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        loop {
            if !self.ready.is_empty() {
                return Ok(Some(self.ready.drain(..).collect()));
            }
            if self.over {
                return Ok(None);
            }
            match self.events.next().await? {
                Some(events) => self.hear(events),
                None => self.step().await?,
            }
        }
    }

    /// Events of a model's answer.
    pub(crate) fn hear(&mut self, events: Vec<Event>) {
        for event in events {
            self.answer.push(event.clone());
            if let Some(event) = self.shown(event) {
                self.ready.push_back(event);
            }
        }
    }

    /// An event as it is in the whole answer; `None` where it isn't.
    fn shown(&mut self, mut event: Event) -> Option<Event> {
        match &mut event {
            Event::Started(_) if self.steps > 1 => return None,
            Event::PartStarted(part) => {
                let index = part.index;
                if let PartKind::ToolCall(call) = &part.kind
                    && self.tools.contains_key(&call.name)
                {
                    self.hidden.push(index);
                    return None;
                }
                part.index = self.place(index);
            }
            Event::PartDelta(part) if self.hidden.contains(&part.index) => return None,
            Event::PartDelta(part) => part.index = self.place(part.index),
            Event::PartEnded(PartEnded { index, .. }) if self.hidden.contains(index) => {
                let ended = *index;
                self.hidden.retain(|hidden| *hidden != ended);
                return None;
            }
            Event::PartEnded(part) => part.index = self.place(part.index),
            Event::Part(whole) => match &whole.part.content {
                Content::ToolCall(call) if self.tools.contains_key(&call.name) => return None,
                _ => whole.index = self.place(whole.index),
            },
            Event::Usage(usage) => *usage = sum(&self.used, usage),
            // It is known at the end of the step whether that is the end.
            Event::Finished(_) => return None,
            Event::Started(_) | Event::Warning(_) => {}
        }
        Some(event)
    }

    fn place(&mut self, index: u32) -> u32 {
        let place = self.offset.saturating_add(index);
        self.next = self.next.max(place.saturating_add(1));
        place
    }

    /// The model's answer is complete: runs what it asks for, and lets it go on.
    async fn step(&mut self) -> Result<(), Error> {
        let (parts, reason, usage) = std::mem::take(&mut self.answer).spoken()?;
        self.used = sum(&self.used, &usage);
        let calls: Vec<ToolCall> = parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::ToolCall(call) if !call.by_provider => Some(call.clone()),
                _ => None,
            })
            .collect();
        let (ours, theirs): (Vec<_>, Vec<_>) = calls
            .into_iter()
            .partition(|call| self.tools.contains_key(&call.name));
        if ours.is_empty() {
            self.ready
                .push_back(Event::Finished(Finished { choice: 0, reason }));
            self.over = true;
            return Ok(());
        }
        if self.steps >= STEPS {
            let message = format!("the model asked for tools {STEPS} times and gave no answer");
            return Err(Error::new(ErrorCode::Upstream, message));
        }
        let results = self.run(&ours).await;
        // The client answers its own calls, and sends the conversation again.
        if !theirs.is_empty() {
            self.ready
                .push_back(Event::Finished(Finished { choice: 0, reason }));
            self.over = true;
            return Ok(());
        }
        self.request
            .messages
            .push(Message::new(Role::Assistant, parts));
        self.request
            .messages
            .push(Message::new(Role::Tool, results));
        // What was forced once would be forced for ever.
        if self.request.tool_choice != Some(ToolChoice::None) {
            self.request.tool_choice = None;
        }
        self.steps += 1;
        self.offset = self.next;
        let issuer = issuer(
            &self.calls.seals,
            &self.revision,
            &self.owner,
            self.remembers,
        );
        let mut request = self.request.clone();
        let warnings = self.calls.redeem(&self.revision, &self.owner, &mut request);
        let (events, first) = Issued::begin(&self.revision, request, issuer, warnings).await?;
        self.events = events;
        self.hear(first);
        Ok(())
    }

    /// Runs calls, all at a time, and shows them with their results, in the order in which they end. The results, in the order of the calls.
    async fn run(&mut self, calls: &[ToolCall]) -> Vec<Part> {
        let link: Arc<dyn Link> = Arc::new(RequestLink {
            calls: self.calls.clone(),
            owner: self.owner.clone(),
        });
        let mut running: FuturesUnordered<_> = calls
            .iter()
            .enumerate()
            .map(|(number, call)| {
                let behind = Behind {
                    owner: self.owner.clone(),
                    session: String::new(),
                    link: link.clone(),
                };
                let (tools, tool) = (self.calls.tools.clone(), self.tools[&call.name].clone());
                // Models know their own calls only: two conversations may have one of the same id.
                let id = format!("{}/{}", self.id, call.id);
                async move {
                    let called = tools.call(&tool, &id, &call.arguments, behind).await;
                    let result = called.unwrap_or_else(|error| CallResult::failed(error.message));
                    (number, result)
                }
            })
            .collect();
        let mut done: Vec<Option<Part>> = vec![None; calls.len()];
        let mut shown = Vec::new();
        while let Some((number, result)) = running.next().await {
            let call = &calls[number];
            shown.extend(hosted_pair(call, &result));
            done[number] = Some(Part::new(Content::ToolResult(ToolResult {
                call_id: call.id.clone(),
                name: Some(call.name.clone()),
                content: tools::for_model(&result),
                is_error: result.is_error,
                by_provider: false,
            })));
        }
        drop(running);
        for part in shown {
            let index = self.next;
            self.next += 1;
            let choice = 0;
            self.ready.push_back(Event::Part(WholePart {
                choice,
                index,
                part,
            }));
        }
        done.into_iter().flatten().collect()
    }
}

/// A call of a hosted tool and its result, as clients see them: of a server by the plugin's name.
pub fn hosted_pair(call: &ToolCall, result: &CallResult) -> [Part; 2] {
    let (plugin, name) = call.name.split_once('/').unwrap_or(("", &call.name));
    let id = format!("{}{}", hosted::CALL, call.id);
    let asked = Part {
        provider_data: Some(hosted::call_data(plugin)),
        ..Part::new(Content::ToolCall(ToolCall {
            id: id.clone(),
            name: name.into(),
            arguments: call.arguments.clone(),
            by_provider: true,
        }))
    };
    let content = tools::for_model(result);
    let told = Part {
        provider_data: Some(hosted::result_data(&content, result.is_error)),
        ..Part::new(Content::ToolResult(ToolResult {
            call_id: id,
            name: Some(name.into()),
            content,
            is_error: result.is_error,
            by_provider: true,
        }))
    };
    [asked, told]
}

/// Takes the host's own calls back from what clients echo: to the model they are functions that were called.
pub(crate) fn restore(messages: &mut Vec<Message>) {
    let ours = |part: &Part| match &part.content {
        Content::ToolCall(call) => call.by_provider && call.id.starts_with(hosted::CALL),
        Content::ToolResult(result) => {
            result.by_provider && result.call_id.starts_with(hosted::CALL)
        }
        _ => false,
    };
    if !messages
        .iter()
        .any(|message| message.parts.iter().any(ours))
    {
        return;
    }
    let mut restored: Vec<Message> = Vec::new();
    for message in std::mem::take(messages) {
        if message.role != Role::Assistant {
            // Results of the client's own calls stand with ours.
            match restored.last_mut() {
                Some(last) if last.role == Role::Tool && message.role == Role::Tool => {
                    last.parts.extend(message.parts);
                }
                _ => restored.push(message),
            }
            continue;
        }
        let (mut said, mut results) = (Vec::new(), Vec::new());
        let mut names: HashMap<String, String> = HashMap::new();
        for mut part in message.parts {
            if !ours(&part) {
                if !results.is_empty() {
                    restored.push(Message::new(Role::Assistant, std::mem::take(&mut said)));
                    restored.push(Message::new(Role::Tool, std::mem::take(&mut results)));
                }
                said.push(part);
                continue;
            }
            let server = part
                .provider_data
                .take()
                .and_then(|data| hosted::server(&data));
            match &mut part.content {
                Content::ToolCall(call) => {
                    call.by_provider = false;
                    call.id.drain(..hosted::CALL.len());
                    if let Some(server) = server {
                        call.name = format!("{server}/{}", call.name);
                    }
                    names.insert(call.id.clone(), call.name.clone());
                    said.push(part);
                }
                Content::ToolResult(result) => {
                    result.by_provider = false;
                    result.call_id.drain(..hosted::CALL.len());
                    result.name = names.get(&result.call_id).cloned();
                    results.push(part);
                }
                _ => {}
            }
        }
        if !said.is_empty() {
            restored.push(Message {
                parts: said,
                ..Message::new(Role::Assistant, Vec::new())
            });
        }
        if !results.is_empty() {
            restored.push(Message::new(Role::Tool, results));
        }
    }
    *messages = restored;
}

/// Tokens of all steps together. The vendor's own account is the last step's.
fn sum(a: &Usage, b: &Usage) -> Usage {
    let add = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    };
    Usage {
        input_tokens: add(a.input_tokens, b.input_tokens),
        cache_read_tokens: add(a.cache_read_tokens, b.cache_read_tokens),
        cache_write_tokens: add(a.cache_write_tokens, b.cache_write_tokens),
        cache_write_1h_tokens: add(a.cache_write_1h_tokens, b.cache_write_1h_tokens),
        input_audio_tokens: add(a.input_audio_tokens, b.input_audio_tokens),
        output_tokens: add(a.output_tokens, b.output_tokens),
        reasoning_tokens: add(a.reasoning_tokens, b.reasoning_tokens),
        output_audio_tokens: add(a.output_audio_tokens, b.output_audio_tokens),
        raw: b.raw.clone(),
    }
}

/// Seals what a plugin must see again; `remembers`: the client's dialect has no field for thoughts.
pub(crate) fn issuer(
    seals: &Seals,
    revision: &Revision,
    owner: &str,
    remembers: bool,
) -> crate::seal::Issuer {
    let issuer = seals.issuer(revision.plugin.name(), owner);
    match remembers {
        true => issuer.remembering(),
        false => issuer,
    }
}

/// Behind a tool that is called in the midst of an answer.
struct RequestLink {
    calls: Calls,
    owner: String,
}

impl Link for RequestLink {
    fn progress(&self, _: f64, _: Option<f64>, _: Option<String>) {}

    fn notify(&self, _: NoticeLevel, _: Option<String>, _: String) {}

    fn elicit(&self, _: String, _: String) -> BoxFuture<'_, Result<Elicited, Error>> {
        Box::pin(async { Err(tools::no_person()) })
    }

    fn sample<'a>(
        &'a self,
        granted: &'a Sample,
        request: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>> {
        Box::pin(async move {
            let (sampled, _) = self.calls.sample(&self.owner, granted, request).await?;
            Ok(sampled)
        })
    }
}

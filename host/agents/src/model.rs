//! An agent as a model: `agent/NAME`. A session for each request, which begins with what the client sent.

use std::collections::{HashMap, HashSet};

use calls::{Caller, Reply, Request};
use futures::stream::BoxStream;
use types::neutral::{
    Content, Event, GenerateRequest, Message, OutputFormat, Part, ResultContent, Role, Sampling,
    Tool, Warning,
};
use types::session::{Agent, CallOutcome, Function, SessionEvent, Tokens, TurnOutcome};
use types::tool::{CallResult, ToolContent};
use types::{Error, ErrorCode};

use crate::speaking::Speaking;
use crate::{Agents, id};

/// Names of agents as models begin so.
const PREFIX: &str = "agent/";

impl Agents {
    /// Does a request ask an agent?
    pub fn is_named(&self, request: &Request) -> bool {
        let scan = dialects::native::scan(&request.body);
        scan.is_ok_and(|scan| scan.model.starts_with(PREFIX))
    }

    /// Answers a request whose model is an agent.
    ///
    /// # Errors
    /// There is no such agent for the caller; the request asks for what agents don't do.
    pub async fn answer(&self, caller: &Caller, request: Request) -> Result<Reply, Error> {
        let scan = dialects::native::scan(&request.body)?;
        let name = scan
            .model
            .strip_prefix(PREFIX)
            .unwrap_or_default()
            .to_owned();
        let agent = self
            .agent(caller, &name)
            .await
            .map_err(|error| match error.code {
                ErrorCode::NotFound => {
                    let message = format!("there is no model {:?}", scan.model);
                    Error::new(ErrorCode::NotFound, message).at("model")
                }
                _ => error,
            })?;
        self.calls
            .present(caller, request, |asked| self.speak(caller, agent, asked))
            .await
    }

    async fn speak(
        &self,
        caller: &Caller,
        mut agent: Agent,
        asked: GenerateRequest,
    ) -> Result<BoxStream<'static, Result<Vec<Event>, Error>>, Error> {
        let ignored = ignored(&asked);
        for tool in asked.tools {
            match tool {
                Tool::Function(tool) => agent.functions.push(Function {
                    name: tool.name,
                    description: tool.description,
                    parameters: tool
                        .parameters
                        .unwrap_or_else(|| "{\"type\":\"object\"}".into()),
                }),
                Tool::Provider(tool) => {
                    let message =
                        format!("an agent's tools are its own: it takes no `{}`", tool.kind);
                    return Err(Error::bad_request(message).at("tools"));
                }
            }
        }
        let events = history(&mut agent, asked.messages)?;
        // And the beginning.
        let sent = events.len() as u64 + 1;
        let metadata = asked.metadata.into_iter().collect();
        let session = self
            .begin_with(caller, id("sess_"), agent.clone(), metadata, events)
            .await?;
        let news = self.follow(caller, &session.id, None).await?;
        Ok(Speaking::new(session.id, agent, sent).tell(news, ignored))
    }
}

/// What a request asks for that is the agent's own to say.
fn ignored(asked: &GenerateRequest) -> Vec<Warning> {
    let all = [
        ("sampling", asked.sampling != Sampling::default()),
        ("output", asked.output != OutputFormat::Text),
        ("reasoning", asked.reasoning.is_some()),
        ("tool_choice", asked.tool_choice.is_some()),
        ("verbosity", asked.verbosity.is_some()),
        ("modalities", !asked.modalities.is_empty()),
    ];
    let asked = all.into_iter().filter(|(_, asked)| *asked);
    let warning = |(field, _): (&str, bool)| Warning {
        field: field.into(),
        message: "an agent has its own: it was left out".into(),
    };
    asked.map(warning).collect()
}

/// What the client sent as the log of a session, whose last turn is to be answered.
fn history(agent: &mut Agent, messages: Vec<Message>) -> Result<Vec<SessionEvent>, Error> {
    let mut events: Vec<SessionEvent> = Vec::new();
    let mut turn: Option<String> = None;
    let last = messages.len();
    for (number, message) in messages.into_iter().enumerate() {
        match message.role {
            Role::System | Role::Developer => {
                let said = text(&message.parts);
                agent.instructions = Some(match agent.instructions.take() {
                    Some(first) => format!("{first}\n\n{said}"),
                    None => said,
                });
            }
            Role::User => {
                if let (Some(SessionEvent::Said { messages, .. }), Some(_)) =
                    (events.last_mut(), &turn)
                {
                    messages.push((id("msg_"), message.parts));
                    continue;
                }
                if let Some(turn) = turn.take() {
                    let outcome = TurnOutcome::Completed;
                    events.push(SessionEvent::TurnEnded { turn, outcome });
                }
                let begun = id("turn_");
                turn = Some(begun.clone());
                events.push(SessionEvent::Said {
                    turn: begun,
                    messages: vec![(id("msg_"), message.parts)],
                });
            }
            Role::Assistant => {
                if number + 1 == last {
                    let message = "the last message must be the user's or a tool's";
                    return Err(Error::bad_request(message).at("messages"));
                }
                let begun = match &turn {
                    Some(turn) => turn.clone(),
                    None => {
                        // A conversation that begins with an answer.
                        let begun = id("turn_");
                        turn = Some(begun.clone());
                        events.push(SessionEvent::Said {
                            turn: begun.clone(),
                            messages: Vec::new(),
                        });
                        begun
                    }
                };
                events.push(SessionEvent::Answered {
                    turn: begun,
                    attempt: id(""),
                    parts: message.parts,
                    tokens: Tokens::default(),
                    usd: None,
                });
            }
            Role::Tool => {
                let begun = turn.clone().ok_or_else(|| {
                    Error::bad_request("a tool's result belongs to no call").at("messages")
                })?;
                for part in message.parts {
                    if let Content::ToolResult(result) = part.content {
                        events.push(SessionEvent::CallEnded {
                            turn: begun.clone(),
                            call: result.call_id,
                            outcome: CallOutcome::ByClient,
                            result: CallResult {
                                content: result.content.into_iter().map(piece).collect(),
                                structured: None,
                                is_error: result.is_error,
                            },
                        });
                    }
                }
            }
        }
    }
    answered(&events)?;
    match turn {
        Some(_) => Ok(events),
        None => Err(Error::bad_request("there is no message to answer").at("messages")),
    }
}

/// Each call that the client tells of has one result: one without would be run for the client, and no model had asked for it.
fn answered(events: &[SessionEvent]) -> Result<(), Error> {
    let mut results: HashMap<&str, u32> = HashMap::new();
    for event in events {
        if let SessionEvent::CallEnded { call, .. } = event {
            *results.entry(call).or_default() += 1;
        }
    }
    let mut known = HashSet::new();
    let parts = events.iter().filter_map(|event| match event {
        SessionEvent::Answered { parts, .. } => Some(parts),
        _ => None,
    });
    for part in parts.flatten() {
        let Content::ToolCall(call) = &part.content else {
            continue;
        };
        if call.by_provider {
            continue;
        }
        if !known.insert(call.id.as_str()) || results.get(call.id.as_str()) != Some(&1) {
            let message = format!(
                "the call {:?} must have one result, and an id of its own",
                call.id
            );
            return Err(Error::bad_request(message).at("messages"));
        }
    }
    match results.keys().find(|call| !known.contains(*call)) {
        Some(call) => {
            let message = format!("the result of {call:?} belongs to no call");
            Err(Error::bad_request(message).at("messages"))
        }
        None => Ok(()),
    }
}

fn text(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn piece(content: ResultContent) -> ToolContent {
    match content {
        ResultContent::Text(text) => ToolContent::Text(text),
        ResultContent::Image(image) => ToolContent::Image(image),
        ResultContent::File(file) => {
            ToolContent::Text(format!("(the file {:?})", file.name.unwrap_or_default()))
        }
        ResultContent::Source(source) => ToolContent::Text(source.passages.join("\n")),
    }
}

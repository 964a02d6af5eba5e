//! What the model is told: the log of a session as a conversation. Pure.

use types::neutral::{
    Content, FunctionTool, GenerateRequest, Message, OutputFormat, OutputSchema, Part,
    ReasoningOptions, Role, Tool, ToolResult,
};
use types::session::{Agent, Logged, SessionEvent};

/// A request for the next answer. `hosted`: the tools that the agent may call.
pub(crate) fn request(agent: &Agent, log: &[Logged], hosted: Vec<FunctionTool>) -> GenerateRequest {
    let mut messages: Vec<Message> = Vec::new();
    if let Some(instructions) = &agent.instructions {
        messages.push(Message::new(Role::System, vec![Part::text(instructions)]));
    }
    for logged in log {
        match &logged.event {
            SessionEvent::Said { messages: said, .. } => {
                messages.extend(
                    said.iter()
                        .map(|(_, parts)| Message::new(Role::User, parts.clone())),
                );
            }
            SessionEvent::Answered { parts, .. } => {
                messages.push(Message::new(Role::Assistant, parts.clone()));
            }
            SessionEvent::CallEnded { call, result, .. } => {
                let part = Part::new(Content::ToolResult(ToolResult {
                    call_id: call.clone(),
                    name: name_of(&messages, call),
                    content: tools::for_model(result),
                    is_error: result.is_error,
                    by_provider: false,
                }));
                // Parallel results share a message.
                match messages.last_mut() {
                    Some(last) if last.role == Role::Tool => last.parts.push(part),
                    _ => messages.push(Message::new(Role::Tool, vec![part])),
                }
            }
            _ => {}
        }
    }
    let functions = agent.functions.iter().map(|function| FunctionTool {
        name: function.name.clone(),
        description: function.description.clone(),
        parameters: Some(function.parameters.clone()),
        strict: None,
        cache: None,
        provider_data: None,
    });
    GenerateRequest {
        tools: hosted
            .into_iter()
            .chain(functions)
            .map(Tool::Function)
            .collect(),
        output: match &agent.output {
            Some((name, schema)) => OutputFormat::JsonSchema(OutputSchema {
                name: Some(name.clone()),
                description: None,
                schema: schema.clone(),
                strict: None,
            }),
            None => OutputFormat::Text,
        },
        reasoning: agent.effort.as_ref().map(|effort| ReasoningOptions {
            effort: Some(effort.clone()),
            ..ReasoningOptions::default()
        }),
        stream: true,
        ..GenerateRequest::new(messages)
    }
}

fn name_of(messages: &[Message], id: &str) -> Option<String> {
    let mut parts = messages.iter().rev().flat_map(|message| &message.parts);
    parts.find_map(|part| match &part.content {
        Content::ToolCall(call) if call.id == id => Some(call.name.clone()),
        _ => None,
    })
}

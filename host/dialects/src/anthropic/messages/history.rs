//! The conversation: `system` and `messages`.

use types::{
    Error,
    neutral::{Content, Message, Part, Role},
};

use super::block;
use crate::field::{Object, TextOr};

type Contents = TextOr<Vec<Object>>;

pub(super) fn read(system: Option<Contents>, messages: Vec<Object>) -> Result<Vec<Message>, Error> {
    let mut history = Vec::with_capacity(messages.len() + 1);
    if let Some(system) = system {
        let parts = parts(system, false)?;
        if !parts.is_empty() {
            history.push(turn(Role::System, parts));
        }
    }
    for message in messages {
        read_message(message, &mut history)?;
    }
    Ok(history)
}

fn turn(role: Role, parts: Vec<Part>) -> Message {
    Message {
        role,
        parts,
        name: None,
        provider_data: None,
    }
}

fn read_message(mut object: Object, history: &mut Vec<Message>) -> Result<(), Error> {
    let role = match object.need::<String>("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(object.wrong("role", "must be `user`, `assistant` or `system`")),
    };
    let parts = parts(object.need("content")?, role != Role::Assistant)?;
    if role == Role::User {
        split(parts, history);
    } else {
        history.push(turn(role, parts));
    }
    if let Some(last) = history.last_mut() {
        last.provider_data = object.rest().or(last.provider_data.take());
    }
    Ok(())
}

/// Results of tools are a user's blocks here and messages of their own in the neutral form. Order is kept.
fn split(parts: Vec<Part>, history: &mut Vec<Message>) {
    let mut open = false;
    if parts.is_empty() {
        history.push(turn(Role::User, Vec::new()));
    }
    for part in parts {
        let role = match &part.content {
            Content::ToolResult(result) if !result.by_provider => Role::Tool,
            _ => Role::User,
        };
        match history.last_mut() {
            // Parallel results share a message, even where a client sent a message for each.
            Some(last) if last.role == role && (open || role == Role::Tool) => {
                last.parts.push(part)
            }
            _ => history.push(turn(role, vec![part])),
        }
        open = true;
    }
}

/// An empty text says nothing: it is kept only where a message would be empty without it.
fn parts(contents: Contents, keep_empty: bool) -> Result<Vec<Part>, Error> {
    match contents {
        TextOr::Text(text) if text.is_empty() && !keep_empty => Ok(Vec::new()),
        TextOr::Text(text) => Ok(vec![block::text(text)]),
        TextOr::Other(blocks) => blocks.into_iter().map(block::read).collect(),
    }
}

//! What clients say to a session.

use types::{
    Error,
    neutral::{Content, MediaSource, Part, Text},
    session::{Decision, Input},
    tool::{CallResult, ToolContent},
};

use crate::{
    field::{Object, TextOr},
    media::part,
    openai::responses::items::content,
};

/// Reads the body of `POST /v1/agents/sessions/{id}/events`, in the order in which it is meant.
///
/// # Errors
/// What is wrong with it, and where.
pub fn inputs(body: &[u8]) -> Result<Vec<Input>, Error> {
    let mut body = Object::body(body)?;
    let events: Vec<Object> = body.need("events")?;
    if events.is_empty() {
        return Err(body.wrong("events", "must have at least one"));
    }
    body.nothing_else()?;
    events.into_iter().map(event).collect()
}

fn event(mut event: Object) -> Result<Input, Error> {
    let kind: String = event.need("type")?;
    let input = match kind.strip_prefix("agent.session.input.") {
        Some("message") => Input::Message(messages(&mut event)?),
        Some("cancel") => Input::Cancel,
        Some("mcp_approval_request_result") => approval(&mut event)?,
        Some("tool_result") => result(&mut event)?,
        Some("computer_use_approval_request_result") => {
            return Err(event.wrong(
                "type",
                "is of computer use, which agents of this host don't have",
            ));
        }
        _ => {
            return Err(event.wrong(
                "type",
                "must be `agent.session.input.` with `message`, `tool_result`, `mcp_approval_request_result` or `cancel`",
            ));
        }
    };
    event.nothing_else()?;
    Ok(input)
}

fn messages(event: &mut Object) -> Result<Vec<Vec<Part>>, Error> {
    let list: Vec<Object> = event.need("input")?;
    if list.is_empty() {
        return Err(event.wrong("input", "must have at least one message"));
    }
    list.into_iter().map(message).collect()
}

/// The first messages of a session: a text is one.
pub(super) fn first(body: &mut Object) -> Result<Vec<Vec<Part>>, Error> {
    match body.opt::<TextOr<Vec<Object>>>("input")? {
        None => Ok(Vec::new()),
        Some(TextOr::Text(text)) if text.is_empty() => {
            Err(body.wrong("input", "must not be empty"))
        }
        Some(TextOr::Text(text)) => Ok(vec![vec![said(text)]]),
        Some(TextOr::Other(list)) => list.into_iter().map(message).collect(),
    }
}

fn message(mut message: Object) -> Result<Vec<Part>, Error> {
    if message
        .opt::<String>("type")?
        .is_some_and(|kind| kind != "message")
    {
        return Err(message.wrong("type", "must be `message`"));
    }
    if message.need::<String>("role")? != "user" {
        return Err(message.wrong(
            "role",
            "must be `user`: what else an agent is told, its `instructions` say",
        ));
    }
    let parts = match message.need::<TextOr<Vec<Object>>>("content")? {
        TextOr::Text(text) => vec![said(text)],
        TextOr::Other(pieces) => pieces.into_iter().map(piece).collect::<Result<_, _>>()?,
    };
    if parts.is_empty() {
        return Err(message.wrong("content", "must not be empty"));
    }
    message.nothing_else()?;
    Ok(parts)
}

fn said(text: String) -> Part {
    part(Content::Text(Text {
        text,
        citations: Vec::new(),
    }))
}

/// Text, or an image that a session can show again.
fn piece(object: Object) -> Result<Part, Error> {
    let whole = object.clone();
    let piece = content(object)?;
    match &piece.content {
        Content::Text(_) => Ok(piece),
        Content::Image(image) if !matches!(image.source, MediaSource::FileId(_)) => Ok(piece),
        Content::Image(_) => {
            Err(whole.wrong("file_id", "names a file of one vendor: send `image_url`"))
        }
        _ => Err(whole.wrong("type", "must be `input_text` or `input_image`")),
    }
}

fn approval(event: &mut Object) -> Result<Input, Error> {
    let request = event.need("request_id")?;
    let mut response: Object = event.need("response")?;
    if response.need::<String>("type")? != "mcp_tool_call" {
        return Err(response.wrong("type", "must be `mcp_tool_call`"));
    }
    let decision = match response.need::<String>("decision")?.as_str() {
        "approve" => Decision::Approve,
        "deny" => Decision::Deny,
        "cancel" => Decision::Dismiss,
        _ => return Err(response.wrong("decision", "must be `approve`, `deny` or `cancel`")),
    };
    response.nothing_else()?;
    Ok(Input::Approval { request, decision })
}

fn result(event: &mut Object) -> Result<Input, Error> {
    let success: bool = event.need("success")?;
    let mut content: Vec<ToolContent> = match event.opt::<TextOr<Vec<Object>>>("output")? {
        None => Vec::new(),
        Some(TextOr::Text(text)) => vec![ToolContent::Text(text)],
        Some(TextOr::Other(pieces)) => {
            let parts = pieces
                .into_iter()
                .map(|it| piece(it).map(|part| part.content));
            let parts = parts.map(|content| {
                Ok(match content? {
                    Content::Image(image) => ToolContent::Image(image),
                    Content::Text(text) => ToolContent::Text(text.text),
                    // `piece` gives no other.
                    _ => ToolContent::Text(String::new()),
                })
            });
            parts.collect::<Result<_, Error>>()?
        }
    };
    match event.opt::<String>("error")? {
        Some(_) if success => {
            return Err(event.wrong("error", "can't be there where `success` is true"));
        }
        Some(error) => content.push(ToolContent::Text(error)),
        None => {}
    }
    Ok(Input::Result {
        turn: event.opt("turn_id")?,
        call: event.need("call_id")?,
        result: CallResult {
            content,
            structured: None,
            is_error: !success,
        },
    })
}

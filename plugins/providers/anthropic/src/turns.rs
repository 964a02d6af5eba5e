//! The conversation: instructions apart, turns that alternate.

use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde_json::{Value, json};

use crate::blocks::{Context, fill};

/// A conversation as the vendor wants it.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// Instructions, as blocks of text.
    pub(crate) system: Vec<Value>,
    turns: Vec<Turn>,
}

#[derive(Debug)]
struct Turn {
    role: &'static str,
    content: Vec<Value>,
}

impl Conversation {
    /// Translates messages. Instructions before the first turn become `system`. Those after it stay in place where
    /// `system_in_messages`; else they join the others at the front, with a warning.
    pub(crate) fn read(
        messages: &[Message],
        system_in_messages: bool,
        context: &mut Context,
    ) -> Result<Self, Error> {
        let mut conversation = Self::default();
        for message in messages {
            if message.name.is_some() {
                context.warnings.add(
                    "messages.name",
                    "the vendor does not tell speakers apart: left out",
                );
            }
            fill(
                &mut json!({}),
                message.provider_data.as_deref(),
                Some(&[]),
                &mut context.warnings,
            );
            let blocks = blocks(message, context)?;
            let role = match message.role {
                Role::Assistant => "assistant",
                Role::User | Role::Tool => "user",
                Role::System | Role::Developer if conversation.turns.is_empty() => {
                    conversation.system.extend(blocks);
                    continue;
                }
                Role::System | Role::Developer if system_in_messages => "system",
                Role::System | Role::Developer => {
                    context.warnings.add(
                        "messages.system",
                        "instructions between turns were moved to the front, since not every model takes them there: \
                         the operator may set `system_in_messages`",
                    );
                    conversation.system.extend(blocks);
                    continue;
                }
            };
            conversation.push(role, blocks);
        }
        conversation.begin(context);
        conversation.tidy(context);
        Ok(conversation)
    }

    /// Turns of one role in a row become one; a turn that says nothing is none.
    fn push(&mut self, role: &'static str, blocks: Vec<Value>) {
        match self.turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => self.turns.push(Turn {
                role,
                content: blocks,
            }),
        }
    }

    /// The vendor wants a turn: where there are only instructions, the last is the user's.
    fn begin(&mut self, context: &mut Context) {
        if self.turns.is_empty()
            && let Some(last) = self.system.pop()
        {
            context.warnings.add(
                "messages.system",
                "the vendor wants a user's turn: the last instruction was sent as one",
            );
            self.push("user", vec![last]);
        }
    }

    fn tidy(&mut self, context: &mut Context) {
        for turn in self.turns.iter_mut().filter(|turn| turn.role == "user") {
            // The vendor wants results before anything else; each group keeps its order.
            turn.content
                .sort_by_key(|block| block["type"] != "tool_result");
        }
        let begun = self
            .turns
            .last_mut()
            .filter(|turn| turn.role == "assistant");
        let last = begun.and_then(|turn| turn.content.last_mut());
        if let Some(Value::String(text)) = last.and_then(|block| block.get_mut("text")) {
            let kept = text.trim_end().len();
            if kept < text.len() {
                text.truncate(kept);
                context.warnings.add(
                    "messages.text",
                    "the vendor refuses a begun answer that ends in blanks: they were cut",
                );
            }
        }
    }

    /// Does the client answer calls of a turn that has no thoughts? With a budget, the vendor then refuses to think.
    pub(crate) fn resumes_without_thoughts(&self) -> bool {
        let [.., asked, answered] = self.turns.as_slice() else {
            return false;
        };
        let first = |turn: &Turn, kinds: &[&str]| {
            let kind = turn
                .content
                .first()
                .and_then(|block| block["type"].as_str());
            kind.is_some_and(|kind| kinds.contains(&kind))
        };
        asked.role == "assistant"
            && first(answered, &["tool_result"])
            && !first(asked, &["thinking", "redacted_thinking"])
    }

    /// The turns as `messages`. One plain text is written as a string, the vendor's shorthand.
    pub(crate) fn into_messages(self) -> Value {
        let turns = self
            .turns
            .into_iter()
            .map(|turn| json!({"role": turn.role, "content": shorthand(turn.content)}));
        Value::Array(turns.collect())
    }
}

/// A string where the blocks are one plain text.
pub(crate) fn shorthand(mut blocks: Vec<Value>) -> Value {
    match blocks.as_mut_slice() {
        [one] if one["type"] == "text" && one.as_object().is_some_and(|it| it.len() == 2) => {
            one["text"].take()
        }
        _ => Value::Array(blocks),
    }
}

fn blocks(message: &Message, context: &mut Context) -> Result<Vec<Value>, Error> {
    let mut blocks = Vec::new();
    for part in &message.parts {
        let instructs = matches!(message.role, Role::System | Role::Developer);
        if instructs && !matches!(part.content, Content::Text(_)) {
            return Err(Error::bad_request(
                "this vendor takes only text as instructions: put media into a user's message",
            )
            .at("messages.system"));
        }
        blocks.extend(context.block(message.role, part)?);
    }
    Ok(blocks)
}

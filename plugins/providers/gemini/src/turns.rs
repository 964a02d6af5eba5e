//! The conversation: instructions apart, turns that alternate, results in the order of their calls.

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

use crate::parts::{Context, Piece};

/// What the vendor takes in place of a signature that is lost, such as another vendor's calls never had
/// (its page "Thought signatures", FAQ 1).
const PLACEHOLDER: &str = "skip_thought_signature_validator";

/// A conversation as the vendor wants it.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// Instructions, as parts.
    pub(crate) system: Vec<Value>,
    turns: Vec<Turn>,
}

#[derive(Debug)]
struct Turn {
    role: &'static str,
    pieces: Vec<Piece>,
}

impl Conversation {
    /// Translates messages. Instructions after the first turn join those at the front, with a warning.
    pub(crate) fn read(messages: &[Message], context: &mut Context) -> Result<Self, Error> {
        let mut conversation = Self::default();
        for message in messages {
            context.beside(message);
            let pieces = pieces(message, context)?;
            match message.role {
                Role::Assistant => conversation.push("model", pieces),
                Role::User | Role::Tool => conversation.push("user", pieces),
                Role::System | Role::Developer => {
                    if !conversation.turns.is_empty() {
                        context.warnings.add(
                            "messages.system",
                            "the vendor takes instructions only at the front: those between turns were moved there",
                        );
                    }
                    let parts = pieces.into_iter().map(|piece| piece.part);
                    conversation.system.extend(parts);
                }
            }
        }
        conversation.begin(&mut context.warnings);
        conversation.order();
        if !context.earlier {
            conversation.sign(&mut context.warnings);
        }
        Ok(conversation)
    }

    /// Turns of one role in a row become one; a turn that says nothing is none.
    fn push(&mut self, role: &'static str, pieces: Vec<Piece>) {
        match self.turns.last_mut() {
            _ if pieces.is_empty() => {}
            Some(last) if last.role == role => last.pieces.extend(pieces),
            _ => self.turns.push(Turn { role, pieces }),
        }
    }

    /// The vendor wants a turn: where there are only instructions, the last is the user's.
    fn begin(&mut self, warnings: &mut Warnings) {
        if self.turns.is_empty()
            && let Some(part) = self.system.pop()
        {
            warnings.add(
                "messages.system",
                "the vendor wants a user's turn: the last instruction was sent as one",
            );
            self.push("user", vec![Piece { part, call: None }]);
        }
    }

    /// Results come first, and in the order of their calls: calls without ids are told apart by nothing else.
    fn order(&mut self) {
        let mut called: Vec<String> = Vec::new();
        for turn in &mut self.turns {
            if turn.role == "user" {
                turn.pieces.sort_by_key(|piece| {
                    let call = piece.call.as_ref();
                    let at = call.map(|call| called.iter().position(|known| known == call));
                    match at {
                        Some(Some(at)) => (0, at),
                        Some(None) => (1, 0),
                        None => (2, 0),
                    }
                });
            }
            let calls = turn.pieces.iter().filter_map(|piece| piece.call.clone());
            called = calls.collect();
        }
    }

    /// The first call of each of the model's turns must bear a signature.
    fn sign(&mut self, warnings: &mut Warnings) {
        let turns = self.turns.iter_mut().filter(|turn| turn.role == "model");
        for turn in turns {
            let mut calls = turn.pieces.iter_mut().filter(|piece| piece.call.is_some());
            let Some(first) = calls.next() else { continue };
            if first.part.get("thoughtSignature").is_none() {
                first.part["thoughtSignature"] = json!(PLACEHOLDER);
                warnings.add(
                    "messages.tool_call",
                    "the vendor's signature of a call did not come back, or another vendor made the call: sent with the \
                     vendor's placeholder, without the thoughts behind it",
                );
            }
        }
    }

    /// The turns as `contents`.
    pub(crate) fn into_contents(self) -> Value {
        let turns = self.turns.into_iter().map(|turn| {
            let parts = turn.pieces.into_iter().map(|piece| piece.part);
            json!({"role": turn.role, "parts": parts.collect::<Vec<_>>()})
        });
        Value::Array(turns.collect())
    }
}

fn pieces(message: &Message, context: &mut Context) -> Result<Vec<Piece>, Error> {
    let instructs = matches!(message.role, Role::System | Role::Developer);
    let mut pieces = Vec::new();
    for part in &message.parts {
        if instructs && !matches!(part.content, Content::Text(_)) {
            return Err(Error::bad_request(
                "this vendor takes only text as instructions: put media into a user's message",
            )
            .at("messages.system"));
        }
        pieces.extend(context.pieces(message.role, part)?);
    }
    Ok(pieces)
}

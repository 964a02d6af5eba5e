//! The conversation: instructions apart, turns that alternate.

use evenhand_sdk::Error;
use evenhand_sdk::types::*;
use serde_json::{Value, json};

use crate::blocks::{Context, name_foreign};

/// What is said beside a document that comes without words.
const BESIDE_DOCUMENTS: &str = "See the document.";

/// A conversation as the vendor wants it.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// Instructions, as blocks.
    pub(crate) system: Vec<Value>,
    turns: Vec<Turn>,
}

/// A block and, where it ends a cached prefix, the cache point after it.
type Group = Vec<Value>;

#[derive(Debug)]
struct Turn {
    role: &'static str,
    groups: Vec<Group>,
}

impl Turn {
    fn has(&self, kind: &str) -> bool {
        self.groups.iter().any(|group| is(group, kind))
    }
}

fn is(group: &Group, kind: &str) -> bool {
    group.first().is_some_and(|block| block.get(kind).is_some())
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
            let data = message.provider_data.as_deref();
            name_foreign("messages", data, &mut context.warnings);
            let groups = groups(message, context)?;
            let role = match message.role {
                Role::Assistant => "assistant",
                Role::User | Role::Tool => "user",
                Role::System | Role::Developer if conversation.turns.is_empty() => {
                    conversation.system.extend(groups.into_iter().flatten());
                    continue;
                }
                Role::System | Role::Developer if system_in_messages => "system",
                Role::System | Role::Developer => {
                    context.warnings.add(
                        "messages.system",
                        "instructions between turns were moved to the front, since not every model takes them there: \
                         the operator may set `system_in_messages`",
                    );
                    conversation.system.extend(groups.into_iter().flatten());
                    continue;
                }
            };
            conversation.push(role, groups);
        }
        conversation.begin(context);
        conversation.tidy(context);
        Ok(conversation)
    }

    /// Turns of one role in a row become one; a turn that says nothing is none.
    fn push(&mut self, role: &'static str, groups: Vec<Group>) {
        match self.turns.last_mut() {
            _ if groups.is_empty() => {}
            Some(last) if last.role == role => last.groups.extend(groups),
            _ => self.turns.push(Turn { role, groups }),
        }
    }

    /// The vendor wants a turn: where there are only instructions, the last is the user's.
    fn begin(&mut self, context: &mut Context) {
        if !self.turns.is_empty() {
            return;
        }
        let last = self
            .system
            .iter()
            .rposition(|block| block.get("text").is_some());
        if let Some(last) = last {
            context.warnings.add(
                "messages.system",
                "the vendor wants a user's turn: the last instruction was sent as one",
            );
            let group = self.system.drain(last..).collect();
            self.push("user", vec![group]);
        }
    }

    fn tidy(&mut self, context: &mut Context) {
        for turn in self.turns.iter_mut().filter(|turn| turn.role == "user") {
            // The vendor wants results before anything else; each group keeps its order.
            turn.groups.sort_by_key(|group| !is(group, "toolResult"));
            if turn.has("document") && !turn.has("text") {
                context.warnings.add(
                    "messages.file",
                    format!(
                        "the vendor wants words beside a document: `{BESIDE_DOCUMENTS}` was added"
                    ),
                );
                turn.groups.push(vec![json!({"text": BESIDE_DOCUMENTS})]);
            }
        }
        let begun = self
            .turns
            .last_mut()
            .filter(|turn| turn.role == "assistant");
        let last = begun.and_then(|turn| turn.groups.last_mut()?.first_mut());
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

    /// Names of the tools that were called, as they were sent, each once; `None` where no turn has a call or a result.
    pub(crate) fn called(&self) -> Option<Vec<String>> {
        let blocks = || {
            self.turns
                .iter()
                .flat_map(|turn| turn.groups.iter().flatten())
        };
        let mut names: Vec<String> = Vec::new();
        for call in blocks().filter_map(|block| block.get("toolUse")) {
            let name = call["name"].as_str().unwrap_or_default();
            if call.get("type").is_none() && !names.iter().any(|known| known == name) {
                names.push(name.into());
            }
        }
        let answered = blocks().any(|block| block.get("toolResult").is_some());
        (answered || !names.is_empty()).then_some(names)
    }

    /// Does the client answer calls of a turn that has no thoughts? With a budget, the vendor then refuses to think.
    pub(crate) fn resumes_without_thoughts(&self) -> bool {
        let [.., asked, answered] = self.turns.as_slice() else {
            return false;
        };
        asked.role == "assistant"
            && answered
                .groups
                .first()
                .is_some_and(|group| is(group, "toolResult"))
            && !asked
                .groups
                .first()
                .is_some_and(|group| is(group, "reasoningContent"))
    }

    /// The turns as `messages`.
    pub(crate) fn into_messages(self) -> Value {
        let turns = self.turns.into_iter().map(|turn| {
            let content: Vec<_> = turn.groups.into_iter().flatten().collect();
            json!({"role": turn.role, "content": content})
        });
        Value::Array(turns.collect())
    }
}

fn groups(message: &Message, context: &mut Context) -> Result<Vec<Group>, Error> {
    let mut groups = Vec::new();
    for part in &message.parts {
        let instructs = matches!(message.role, Role::System | Role::Developer);
        if instructs && !matches!(part.content, Content::Text(_)) {
            return Err(Error::bad_request(
                "this vendor takes only text as instructions: put media into a user's message",
            )
            .at("messages.system"));
        }
        groups.push(context.block(message.role, part)?);
    }
    groups.retain(|group| !group.is_empty());
    Ok(groups)
}

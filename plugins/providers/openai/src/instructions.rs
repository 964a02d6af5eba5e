//! Where servers want instructions: many put them into a model's own template, which may know one system message only.

use std::borrow::Cow;

use evenhand_sdk::Warnings;
use evenhand_sdk::types::*;
use serde::Deserialize;

/// Which instructions the server's model understands, and where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Instructions {
    /// Those of the system and of the developer, anywhere: what the vendor itself takes.
    #[default]
    Anywhere,
    /// Those of the developer are said to be the system's: templates know no such role.
    System,
    /// One message of the system, at the front: templates that refuse any other.
    First,
}

impl Instructions {
    /// The conversation as the server takes it.
    pub(crate) fn arrange<'a>(
        self,
        messages: &'a [Message],
        warnings: &mut Warnings,
    ) -> Cow<'a, [Message]> {
        match self {
            Self::Anywhere => Cow::Borrowed(messages),
            Self::System => {
                let mut all = messages.to_vec();
                for message in &mut all {
                    if message.role == Role::Developer {
                        message.role = Role::System;
                    }
                }
                Cow::Owned(all)
            }
            Self::First => Cow::Owned(first(messages, warnings)),
        }
    }
}

fn first(messages: &[Message], warnings: &mut Warnings) -> Vec<Message> {
    let instructs = |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let (instructions, mut rest): (Vec<_>, Vec<_>) = messages.iter().partition(instructs);
    let Some((head, more)) = instructions.split_first() else {
        return messages.to_vec();
    };
    if !messages
        .iter()
        .take(instructions.len())
        .all(|it| instructs(&it))
    {
        warnings.add(
            "messages.system",
            "the server takes instructions at the front only: moved there",
        );
    }
    let mut one = Message {
        role: Role::System,
        ..(*head).clone()
    };
    for message in more {
        // What was apart stays apart, though it is one message now.
        one.parts.push(Part::text("\n\n"));
        one.parts.extend(message.parts.iter().cloned());
    }
    if one
        .parts
        .iter()
        .all(|part| matches!(part.content, Content::Text(_)))
    {
        one.parts = vec![Part {
            cache: one.parts.iter().find_map(|part| part.cache),
            ..Part::text(one.text())
        }];
    }
    rest.insert(0, &one);
    rest.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(role: Role, text: &str) -> Message {
        Message::new(role, vec![Part::text(text)])
    }

    fn arranged(how: Instructions, messages: &[Message]) -> (Vec<(Role, String)>, usize) {
        let mut warnings = Warnings::default();
        let all = how.arrange(messages, &mut warnings);
        let all = all.iter().map(|it| (it.role, it.text())).collect();
        (all, warnings.fields().count())
    }

    #[test]
    fn templates_that_know_no_developer_or_one_message_only_are_served() {
        let talk = [
            say(Role::System, "a"),
            say(Role::Developer, "b"),
            say(Role::User, "c"),
            say(Role::System, "d"),
        ];
        let system = |text: &str| (Role::System, text.to_owned());
        let user = (Role::User, "c".to_owned());
        let (all, warned) = arranged(Instructions::System, &talk);
        assert_eq!(
            (all, warned),
            (vec![system("a"), system("b"), user.clone(), system("d")], 0)
        );
        let (all, warned) = arranged(Instructions::First, &talk);
        assert_eq!(
            (all, warned),
            (vec![system("a\n\nb\n\nd"), user.clone()], 1)
        );
        let (all, warned) = arranged(Instructions::First, &talk[..3]);
        assert_eq!((all, warned), (vec![system("a\n\nb"), user.clone()], 0));
        assert_eq!(arranged(Instructions::First, &talk[2..3]), (vec![user], 0));
    }
}

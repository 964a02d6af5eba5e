//! What a model thought before it called a tool, for clients whose dialect has no field in which it could come back: it is kept
//! with the call, and put back where it was said.

use std::collections::HashMap;

use types::neutral::{Content, Delta, Event, Message, Part, PartKind, Reasoning};

/// The thoughts behind a call that their vendor must see again.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Thoughts {
    /// Those with which the answer began.
    first: Vec<Part>,
    /// Those right before the call.
    before: Vec<Part>,
}

impl Thoughts {
    /// There are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.before.is_empty()
    }

    /// Bytes of them.
    pub(crate) fn size(&self) -> usize {
        let parts = self.first.iter().chain(&self.before);
        parts
            .map(|part| part.provider_data.as_ref().map_or(0, String::len) + text(part).len())
            .sum()
    }
}

fn text(part: &Part) -> &str {
    match &part.content {
        Content::Reasoning(said) => &said.text,
        _ => "",
    }
}

/// Collects the thoughts of an answer.
#[derive(Debug, Default)]
pub(crate) struct Listener {
    choices: HashMap<u32, Choice>,
}

/// One of its answers, as far as it was heard.
#[derive(Debug, Default)]
struct Choice {
    /// Those that are being said, by part, and whether anything was said before.
    open: HashMap<u32, (Reasoning, bool)>,
    spoke: bool,
    waiting: Thoughts,
}

impl Choice {
    fn heard(&mut self, thought: Reasoning, spoke: bool, provider_data: Option<String>) {
        // Nobody asks to see again what has no data.
        if provider_data.is_none() {
            return;
        }
        let list = match spoke {
            true => &mut self.waiting.before,
            false => &mut self.waiting.first,
        };
        list.push(Part {
            content: Content::Reasoning(thought),
            cache: None,
            provider_data,
        });
    }

    fn called(&mut self) -> Thoughts {
        self.spoke = true;
        std::mem::take(&mut self.waiting)
    }
}

impl Listener {
    /// Hears an event whose data are sealed. Where a call of the client's begins, those are the thoughts behind it.
    pub(crate) fn hear(&mut self, event: &Event) -> Thoughts {
        match event {
            Event::PartStarted(part) => {
                let choice = self.choices.entry(part.choice).or_default();
                match &part.kind {
                    PartKind::Reasoning(kind) => {
                        let thought = Reasoning {
                            kind: *kind,
                            text: String::new(),
                        };
                        choice.open.insert(part.index, (thought, choice.spoke));
                    }
                    PartKind::ToolCall(call) if !call.by_provider => return choice.called(),
                    _ => choice.spoke = true,
                }
            }
            Event::PartDelta(part) => {
                let choice = self.choices.entry(part.choice).or_default();
                if let (Some((thought, _)), Delta::Text(more)) =
                    (choice.open.get_mut(&part.index), &part.delta)
                {
                    thought.text.push_str(more);
                }
            }
            Event::PartEnded(part) => {
                let choice = self.choices.entry(part.choice).or_default();
                if let Some((thought, spoke)) = choice.open.remove(&part.index) {
                    choice.heard(thought, spoke, part.provider_data.clone());
                }
            }
            Event::Part(whole) => {
                let choice = self.choices.entry(whole.choice).or_default();
                match &whole.part.content {
                    Content::Reasoning(thought) => {
                        let data = whole.part.provider_data.clone();
                        choice.heard(thought.clone(), choice.spoke, data);
                    }
                    Content::ToolCall(call) if !call.by_provider => return choice.called(),
                    _ => choice.spoke = true,
                }
            }
            Event::Started(_) | Event::Warning(_) | Event::Usage(_) | Event::Finished(_) => {}
        }
        Thoughts::default()
    }
}

/// Puts the thoughts behind a turn's calls back. What the client echoed of them is their text at best, and goes.
pub(crate) fn restore(message: &mut Message, kept: impl Fn(&str) -> Thoughts) {
    let is_thought = |part: &Part| matches!(part.content, Content::Reasoning(_));
    let signed = |part: &Part| is_thought(part) && part.provider_data.is_some();
    if message.parts.iter().any(signed) {
        return;
    }
    let calls = message.parts.iter().map(|part| match &part.content {
        Content::ToolCall(call) => kept(&call.id),
        _ => Thoughts::default(),
    });
    let behind: Vec<Thoughts> = calls.collect();
    if behind.iter().all(Thoughts::is_empty) {
        return;
    }
    let (mut restored, mut rest) = (Vec::new(), Vec::new());
    for (part, Thoughts { first, before }) in message.parts.drain(..).zip(behind) {
        restored.extend(first);
        rest.extend(before);
        if !is_thought(&part) {
            rest.push(part);
        }
    }
    restored.append(&mut rest);
    message.parts = restored;
}

impl Thoughts {
    /// Those of them that may be seen.
    pub(crate) fn visible(&self, may_see: impl Fn(&str) -> bool) -> Self {
        let seen = |parts: &[Part]| {
            let seen = parts
                .iter()
                .filter(|part| part.provider_data.as_deref().is_some_and(&may_see));
            seen.cloned().collect()
        };
        Self {
            first: seen(&self.first),
            before: seen(&self.before),
        }
    }
}

#[cfg(test)]
#[path = "thoughts_tests.rs"]
mod tests;

//! The input of free-form tools: text for clients, the only argument of a function in the neutral form.

use serde_json::{Value, json};

/// The arguments of a call with this input.
pub(super) fn arguments(input: &str) -> String {
    json!({ "input": input }).to_string()
}

/// Reads the input out of arguments that come in pieces.
#[derive(Debug, Default)]
pub(super) struct Input {
    state: State,
    /// What was not read yet: all so far, or half of an escape.
    rest: String,
    text: String,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    /// Before the text.
    #[default]
    Head,
    /// In the text.
    Text,
    /// Behind it.
    Done,
    /// It isn't the expected object: only the end tells what it is.
    Strange,
}

impl Input {
    /// More arguments; returns what the input grew by.
    pub(super) fn push(&mut self, more: &str) -> String {
        self.rest.push_str(more);
        if self.state == State::Head {
            match head(&self.rest) {
                Head::Open => {}
                Head::Complete(length) => {
                    self.rest.drain(..length);
                    self.state = State::Text;
                }
                Head::Strange => self.state = State::Strange,
            }
        }
        if self.state != State::Text {
            return String::new();
        }
        let mut grown = String::new();
        let mut read = 0;
        while let Some(c) = self.rest[read..].chars().next() {
            match c {
                '"' => {
                    self.state = State::Done;
                    break;
                }
                '\\' => {
                    let Some((c, length)) = escape(&self.rest[read..]) else {
                        break;
                    };
                    grown.push(c);
                    read += length;
                }
                c => {
                    grown.push(c);
                    read += c.len_utf8();
                }
            }
        }
        self.rest.drain(..read);
        self.text.push_str(&grown);
        grown
    }

    /// The end; returns what the input still grew by, and all of it.
    pub(super) fn finish(mut self) -> (String, String) {
        if matches!(self.state, State::Head | State::Strange) {
            let object: Option<Value> = serde_json::from_str(&self.rest).ok();
            let object = object.filter(Value::is_object);
            self.text = match object.as_ref().map(|it| it["input"].as_str()) {
                Some(Some(input)) => input.to_owned(),
                // A call without arguments is a call without input.
                Some(None) if self.rest.trim() == "{}" => String::new(),
                _ => self.rest,
            };
            return (self.text.clone(), self.text);
        }
        (String::new(), self.text)
    }
}

enum Head {
    Open,
    /// It is this long.
    Complete(usize),
    Strange,
}

/// Looks for `{"input":"`, with white space between.
fn head(text: &str) -> Head {
    let mut rest = text;
    for token in ["{", "\"input\"", ":", "\""] {
        rest = rest.trim_start();
        match rest.strip_prefix(token) {
            Some(after) => rest = after,
            None if token.starts_with(rest) => return Head::Open,
            None => return Head::Strange,
        }
    }
    Head::Complete(text.len() - rest.len())
}

/// The character of an escape and how long it is, if all of it is here. What is no escape is taken as it is.
fn escape(text: &str) -> Option<(char, usize)> {
    let plain = match text[1..].chars().next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => return unicode(text),
        c => return Some((c, 1 + c.len_utf8())),
    };
    Some((plain, 2))
}

fn unicode(text: &str) -> Option<(char, usize)> {
    const LOST: char = char::REPLACEMENT_CHARACTER;
    let Some(first) = unit(text)? else {
        return Some((LOST, 2));
    };
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first).unwrap_or(LOST), 6));
    }
    let second = &text[6..];
    if second.len() < 2 && "\\u".starts_with(second) {
        return None;
    }
    if !second.starts_with("\\u") {
        return Some((LOST, 6));
    }
    Some(match unit(second)? {
        Some(low) if (0xdc00..0xe000).contains(&low) => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(code).unwrap_or(LOST), 12)
        }
        _ => (LOST, 6),
    })
}

/// The four digits behind `\u`: absent if they are not all here yet, and within if they are no digits.
fn unit(text: &str) -> Option<Option<u32>> {
    let digits = text.get(2..6);
    match digits {
        Some(digits) => Some(u32::from_str_radix(digits, 16).ok()),
        None if text[2..].bytes().all(|b| b.is_ascii_hexdigit()) => None,
        None => Some(None),
    }
}

//! Numbered events: what a stream is made of.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use types::neutral::Warning;

use crate::frame;

/// An event of a stream, or a comment in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its `sequence_number`, from 0, one more than that of the event before; a comment has none.
    pub number: Option<u64>,
    /// Its `type`; of a comment nothing.
    pub name: Cow<'static, str>,
    /// Its data, a JSON text; of a comment all of it as the stream has it.
    pub data: String,
}

impl Frame {
    /// Writes it as a server-sent event.
    pub fn write(&self, out: &mut String) {
        if self.number.is_some() {
            out.push_str("event: ");
            out.push_str(&self.name);
            out.push_str("\ndata: ");
        }
        out.push_str(&self.data);
        if self.number.is_some() {
            out.push_str("\n\n");
        }
    }
}

/// Numbers events.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    next: u64,
    obfuscate: bool,
}

/// Where in an answer something is said: fields of its events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    /// The index of a part in its item, and what it is called.
    pub(super) part: Option<(&'static str, usize)>,
}

impl Numbered {
    pub(super) fn new(obfuscate: bool) -> Self {
        Self { next: 0, obfuscate }
    }

    /// An event with these fields.
    pub(super) fn event(
        &mut self,
        out: &mut Vec<Frame>,
        name: impl Into<Cow<'static, str>>,
        fields: Value,
    ) {
        let (name, number) = (name.into(), self.next);
        let mut data = Map::new();
        data.insert("type".to_owned(), name.as_ref().into());
        data.insert("sequence_number".to_owned(), number.into());
        if let Value::Object(fields) = fields {
            data.extend(fields);
        }
        self.next += 1;
        out.push(Frame {
            number: Some(number),
            name,
            data: Value::Object(data).to_string(),
        });
    }

    /// An event about something in the answer.
    pub(super) fn at(
        &mut self,
        out: &mut Vec<Frame>,
        name: impl Into<Cow<'static, str>>,
        place: Place<'_>,
        mut fields: Value,
    ) {
        fields["item_id"] = place.item_id.into();
        fields["output_index"] = place.output_index.into();
        if let Some((index, number)) = place.part {
            fields[index] = number.into();
        }
        let name = name.into();
        if name.ends_with(".delta") && self.obfuscate {
            let delta = fields["delta"].as_str().unwrap_or_default();
            fields["obfuscation"] = noise(delta.len()).into();
        }
        self.event(out, name, fields);
    }

    /// More text: what nearly all events are.
    pub(super) fn delta(
        &mut self,
        out: &mut Vec<Frame>,
        name: &'static str,
        place: Place<'_>,
        text: &str,
        logprobs: bool,
    ) {
        use std::fmt::Write as _;
        let number = self.next;
        self.next += 1;
        let mut data = String::with_capacity(text.len() + 200);
        let _ = write!(
            data,
            r#"{{"type":"{name}","sequence_number":{number},"item_id":"#
        );
        frame::string(&mut data, place.item_id);
        let _ = write!(data, r#","output_index":{}"#, place.output_index);
        if let Some((index, number)) = place.part {
            let _ = write!(data, r#","{index}":{number}"#);
        }
        data.push_str(",\"delta\":");
        frame::string(&mut data, text);
        if logprobs {
            data.push_str(",\"logprobs\":[]");
        }
        if self.obfuscate {
            let _ = write!(data, r#","obfuscation":"{}""#, noise(text.len()));
        }
        data.push('}');
        out.push(Frame {
            number: Some(number),
            name: name.into(),
            data,
        });
    }
}

/// A comment: parsers skip it, people see it.
pub(super) fn comment(out: &mut Vec<Frame>, warning: &Warning) {
    let mut data = String::new();
    frame::warning(&mut data, warning);
    out.push(Frame {
        number: None,
        name: Cow::Borrowed(""),
        data,
    });
}

/// What makes the lengths of deltas alike, so that nobody on the way reads in them.
pub(in crate::openai) fn noise(length: usize) -> String {
    const STEP: usize = 16;
    let mut noise = uuid::Uuid::new_v4().simple().to_string();
    noise.truncate(STEP - length % STEP);
    noise
}

/// The error of a stream whose numbers are not ours.
pub fn failure(error: &types::Error, number: u64) -> String {
    let object = crate::Dialect::OpenAi.error_body(error)["error"].take();
    let mut numbered = Numbered {
        next: number,
        obfuscate: false,
    };
    let mut frames = Vec::new();
    let fields =
        json!({ "code": object["code"], "message": object["message"], "param": object["param"] });
    numbered.event(&mut frames, "error", fields);
    let mut out = String::new();
    frames.iter().for_each(|frame| frame.write(&mut out));
    out
}

//! Chunks: what a stream is made of.

use serde_json::Value;

use crate::frame;

/// Writes chunks; what all of one answer share is written once.
#[derive(Debug)]
pub(super) struct Chunks {
    /// `data: {…,"choices":[`
    head: String,
    /// `data: {…,` without choices.
    base: String,
}

impl Chunks {
    pub(super) fn new(id: &str, created: u64, model: &str, service_tier: Option<&str>) -> Self {
        let mut base = String::from("data: {\"id\":");
        frame::string(&mut base, id);
        base.push_str(",\"object\":\"chat.completion.chunk\",\"created\":");
        base.push_str(&created.to_string());
        base.push_str(",\"model\":");
        frame::string(&mut base, model);
        if let Some(tier) = service_tier {
            base.push_str(",\"service_tier\":");
            frame::string(&mut base, tier);
        }
        let head = format!("{base},\"choices\":[");
        Self { head, base }
    }

    /// A delta of one field of text: what nearly all chunks are.
    pub(super) fn text(&self, out: &mut String, choice: u32, field: &str, text: &str) {
        self.open(out, choice);
        out.push_str("{\"");
        out.push_str(field);
        out.push_str("\":");
        frame::string(out, text);
        out.push_str("},\"finish_reason\":null}]}\n\n");
    }

    /// Any delta.
    pub(super) fn delta(&self, out: &mut String, choice: u32, delta: &Value) {
        self.open(out, choice);
        frame::json(out, delta);
        out.push_str(",\"finish_reason\":null}]}\n\n");
    }

    /// Log-probabilities of what was said before.
    pub(super) fn logprobs(&self, out: &mut String, choice: u32, field: &str, tokens: &Value) {
        self.open(out, choice);
        out.push_str("{},\"logprobs\":{\"");
        out.push_str(field);
        out.push_str("\":");
        frame::json(out, tokens);
        out.push_str("},\"finish_reason\":null}]}\n\n");
    }

    /// Why the answer ended.
    pub(super) fn finish(&self, out: &mut String, choice: u32, reason: &str) {
        self.open(out, choice);
        out.push_str("{},\"finish_reason\":\"");
        out.push_str(reason);
        out.push_str("\"}]}\n\n");
    }

    /// A chunk without choices: usage.
    pub(super) fn bare(&self, out: &mut String, field: &str, value: &Value) {
        out.push_str(&self.base);
        out.push_str(",\"choices\":[],\"");
        out.push_str(field);
        out.push_str("\":");
        frame::json(out, value);
        out.push_str("}\n\n");
    }

    fn open(&self, out: &mut String, choice: u32) {
        out.push_str(&self.head);
        out.push_str("{\"index\":");
        out.push_str(&choice.to_string());
        out.push_str(",\"delta\":");
    }
}

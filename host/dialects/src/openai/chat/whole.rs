//! An answer in one piece.

use serde_json::{Map, Value, json};
use types::{
    Error,
    neutral::{Content, Media, MediaSource},
};

use super::{annotation, finish_reason, new_id};
use crate::{
    Whole,
    answer::{Answer, Choice, arguments},
    clock, media,
    openai::{content::logprobs, usage},
};

/// The answer to a request without `stream`; `model` is the name that the client used. One without `Finished` is an
/// error: it was cut off.
pub fn whole(answer: Answer, model: &str) -> Result<Whole, Error> {
    let answer = answer.finished()?;
    let id = answer.started.id.unwrap_or_else(new_id);
    let choices: Vec<Value> = answer
        .choices
        .iter()
        .map(|(index, choice)| choice_json(*index, choice, &id))
        .collect();
    let mut json = json!({
        "id": id,
        "object": "chat.completion",
        "created": clock::now(),
        "model": model,
        "choices": choices,
    });
    if let Some(tier) = answer.started.service_tier {
        json["service_tier"] = tier.into();
    }
    if let Some(tokens) = &answer.usage {
        json["usage"] = usage::to_json(tokens);
    }
    Ok(Whole {
        body: json,
        warnings: answer.warnings,
    })
}

/// An image of an answer. OpenAI's own chat answers have none; this is the form that gateways agree on.
pub(super) fn image(image: &Media) -> Option<Value> {
    let url = media::to_url(image)?;
    Some(json!({ "type": "image_url", "image_url": { "url": url } }))
}

#[derive(Default)]
struct Said {
    content: Option<String>,
    refusal: Option<String>,
    reasoning: String,
    annotations: Vec<Value>,
    calls: Vec<Value>,
    images: Vec<Value>,
    audio: Option<String>,
    content_logprobs: Vec<Value>,
    refusal_logprobs: Vec<Value>,
}

fn choice_json(index: u32, choice: &Choice, id: &str) -> Value {
    let mut said = Said::default();
    for piece in &choice.parts {
        let tokens = || logprobs(&piece.logprobs);
        match &piece.part.content {
            Content::Text(text) => {
                said.content.get_or_insert_default().push_str(&text.text);
                said.annotations
                    .extend(text.citations.iter().filter_map(annotation));
                said.content_logprobs.extend(tokens());
            }
            Content::Refusal(text) => {
                said.refusal.get_or_insert_default().push_str(text);
                said.refusal_logprobs.extend(tokens());
            }
            Content::Reasoning(thought) => said.reasoning.push_str(&thought.text),
            Content::ToolCall(call) if !call.by_provider => said.calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": { "name": call.name, "arguments": arguments(&call.arguments) },
            })),
            Content::Image(it) => said.images.extend(image(it)),
            Content::Audio(sound) => {
                let audio = said.audio.get_or_insert_default();
                audio.push_str(&piece.sound);
                if let MediaSource::Bytes(bytes) = &sound.source {
                    audio.push_str(&media::base64(bytes));
                }
            }
            _ => {}
        }
    }
    let logprobs = said.logprobs();
    json!({
        "index": index,
        "message": said.message(id),
        "logprobs": logprobs,
        "finish_reason": finish_reason(&choice.reason()),
    })
}

impl Said {
    fn logprobs(&mut self) -> Value {
        if self.content_logprobs.is_empty() && self.refusal_logprobs.is_empty() {
            return Value::Null;
        }
        let list = |tokens: &mut Vec<Value>| match std::mem::take(tokens) {
            tokens if tokens.is_empty() => Value::Null,
            tokens => Value::Array(tokens),
        };
        json!({
            "content": list(&mut self.content_logprobs),
            "refusal": list(&mut self.refusal_logprobs),
        })
    }

    fn message(self, id: &str) -> Value {
        let nothing_else = self.calls.is_empty() && self.refusal.is_none() && self.audio.is_none();
        let content = match self.content {
            None if nothing_else => Some(String::new()),
            content => content,
        };
        let mut message = Map::new();
        message.insert("role".to_owned(), "assistant".into());
        message.insert("content".to_owned(), content.into());
        message.insert("refusal".to_owned(), self.refusal.into());
        if !self.reasoning.is_empty() {
            message.insert("reasoning_content".to_owned(), self.reasoning.into());
        }
        for (key, list) in [
            ("annotations", self.annotations),
            ("tool_calls", self.calls),
            ("images", self.images),
        ] {
            if !list.is_empty() {
                message.insert(key.to_owned(), list.into());
            }
        }
        if let Some(data) = self.audio {
            // How long the vendor keeps it is not known; it can't be referred to through us.
            let audio = json!({ "id": id, "data": data, "expires_at": 0, "transcript": "" });
            message.insert("audio".to_owned(), audio);
        }
        Value::Object(message)
    }
}

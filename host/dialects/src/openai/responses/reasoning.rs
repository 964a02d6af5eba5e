//! Reasoning items. One holds any number of thoughts; what their vendor must see again is in `encrypted_content`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use types::{
    Error,
    neutral::{Content, Part, Reasoning, ReasoningKind},
};

use crate::{field::Object, media::part, seal};

/// What `encrypted_content` says of a thought, in their order.
#[derive(Serialize, Deserialize)]
struct Thought {
    kind: ReasoningKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    /// What was signed: many clients echo no other texts than summaries, and a signature without its text is worthless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// The thoughts of an item that a client echoed.
pub(super) fn read(mut object: Object) -> Result<Vec<Part>, Error> {
    object.opt::<Value>("status")?;
    let item = object.clone().into_value();
    let mut summary = texts(&mut object, "summary")?.into_iter();
    let mut content = texts(&mut object, "content")?.into_iter();
    let encrypted: Option<String> = object.opt("encrypted_content")?;
    let mut parts = Vec::new();
    let sealed = encrypted.as_deref().and_then(seal::open);
    let sealed = sealed.and_then(|data| serde_json::from_str::<Vec<Thought>>(&data).ok());
    let is_own = encrypted.is_some() && sealed.is_none();
    for Thought { kind, data, text } in sealed.unwrap_or_default() {
        let shown = match kind {
            ReasoningKind::Full => content.next(),
            ReasoningKind::Summary => summary.next(),
            ReasoningKind::Redacted => None,
        };
        let text = text.or(shown).unwrap_or_default();
        if data.is_some() || !text.is_empty() {
            parts.push(thought(kind, text, data));
        }
    }
    parts.extend(summary.map(|text| thought(ReasoningKind::Summary, text, None)));
    parts.extend(content.map(|text| thought(ReasoningKind::Full, text, None)));
    if is_own {
        if parts.is_empty() {
            parts.push(thought(ReasoningKind::Redacted, String::new(), None));
        }
        // The vendor's own item: the last part has all of it, those before say that it goes on.
        let begins = beginning(&item["id"]).to_string();
        parts
            .iter_mut()
            .for_each(|part| part.provider_data = Some(begins.clone()));
        if let Some(last) = parts.last_mut() {
            last.provider_data = Some(item.to_string());
        }
    }
    Ok(parts)
}

/// What marks a part whose item goes on in the next one.
fn beginning(id: &Value) -> Value {
    json!({ "type": "reasoning", "id": id })
}

fn texts(object: &mut Object, key: &str) -> Result<Vec<String>, Error> {
    let list: Option<Vec<Object>> = object.opt(key)?;
    let list = list.unwrap_or_default().into_iter();
    list.map(|mut piece| piece.need("text")).collect()
}

fn thought(kind: ReasoningKind, text: String, provider_data: Option<String>) -> Part {
    Part {
        provider_data,
        ..part(Content::Reasoning(Reasoning { kind, text }))
    }
}

/// The item of these thoughts. A vendor's own item has another id, which is known too late: it is sealed as all others.
pub(super) fn item(parts: &[Part], id: &str) -> Value {
    let mut item = json!({ "id": id, "type": "reasoning", "summary": [] });
    let mut thoughts = Vec::new();
    for part in parts {
        let Content::Reasoning(Reasoning { kind, text }) = &part.content else {
            continue;
        };
        let (field, word) = match kind {
            ReasoningKind::Full => ("content", "reasoning_text"),
            ReasoningKind::Summary => ("summary", "summary_text"),
            ReasoningKind::Redacted => ("", ""),
        };
        if !field.is_empty() {
            if item[field].is_null() {
                item[field] = json!([]);
            }
            if let Some(texts) = item[field].as_array_mut() {
                texts.push(json!({ "type": word, "text": text }));
            }
        }
        thoughts.push(Thought {
            kind: *kind,
            data: part.provider_data.clone(),
            text: part.provider_data.is_some().then(|| text.clone()),
        });
    }
    if let Some(sealed) = sealed(&thoughts) {
        item["encrypted_content"] = sealed.into();
    }
    item
}

/// Plain texts say all by themselves.
fn sealed(thoughts: &[Thought]) -> Option<String> {
    let kind = thoughts.first()?.kind;
    let plain =
        |it: &Thought| it.data.is_none() && it.kind == kind && it.kind != ReasoningKind::Redacted;
    if thoughts.iter().all(plain) {
        return None;
    }
    let data = serde_json::to_string(thoughts).ok()?;
    Some(seal::close(&data))
}

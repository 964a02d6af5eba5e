//! Lists of models.

use serde_json::{Value, json};
use types::neutral::ModelInfo;

use crate::{Dialect, clock};

/// A model as clients address it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedModel {
    /// `plugin/model`, or the name of a route.
    pub id: String,
    /// Who serves it: a plugin's name, or whatever the host says for a route.
    pub owned_by: String,
    /// What its provider says about it, where it is known.
    pub info: Option<ModelInfo>,
}

impl Dialect {
    /// The answer to `GET /v1/models`: all of them, on one page.
    pub fn models(self, models: &[ListedModel]) -> Value {
        let data: Vec<Value> = models.iter().map(|model| self.model(model)).collect();
        match self {
            Self::OpenAi => json!({ "object": "list", "data": data }),
            Self::Anthropic => json!({
                "data": data,
                "has_more": false,
                "first_id": models.first().map(|m| &m.id),
                "last_id": models.last().map(|m| &m.id),
            }),
        }
    }

    /// The answer to `GET /v1/models/{id}`.
    pub fn model(self, model: &ListedModel) -> Value {
        let info = model.info.as_ref();
        // Both SDKs demand a date; Anthropic's says that an unknown one is the epoch.
        let created = info.and_then(|i| i.created).unwrap_or(0);
        match self {
            Self::OpenAi => json!({
                "id": model.id,
                "object": "model",
                "created": created,
                "owned_by": info.and_then(|i| i.owned_by.as_ref()).unwrap_or(&model.owned_by),
            }),
            Self::Anthropic => {
                let mut entry = json!({
                    "type": "model",
                    "id": model.id,
                    "display_name": info.and_then(|i| i.display_name.as_ref()).unwrap_or(&model.id),
                    "created_at": clock::rfc3339(created),
                    "lifecycle": info.and_then(lifecycle).unwrap_or_else(|| "active".to_owned()),
                });
                if let Some(tokens) = info.and_then(|i| i.max_input_tokens) {
                    entry["max_input_tokens"] = tokens.into();
                }
                if let Some(tokens) = info.and_then(|i| i.max_output_tokens) {
                    entry["max_tokens"] = tokens.into();
                }
                entry
            }
        }
    }
}

/// What a model's own vendor says of its end, in this dialect's words. A model that is listed can be called, if nobody says
/// otherwise.
fn lifecycle(info: &ModelInfo) -> Option<String> {
    let raw: Value = serde_json::from_str(info.raw.as_deref()?).ok()?;
    let stage = raw["lifecycle"].as_str()?;
    ["active", "deprecated", "retired"]
        .contains(&stage)
        .then(|| stage.to_owned())
}

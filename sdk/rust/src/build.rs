//! Short ways to make and read neutral types.

use crate::types::*;

impl ModelInfo {
    /// A model of which only the name is known.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            display_name: None,
            created: None,
            tasks: Vec::new(),
            max_input_tokens: None,
            max_output_tokens: None,
            owned_by: None,
            raw: None,
        }
    }
}

impl Message {
    /// The text parts of this message, joined by nothing.
    pub fn text(&self) -> String {
        self.parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Text(text) => Some(text.text.as_str()),
                _ => None,
            })
            .collect()
    }
}

impl Part {
    /// A part with neither cache mark nor provider data.
    pub fn new(content: Content) -> Self {
        Self {
            content,
            cache: None,
            provider_data: None,
        }
    }
}

impl Event {
    /// The answer has begun.
    pub fn started(id: Option<String>, model: Option<String>) -> Self {
        Self::Started(Started {
            id,
            model,
            service_tier: None,
        })
    }

    /// A part of the first choice begins.
    pub fn part_started(index: u32, kind: PartKind) -> Self {
        Self::PartStarted(PartStarted {
            choice: 0,
            index,
            kind,
        })
    }

    /// A part of the first choice grew by text.
    pub fn text(index: u32, text: impl Into<String>) -> Self {
        Self::PartDelta(PartDelta {
            choice: 0,
            index,
            delta: Delta::Text(text.into()),
        })
    }

    /// A part of the first choice is complete.
    pub fn part_ended(index: u32, provider_data: Option<String>) -> Self {
        Self::PartEnded(PartEnded {
            choice: 0,
            index,
            provider_data,
        })
    }

    /// The first choice is complete.
    pub fn finished(reason: FinishReason) -> Self {
        Self::Finished(Finished { choice: 0, reason })
    }

    /// Something was not honoured.
    pub fn warning(field: &str, message: impl Into<String>) -> Self {
        Self::Warning(Warning {
            field: field.into(),
            message: message.into(),
        })
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated")]
impl Default for Usage {
    fn default() -> Self {
        Self {
            input_tokens: None,
            cache_read_tokens: None,
            cache_write_tokens: None,
            cache_write_1h_tokens: None,
            input_audio_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
            output_audio_tokens: None,
            raw: None,
        }
    }
}

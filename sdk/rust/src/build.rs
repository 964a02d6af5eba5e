//! Short ways to make and read neutral types.

use crate::tensors;
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

impl GenerateRequest {
    /// Asks this model to go on with this conversation; everything else is the vendor's default.
    pub fn new(model: impl Into<String>, messages: Vec<Message>) -> Self {
        Self {
            model: model.into(),
            messages,
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            output: OutputFormat::Text,
            sampling: Sampling::default(),
            reasoning: None,
            verbosity: None,
            modalities: Vec::new(),
            service_tier: None,
            user: None,
            metadata: Vec::new(),
            stream: false,
            extensions: Vec::new(),
        }
    }
}

#[allow(clippy::derivable_impls, reason = "the type is generated")]
impl Default for Sampling {
    fn default() -> Self {
        Self {
            max_tokens: None,
            temperature: None,
            top_p: None,
            top_k: None,
            seed: None,
            frequency_penalty: None,
            presence_penalty: None,
            stop: Vec::new(),
            choices: None,
            logprobs: None,
        }
    }
}

impl Message {
    /// A message with neither name nor provider data.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            parts,
            name: None,
            provider_data: None,
        }
    }

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
    /// A part of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(Text {
            text: text.into(),
            citations: Vec::new(),
        }))
    }

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

#[allow(clippy::derivable_impls, reason = "the type is generated")]
impl Default for tensors::Sampling {
    fn default() -> Self {
        Self {
            max_tokens: None,
            temperature: None,
            top_p: None,
            top_k: None,
            seed: None,
            stop: Vec::new(),
        }
    }
}

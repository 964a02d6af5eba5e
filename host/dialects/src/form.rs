use serde_json::Value;
use types::Error;

use crate::{
    Answer, Encoder, Whole, anthropic,
    openai::{
        self,
        responses::{Settings, Turn},
    },
};

/// How the answer to a request is to be written.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// A chat completion.
    OpenAiChat {
        /// The stream tells the tokens at its end.
        include_usage: bool,
    },
    /// A response.
    OpenAiResponses(Box<Response>),
    /// A message.
    AnthropicMessages,
}

/// What a response repeats of its request, and what is stored beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The request's settings.
    pub settings: Settings,
    /// The items that it sent.
    pub input: Vec<Value>,
}

impl Form {
    /// Writes a streamed answer; `model` is the client's name of it.
    pub fn encoder(&self, model: &str) -> Box<dyn Encoder> {
        match self {
            Self::OpenAiChat { include_usage } => openai::chat::encoder(model, *include_usage),
            Self::OpenAiResponses(of) => openai::responses::encoder(&of.settings, model),
            Self::AnthropicMessages => anthropic::messages::encoder(model),
        }
    }

    /// Writes an answer in one piece.
    ///
    /// # Errors
    /// It did not finish.
    pub fn whole(&self, answer: Answer, model: &str) -> Result<Whole, Error> {
        match self {
            Self::OpenAiChat { .. } => openai::chat::whole(answer, model),
            Self::OpenAiResponses(of) => {
                openai::responses::whole(&of.settings, &of.input, answer, model)
                    .map(|(whole, _)| whole)
            }
            Self::AnthropicMessages => anthropic::messages::whole(answer, model),
        }
    }
}

impl From<Turn> for Response {
    fn from(turn: Turn) -> Self {
        Self {
            settings: turn.settings,
            input: turn.input,
        }
    }
}

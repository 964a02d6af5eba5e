use serde_json::Value;
use types::Error;

use crate::{
    Answer, Asked, Encoder, Whole, anthropic,
    openai::{
        self,
        responses::{Settings, Stored, Stream, Turn},
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
    /// What a response repeats of its request, where it is one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::OpenAiResponses(of) => Some(of),
            Self::OpenAiChat { .. } | Self::AnthropicMessages => None,
        }
    }

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

impl Response {
    /// What is to be stored of an answer that waits in the background; `model` is the client's name of it.
    pub fn queued(&self, model: &str) -> Stored {
        let mut stream = Stream::new(&self.settings, model);
        stream.queue(&mut Vec::new());
        stream.stored(&self.input)
    }
}

impl From<Turn> for Asked {
    fn from(turn: Turn) -> Self {
        let response = Response {
            settings: turn.settings,
            input: turn.input,
        };
        Self::Generate {
            request: turn.request,
            form: Form::OpenAiResponses(Box::new(response)),
        }
    }
}

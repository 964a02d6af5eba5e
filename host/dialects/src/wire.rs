//! The requests that clients may send, each in the words of its dialect.

use types::Error;
use types::neutral::{EmbedRequest, Embeddings, GenerateRequest, TokenCount};

use crate::native::Tap;
use crate::{Answer, Dialect, Encoder, Whole, anthropic, openai};

/// What a request asks for, and in which words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// An answer, by OpenAI's chat completions.
    OpenAiChat,
    /// Vectors, by OpenAI's embeddings.
    OpenAiEmbeddings,
    /// An answer, by Anthropic's messages.
    AnthropicMessages,
    /// Tokens of a request, by Anthropic's messages.
    AnthropicCountTokens,
}

/// What a client asked for, in the neutral form. The model is the client's name of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// An answer.
    Generate {
        /// The request; `stream` is what the client wants.
        request: GenerateRequest,
        /// The stream tells the tokens at its end.
        include_usage: bool,
    },
    /// Vectors.
    Embed {
        /// The request.
        request: EmbedRequest,
        /// As base64 of little-endian 32-bit floats.
        base64: bool,
    },
    /// The number of tokens that a request would be.
    Count(GenerateRequest),
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::OpenAiChat,
        Self::OpenAiEmbeddings,
        Self::AnthropicMessages,
        Self::AnthropicCountTokens,
    ];

    /// Its name in the contract; see `native.dialects` in `wit/provider.wit`.
    pub fn id(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiEmbeddings => "openai-embeddings",
            Self::AnthropicMessages => "anthropic-messages",
            Self::AnthropicCountTokens => "anthropic-count-tokens",
        }
    }

    /// Where clients `POST` it.
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenAiChat => "/v1/chat/completions",
            Self::OpenAiEmbeddings => "/v1/embeddings",
            Self::AnthropicMessages => "/v1/messages",
            Self::AnthropicCountTokens => "/v1/messages/count_tokens",
        }
    }

    /// Whose shapes its errors have.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::OpenAiChat | Self::OpenAiEmbeddings => Dialect::OpenAi,
            Self::AnthropicMessages | Self::AnthropicCountTokens => Dialect::Anthropic,
        }
    }

    /// A stream tells the tokens only where the request asks for that.
    pub fn asks_for_usage(self) -> bool {
        self == Self::OpenAiChat
    }

    /// Must a request be translated, even for a vendor of its own dialect? It has what only we can read.
    pub fn needs_translation(self, body: &[u8]) -> bool {
        self.dialect() == Dialect::Anthropic && anthropic::messages::has_seals(body)
    }

    /// Reads a request that was [scanned](crate::native::scan).
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(self, body: &[u8]) -> Result<Asked, Error> {
        Ok(match self {
            Self::OpenAiChat => {
                let (request, include_usage) = openai::chat::parse(body)?;
                Asked::Generate {
                    request,
                    include_usage,
                }
            }
            Self::OpenAiEmbeddings => {
                let (request, base64) = openai::embeddings::parse(body)?;
                Asked::Embed { request, base64 }
            }
            Self::AnthropicMessages => Asked::Generate {
                request: anthropic::messages::parse(body)?,
                include_usage: true,
            },
            Self::AnthropicCountTokens => Asked::Count(anthropic::messages::parse_count(body)?),
        })
    }

    /// Writes a streamed answer; `model` is the client's name of it.
    pub fn encoder(self, model: &str, include_usage: bool) -> Box<dyn Encoder> {
        match self.dialect() {
            Dialect::OpenAi => openai::chat::encoder(model, include_usage),
            Dialect::Anthropic => anthropic::messages::encoder(model),
        }
    }

    /// Writes an answer in one piece.
    ///
    /// # Errors
    /// It did not finish.
    pub fn whole(self, answer: Answer, model: &str) -> Result<Whole, Error> {
        match self.dialect() {
            Dialect::OpenAi => openai::chat::whole(answer, model),
            Dialect::Anthropic => anthropic::messages::whole(answer, model),
        }
    }

    /// Writes vectors.
    pub fn vectors(self, vectors: &Embeddings, model: &str, base64: bool) -> String {
        openai::embeddings::encode(model, vectors, base64)
    }

    /// Writes a number of tokens.
    pub fn count(self, count: &TokenCount) -> String {
        anthropic::messages::count(count).to_string()
    }

    /// Watches a vendor's own answer. `hide_usage`: the host asked for usage, the client did not.
    pub fn tap(self, stream: bool, hide_usage: bool) -> Tap {
        Tap::new(self.dialect(), stream, hide_usage)
    }
}

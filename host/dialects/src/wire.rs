//! The requests that clients may send, each in the words of its dialect.

use types::Error;
use types::neutral::{EmbedRequest, Embeddings, GenerateRequest, TokenCount};

use crate::field::at;
use crate::native::Tap;
use crate::openai::responses::{self, Past};
use crate::{Dialect, Form, anthropic, hosted, openai, seal};

/// What a request asks for, and in which words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// An answer, by OpenAI's chat completions.
    OpenAiChat,
    /// Vectors, by OpenAI's embeddings.
    OpenAiEmbeddings,
    /// An answer, by OpenAI's responses.
    OpenAiResponses,
    /// Tokens of a request, by OpenAI's responses.
    OpenAiInputTokens,
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
        /// How to write the answer.
        form: Form,
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
    pub const ALL: [Self; 6] = [
        Self::OpenAiChat,
        Self::OpenAiEmbeddings,
        Self::OpenAiResponses,
        Self::OpenAiInputTokens,
        Self::AnthropicMessages,
        Self::AnthropicCountTokens,
    ];

    /// Its name in the contract; see `native.dialects` in `wit/provider.wit`.
    pub fn id(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::OpenAiEmbeddings => "openai-embeddings",
            Self::OpenAiResponses => "openai-responses",
            Self::OpenAiInputTokens => "openai-input-tokens",
            Self::AnthropicMessages => "anthropic-messages",
            Self::AnthropicCountTokens => "anthropic-count-tokens",
        }
    }

    /// Where clients `POST` it.
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenAiChat => "/v1/chat/completions",
            Self::OpenAiEmbeddings => "/v1/embeddings",
            Self::OpenAiResponses => "/v1/responses",
            Self::OpenAiInputTokens => "/v1/responses/input_tokens",
            Self::AnthropicMessages => "/v1/messages",
            Self::AnthropicCountTokens => "/v1/messages/count_tokens",
        }
    }

    /// Whose shapes its errors have.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::OpenAiChat
            | Self::OpenAiEmbeddings
            | Self::OpenAiResponses
            | Self::OpenAiInputTokens => Dialect::OpenAi,
            Self::AnthropicMessages | Self::AnthropicCountTokens => Dialect::Anthropic,
        }
    }

    /// A stream tells the tokens only where the request asks for that.
    pub fn asks_for_usage(self) -> bool {
        self == Self::OpenAiChat
    }

    /// Do its clients send back what a vendor must see again of its thoughts?
    pub fn returns_thoughts(self) -> bool {
        self != Self::OpenAiChat
    }

    /// Must a request be translated, even for a vendor of its own dialect? It has what only we can read.
    pub fn needs_translation(self, body: &[u8]) -> bool {
        match self {
            Self::OpenAiEmbeddings => false,
            Self::OpenAiChat => hosted::may_be_in(body),
            Self::OpenAiResponses
            | Self::OpenAiInputTokens
            | Self::AnthropicMessages
            | Self::AnthropicCountTokens => seal::has_seals(body) || hosted::may_be_in(body),
        }
    }

    /// Reads a request that was [scanned](crate::native::scan) and refers to nothing that is stored; one that does is for
    /// [`responses::parse`].
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(self, body: &[u8]) -> Result<Asked, Error> {
        Ok(match self {
            Self::OpenAiChat => {
                let (request, include_usage) = openai::chat::parse(body)?;
                Asked::Generate {
                    request,
                    form: Form::OpenAiChat { include_usage },
                }
            }
            Self::OpenAiEmbeddings => {
                let (request, base64) = openai::embeddings::parse(body)?;
                Asked::Embed { request, base64 }
            }
            Self::OpenAiResponses => {
                let turn = responses::parse(body, &Past::default())?;
                if turn.settings.background {
                    return Err(at("background", "is for what stores answers: leave it out"));
                }
                if turn.settings.conversation.is_some() {
                    return Err(at(
                        "conversation",
                        "is not kept here: use `previous_response_id`",
                    ));
                }
                turn.into()
            }
            Self::OpenAiInputTokens => {
                Asked::Count(responses::parse_count(body, &Past::default())?)
            }
            Self::AnthropicMessages => Asked::Generate {
                request: anthropic::messages::parse(body)?,
                form: Form::AnthropicMessages,
            },
            Self::AnthropicCountTokens => Asked::Count(anthropic::messages::parse_count(body)?),
        })
    }

    /// May a request refer to answers that are kept?
    pub fn refers(self) -> bool {
        matches!(self, Self::OpenAiResponses | Self::OpenAiInputTokens)
    }

    /// Does it ask for a number of tokens only?
    pub fn counts(self) -> bool {
        matches!(self, Self::OpenAiInputTokens | Self::AnthropicCountTokens)
    }

    /// Takes what header fields ask for: `anthropic-beta`, which the body may have as `betas` too.
    pub fn take_headers(self, headers: &[(String, String)], request: &mut GenerateRequest) {
        if self.dialect() == Dialect::Anthropic {
            anthropic::messages::take_betas(headers, request);
        }
    }

    /// Writes vectors.
    pub fn vectors(self, vectors: &Embeddings, model: &str, base64: bool) -> String {
        openai::embeddings::encode(model, vectors, base64)
    }

    /// Writes a number of tokens.
    pub fn count(self, count: &TokenCount) -> String {
        match self.dialect() {
            Dialect::OpenAi => responses::count(count),
            Dialect::Anthropic => anthropic::messages::count(count),
        }
        .to_string()
    }

    /// Watches a vendor's own answer. `hide_usage`: the host asked for usage, the client did not.
    pub fn tap(self, stream: bool, hide_usage: bool) -> Tap {
        Tap::new(self, stream, hide_usage)
    }
}

//! The neutral form to and from what components see. Field by field, so that a change of `wit/types.wit` that the host
//! forgets does not compile.

use types::neutral;
use types::{ErrorCode, UpstreamError};

use types::tool;

use crate::bindings::prompts::exports::evenhand::plugin::prompts as wit_prompts;
use crate::bindings::tool::exports::evenhand::plugin::tools as wit_tools;
use crate::bindings::{sql as wit_sql, tool_host, tool_types, wit};

/// Takes a value to the other side.
pub(crate) trait Cross<To> {
    fn cross(self) -> To;
}

impl<A: Cross<B>, B> Cross<Option<B>> for Option<A> {
    fn cross(self) -> Option<B> {
        self.map(A::cross)
    }
}

impl<A: Cross<B>, B> Cross<Vec<B>> for Vec<A> {
    fn cross(self) -> Vec<B> {
        self.into_iter().map(A::cross).collect()
    }
}

impl<A: Cross<C>, B: Cross<D>, C, D> Cross<(C, D)> for (A, B) {
    fn cross(self) -> (C, D) {
        (self.0.cross(), self.1.cross())
    }
}

macro_rules! same {
    ($($t:ty)*) => { $(impl Cross<$t> for $t { fn cross(self) -> $t { self } })* };
}
same!(String bool u8 u16 u32 u64 i64 f32 f64);

macro_rules! record {
    ($from:ident => $to:ident: $($name:ident { $($field:ident)* })*) => { $(
        impl Cross<$to::$name> for $from::$name {
            fn cross(self) -> $to::$name {
                let $from::$name { $($field),* } = self;
                $to::$name { $($field: $field.cross()),* }
            }
        }
    )* };
}

macro_rules! variant {
    ($from:ident => $to:ident: $($name:ident { $($plain:ident)* ; $($full:ident)* })*) => { $(
        impl Cross<$to::$name> for $from::$name {
            fn cross(self) -> $to::$name {
                match self {
                    $($from::$name::$plain => $to::$name::$plain,)*
                    $($from::$name::$full(value) => $to::$name::$full(value.cross()),)*
                }
            }
        }
    )* };
}

// What messages are made of crosses both ways.
macro_rules! content {
    ($from:ident => $to:ident) => {
        record! { $from => $to:
            CacheMark { ttl_seconds }
            Media { source media_type name context detail cite }
            Citation { url title cited_text start end location_unit document provider_data }
            Text { text citations }
            Reasoning { kind text }
            ToolCall { id name arguments by_provider }
            ToolResult { call_id name content is_error by_provider }
            Source { location title passages cite }
            Part { content cache provider_data }
            Message { role parts name provider_data }
        }
        variant! { $from => $to:
            Role { System Developer User Assistant Tool; }
            MediaSource { ; Bytes Url FileId }
            ReasoningKind { Full Summary Redacted; }
            ResultContent { ; Text Image File Source }
            Content { ; Text Image Audio File Reasoning Refusal ToolCall ToolResult Source Other }
        }
    };
}
content!(neutral => wit);
content!(wit => neutral);

record! { neutral => wit:
    FunctionTool { name description parameters strict cache provider_data }
    ProviderTool { kind dialect definition }
    OutputSchema { name description schema strict }
    ReasoningOptions { enabled effort budget_tokens display }
    Sampling { max_tokens temperature top_p top_k seed frequency_penalty presence_penalty stop choices logprobs }
    Extension { dialect fields }
    GenerateRequest {
        model messages tools tool_choice parallel_tool_calls output sampling reasoning verbosity modalities
        service_tier user metadata stream extensions
    }
    EmbedRequest { model input dimensions user extensions }
}
variant! { neutral => wit:
    Tool { ; Function Provider }
    ToolChoice { Auto None Required; Tool Allowed }
    OutputFormat { Text Json; JsonSchema }
    EmbedInput { ; Texts Tokens }
}

record! { wit => neutral:
    Usage {
        input_tokens cache_read_tokens cache_write_tokens cache_write_1h_tokens input_audio_tokens output_tokens
        reasoning_tokens output_audio_tokens raw
    }
    Warning { field message }
    Started { id model service_tier }
    ToolCallStart { id name by_provider }
    PartStarted { choice index kind }
    TokenLogprob { token logprob bytes top }
    PartDelta { choice index delta }
    PartEnded { choice index provider_data }
    WholePart { choice index part }
    Finished { choice reason }
    Embeddings { model vectors usage warnings }
    TokenCount { input_tokens approximate }
    ModelInfo { id display_name created tasks max_input_tokens max_output_tokens owned_by raw }
}
variant! { wit => neutral:
    PartKind { Text Refusal; Reasoning ToolCall Audio }
    Delta { ; Text Citation Logprobs }
    FinishReason { Stop Length ContextFull ToolCalls ContentFilter Refusal Paused; StopSequence Other }
    Event { ; Started PartStarted PartDelta PartEnded Part Warning Usage Finished }
    Task { Generate Embed; }
}

// Tools: what components say.
record! { tool_types => tool:
    ResourceInfo { uri name title description media_type size }
    ResourceContents { uri media_type data }
}
variant! { tool_types => tool:
    ResourceData { ; Text Bytes }
    ToolContent { ; Text Image Audio Link Resource }
}
record! { wit_tools => tool:
    ToolInfo { name title description input_schema output_schema read_only destructive idempotent open_world }
    CallResult { content structured is_error }
}
record! { wit_prompts => tool:
    PromptArgument { name description required }
    PromptInfo { name title description arguments }
    PromptMessage { role content }
    FilledPrompt { description messages }
}
record! { tool_host => tool:
    SampleRequest { messages system max_tokens temperature stop }
}
// And what they are told.
record! { tool => tool_host:
    Sampled { message model stop_reason }
}
variant! { tool => tool_host:
    Elicited { Declined Cancelled; Accepted }
}
impl Cross<wit_sql::Answer> for tool::SqlAnswer {
    fn cross(self) -> wit_sql::Answer {
        let Self {
            columns,
            rows,
            affected,
            truncated,
        } = self;
        wit_sql::Answer {
            columns,
            rows,
            affected,
            truncated,
        }
    }
}

/// An error of a component, to the host's; the caller names the plugin.
pub(crate) fn error_out(error: wit::Error) -> types::Error {
    let code = match error.code {
        wit::ErrorCode::BadRequest => ErrorCode::BadRequest,
        wit::ErrorCode::Unauthorised => ErrorCode::Unauthorised,
        wit::ErrorCode::Forbidden => ErrorCode::Forbidden,
        wit::ErrorCode::NotFound => ErrorCode::NotFound,
        wit::ErrorCode::TooLarge => ErrorCode::TooLarge,
        wit::ErrorCode::RateLimited => ErrorCode::RateLimited,
        wit::ErrorCode::Overloaded => ErrorCode::Overloaded,
        wit::ErrorCode::TimedOut => ErrorCode::TimedOut,
        wit::ErrorCode::RefusedByPolicy => ErrorCode::RefusedByPolicy,
        wit::ErrorCode::Unsupported => ErrorCode::Unsupported,
        wit::ErrorCode::Upstream => ErrorCode::Upstream,
        wit::ErrorCode::Cancelled => ErrorCode::Cancelled,
        // A plugin that fails by its own account is to clients what one that traps is.
        wit::ErrorCode::Internal => ErrorCode::PluginFailed,
    };
    types::Error {
        code,
        message: cut(error.message, ERROR_MESSAGE),
        param: error.param.map(|param| cut(param, ERROR_MESSAGE)),
        retry_after_ms: error.retry_after_ms,
        upstream: error.upstream.map(|u| UpstreamError {
            status: u.status,
            body: cut(u.body, ERROR_BODY),
        }),
        plugin: None,
    }
}

/// Most bytes of an error's message, and of what the vendor said: they go to logs and clients.
const ERROR_MESSAGE: usize = 4 * 1024;
const ERROR_BODY: usize = 256 * 1024;

fn cut(mut text: String, limit: usize) -> String {
    text.truncate(text.floor_char_boundary(limit));
    text
}

/// An error of the host, to a component.
pub(crate) fn error_in(error: types::Error) -> wit::Error {
    let code = match error.code {
        // The contract has no conflict: sessions are the host's own.
        ErrorCode::BadRequest | ErrorCode::Conflict => wit::ErrorCode::BadRequest,
        ErrorCode::Unauthorised => wit::ErrorCode::Unauthorised,
        ErrorCode::Forbidden => wit::ErrorCode::Forbidden,
        ErrorCode::NotFound => wit::ErrorCode::NotFound,
        ErrorCode::TooLarge => wit::ErrorCode::TooLarge,
        ErrorCode::RateLimited => wit::ErrorCode::RateLimited,
        ErrorCode::Overloaded => wit::ErrorCode::Overloaded,
        ErrorCode::TimedOut => wit::ErrorCode::TimedOut,
        ErrorCode::RefusedByPolicy => wit::ErrorCode::RefusedByPolicy,
        ErrorCode::Unsupported => wit::ErrorCode::Unsupported,
        ErrorCode::Upstream => wit::ErrorCode::Upstream,
        ErrorCode::Cancelled => wit::ErrorCode::Cancelled,
        ErrorCode::PluginFailed | ErrorCode::Internal => wit::ErrorCode::Internal,
    };
    wit::Error {
        code,
        message: error.message,
        param: error.param,
        retry_after_ms: error.retry_after_ms,
        upstream: error.upstream.map(|u| wit::UpstreamError {
            status: u.status,
            body: u.body,
        }),
    }
}

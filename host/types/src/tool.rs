//! Tools, resources and prompts. It mirrors `wit/tool.wit` field by field.

use serde::{Deserialize, Serialize};

use crate::neutral::{Media, Message, Role};

/// What a tool is, and how it may be treated.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolInfo {
    /// Name, unique in the component.
    pub name: String,
    /// For people.
    pub title: Option<String>,
    /// For the model.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments, an object.
    pub input_schema: String,
    /// JSON Schema of the structured result.
    pub output_schema: Option<String>,
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy something.
    pub destructive: bool,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Reaches things outside the host's world.
    pub open_world: bool,
}

/// Something to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceInfo {
    /// Its URI, or a URI template.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// Its title, for people.
    pub title: Option<String>,
    /// What is in it, for the model.
    pub description: Option<String>,
    /// IANA media type; absent where it is not known.
    pub media_type: Option<String>,
    /// Bytes; absent where it is not known.
    pub size: Option<u64>,
}

/// Text or bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ResourceData {
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(#[serde(with = "crate::neutral::base64_text")] Vec<u8>),
}

/// What is in a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceContents {
    /// Its URI.
    pub uri: String,
    /// IANA media type; absent where it is not known.
    pub media_type: Option<String>,
    /// Text or bytes.
    pub data: ResourceData,
}

/// A piece of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToolContent {
    /// Text.
    Text(String),
    /// An image, with its bytes.
    Image(Media),
    /// A sound, with its bytes.
    Audio(Media),
    /// A link to a resource.
    Link(ResourceInfo),
    /// A resource's contents.
    Resource(ResourceContents),
}

/// What a call gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallResult {
    /// For the model.
    pub content: Vec<ToolContent>,
    /// JSON object that fits the tool's `output_schema`.
    pub structured: Option<String>,
    /// The tool failed, and `content` says how, so that the model may correct itself.
    pub is_error: bool,
}

impl CallResult {
    /// A failure that the model may correct.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            content: vec![ToolContent::Text(message.into())],
            structured: None,
            is_error: true,
        }
    }
}

/// What a prompt needs.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptArgument {
    /// Its name, unique in the prompt.
    pub name: String,
    /// What to fill in, for people.
    pub description: Option<String>,
    /// The prompt makes no sense without it.
    pub required: bool,
}

/// A prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptInfo {
    /// Its name, unique in the component.
    pub name: String,
    /// Its title, for people.
    pub title: Option<String>,
    /// What it is for, for people.
    pub description: Option<String>,
    /// What it needs.
    pub arguments: Vec<PromptArgument>,
}

/// A message of a prompt that was filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptMessage {
    /// `User` or `Assistant`.
    pub role: Role,
    /// What is said.
    pub content: ToolContent,
}

/// A prompt that was filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct FilledPrompt {
    /// What it is for.
    pub description: Option<String>,
    /// The messages.
    pub messages: Vec<PromptMessage>,
}

/// What an argument is of, that somebody types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A prompt, by name.
    Prompt(String),
    /// A resource template, by URI.
    Resource(String),
}

/// How much a notice matters, after RFC 5424.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "as in the RFC")]
pub enum NoticeLevel {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

/// A person's answer to a tool's question.
#[derive(Debug, Clone, PartialEq)]
pub enum Elicited {
    /// A JSON object that fits the schema.
    Accepted(String),
    /// They said no.
    Declined,
    /// They went away.
    Cancelled,
}

/// What a tool asks a model.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRequest {
    /// The conversation.
    pub messages: Vec<Message>,
    /// Instructions.
    pub system: Option<String>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// 0 is greedy; absent: the model's default.
    pub temperature: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
}

/// What the model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The answer.
    pub message: Message,
    /// The model that gave it.
    pub model: String,
    /// Why it ended, such as `endTurn`.
    pub stop_reason: Option<String>,
}

/// What a database gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlAnswer {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, each a JSON array with a value for each column.
    pub rows: Vec<String>,
    /// Rows that were changed.
    pub affected: u64,
    /// There were more rows than are given.
    pub truncated: bool,
}

//! What messages are made of. Parts can be written down (serde): a stored answer keeps what its client's dialect has no
//! field for.

use serde::{Deserialize, Serialize};

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions of the operator of a conversation, anywhere in it.
    System,
    /// Instructions of the application, where a vendor tells them apart; else treat as `system`.
    Developer,
    /// The person or program that asks.
    User,
    /// The model.
    Assistant,
    /// Results of tools: every part is a `tool-result`. Parallel results share one message.
    Tool,
}

/// Marks the end of a prefix that the vendor may cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheMark {
    /// How long, in seconds; absent: the vendor's default. Known values: 300 and 3600.
    pub ttl_seconds: Option<u32>,
}

/// Where the bytes of a medium are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MediaSource {
    /// The bytes themselves.
    Bytes(#[serde(with = "base64_text")] Vec<u8>),
    /// An `http` or `https` URL that the vendor fetches.
    Url(String),
    /// The name of a file that the client uploaded to this vendor.
    FileId(String),
}

/// An image, a sound or a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Where the bytes are.
    pub source: MediaSource,
    /// IANA media type, such as `image/png`; absent where it is not known (a URL).
    pub media_type: Option<String>,
    /// A file name or title.
    pub name: Option<String>,
    /// What the document is about, for the model, not to be cited.
    pub context: Option<String>,
    /// Resolution that the model should look at: `low`, `high`, `auto` or a vendor's word.
    pub detail: Option<String>,
    /// Ask the model to cite passages of this document.
    pub cite: bool,
}

/// A passage that supports a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// The address of the source, where it has one.
    pub url: Option<String>,
    /// The title of the source.
    pub title: Option<String>,
    /// The passage in the source's own words.
    pub cited_text: Option<String>,
    /// Where in the source, or in the request's documents: the unit is `location-unit`.
    pub start: Option<u64>,
    /// End, exclusive.
    pub end: Option<u64>,
    /// `char`, `page`, `block` or a vendor's word; absent: `start` and `end` count characters of the
    /// text that is supported.
    pub location_unit: Option<String>,
    /// Index of the document among the request's documents.
    pub document: Option<u32>,
    /// What only the issuing vendor understands.
    pub provider_data: Option<String>,
}

/// Text, and what supports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Its sources.
    pub citations: Vec<Citation>,
}

/// What a reasoning part shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReasoningKind {
    /// The model's own words.
    Full,
    /// A summary of them.
    Summary,
    /// Hidden by the vendor; all that matters is in `provider-data`.
    Redacted,
}

/// What the model thought before it answered. Signatures and encrypted forms travel in the part's
/// `provider-data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reasoning {
    /// What is shown.
    pub kind: ReasoningKind,
    /// The text, possibly empty.
    pub text: String,
}

/// The model asks for a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Id that the result refers to; unique in a conversation.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as the model wrote them. Normally a JSON object; may be cut off or malformed, then it
    /// is passed on as it is. Never empty: no arguments are `{}`.
    pub arguments: String,
    /// The vendor ran the tool itself: the client need not answer.
    pub by_provider: bool,
}

/// One piece of a tool's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ResultContent {
    /// Text, or JSON as text.
    Text(String),
    /// An image.
    Image(Media),
    /// A document.
    File(Media),
    /// A search result that may be cited.
    Source(Source),
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: String,
    /// The name of the tool, where it is known.
    pub name: Option<String>,
    /// What it answered; may be empty.
    pub content: Vec<ResultContent>,
    /// The tool failed and `content` says how.
    pub is_error: bool,
    /// The vendor ran the tool itself.
    pub by_provider: bool,
}

/// A search result, given to the model or found by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Address or name.
    pub location: String,
    /// Title.
    pub title: Option<String>,
    /// Its text, in passages.
    pub passages: Vec<String>,
    /// Ask the model to cite it.
    pub cite: bool,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// Text.
    Text(Text),
    /// An image.
    Image(Media),
    /// A sound.
    Audio(Media),
    /// A document.
    File(Media),
    /// Reasoning.
    Reasoning(Reasoning),
    /// The model refuses, and says so.
    Refusal(String),
    /// The model asks for a tool.
    ToolCall(ToolCall),
    /// A tool answered.
    ToolResult(ToolResult),
    /// A source of the answer or of the question.
    Source(Source),
    /// A vendor's own item that no other vendor has; its JSON is in `provider-data`. The text names its type.
    Other(String),
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// A cached prefix ends here.
    pub cache: Option<CacheMark>,
    /// Whatever this vendor needs to see again. It returns to the plugin that issued it, for the same key, and to no
    /// other: a plugin never sees another's. Must parse as JSON.
    pub provider_data: Option<String>,
}

/// A turn of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
    /// A name that tells speakers of one role apart.
    pub name: Option<String>,
    /// As for a part.
    pub provider_data: Option<String>,
}

impl Part {
    /// A part of this, and nothing beside.
    pub fn new(content: Content) -> Self {
        Self {
            content,
            cache: None,
            provider_data: None,
        }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(Text {
            text: text.into(),
            citations: Vec::new(),
        }))
    }
}

impl Message {
    /// A message of these parts.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            parts,
            name: None,
            provider_data: None,
        }
    }
}

impl Content {
    /// About how many bytes it is.
    pub fn size(&self) -> usize {
        let source = |source: &Source| source.passages.iter().map(String::len).sum::<usize>();
        match self {
            Self::Text(text) => text.text.len(),
            Self::Image(media) | Self::Audio(media) | Self::File(media) => media.size(),
            Self::Reasoning(reasoning) => reasoning.text.len(),
            Self::Refusal(text) | Self::Other(text) => text.len(),
            Self::ToolCall(call) => call.name.len() + call.arguments.len(),
            Self::ToolResult(result) => {
                let sizes = result.content.iter().map(|content| match content {
                    ResultContent::Text(text) => text.len(),
                    ResultContent::Image(media) | ResultContent::File(media) => media.size(),
                    ResultContent::Source(found) => source(found),
                });
                sizes.sum()
            }
            Self::Source(found) => source(found),
        }
    }
}

impl Media {
    fn size(&self) -> usize {
        match &self.source {
            MediaSource::Bytes(bytes) => bytes.len(),
            MediaSource::Url(text) | MediaSource::FileId(text) => text.len(),
        }
    }
}

/// Bytes as base64: a list of numbers would be four times as long.
pub(crate) mod base64_text {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

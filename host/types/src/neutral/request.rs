//! What a client asks for, and answers that come whole.

use super::{CacheMark, Message, Usage, Warning};

/// A tool that the client runs.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionTool {
    /// Its name, as the client wrote it: a plugin renames where its vendor refuses it, and back.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// JSON Schema of the arguments; absent: an object without properties.
    pub parameters: Option<String>,
    /// The model must keep to the schema.
    pub strict: Option<bool>,
    /// A cached prefix ends here.
    pub cache: Option<CacheMark>,
    /// As for a part.
    pub provider_data: Option<String>,
}

/// A tool that the vendor runs, such as a web search.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderTool {
    /// Its type, in the words of the client's dialect.
    pub kind: String,
    /// The dialect whose words these are.
    pub dialect: String,
    /// The tool as the client wrote it, a JSON object.
    pub definition: String,
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    /// Run by the client (or by the host for it).
    Function(FunctionTool),
    /// Run by the vendor. A plugin whose vendor lacks it answers `bad-request` with its name.
    Provider(ProviderTool),
}

/// Which tools the model may or must call.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// Some tool.
    Required,
    /// This one.
    Tool(String),
    /// One of these, or none.
    Allowed(Vec<String>),
}

/// A schema that the answer must fit.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSchema {
    /// A name for it.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// JSON Schema.
    pub schema: String,
    /// The vendor must enforce it.
    pub strict: Option<bool>,
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputFormat {
    /// Text.
    Text,
    /// Some JSON object.
    Json,
    /// JSON that fits a schema.
    JsonSchema(OutputSchema),
}

/// How much the model should think.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReasoningOptions {
    /// `false`: not at all. Absent: the vendor's default.
    pub enabled: Option<bool>,
    /// `none`, `minimal`, `low`, `medium`, `high`, `max` or a vendor's word.
    pub effort: Option<String>,
    /// Most tokens to think with.
    pub budget_tokens: Option<u32>,
    /// How to show it: `auto`, `concise`, `detailed`, `summarized`, `omitted` or a vendor's word.
    pub display: Option<String>,
}

/// How tokens are chosen. Absent: the vendor's default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// Most tokens to answer with.
    pub max_tokens: Option<u32>,
    /// 0 to 2, or what the vendor allows.
    pub temperature: Option<f64>,
    /// Nucleus, 0 to 1.
    pub top_p: Option<f64>,
    /// Most candidates for a token.
    pub top_k: Option<u32>,
    /// For repeatable answers.
    pub seed: Option<i64>,
    /// −2 to 2.
    pub frequency_penalty: Option<f64>,
    /// −2 to 2.
    pub presence_penalty: Option<f64>,
    /// Texts that end the answer and are not part of it.
    pub stop: Vec<String>,
    /// How many answers; absent: 1.
    pub choices: Option<u32>,
    /// Log-probabilities of the tokens, and of how many others.
    pub logprobs: Option<u32>,
}

/// Fields of the client's request that the neutral form has no place for.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// The dialect whose words these are, such as `openai-chat`.
    pub dialect: String,
    /// A JSON object of them, as the client wrote them.
    pub fields: String,
}

/// Asks for an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateRequest {
    /// The vendor's name of the model.
    pub model: String,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The tools.
    pub tools: Vec<Tool>,
    /// Which of them.
    pub tool_choice: Option<ToolChoice>,
    /// Several calls in one turn; absent: the vendor's default.
    pub parallel_tool_calls: Option<bool>,
    /// The form of the answer.
    pub output: OutputFormat,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// How much to think.
    pub reasoning: Option<ReasoningOptions>,
    /// `low`, `medium` or `high`: how long the answer should be.
    pub verbosity: Option<String>,
    /// Media of the answer beside text, such as `audio`.
    pub modalities: Vec<String>,
    /// `auto`, `default`, `flex`, `priority` or a vendor's word.
    pub service_tier: Option<String>,
    /// Whom the client asks for, for the vendor's abuse checks.
    pub user: Option<String>,
    /// Labels for the vendor's records.
    pub metadata: Vec<(String, String)>,
    /// The client reads the answer as it comes. A hint: the events are the same.
    pub stream: bool,
    /// What else the client asked for.
    pub extensions: Vec<Extension>,
}

/// What to embed.
#[derive(Debug, Clone, PartialEq)]
pub enum EmbedInput {
    /// Texts.
    Texts(Vec<String>),
    /// Texts as token numbers of the model's own tokenizer.
    Tokens(Vec<Vec<u32>>),
}

/// Asks for embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedRequest {
    /// The vendor's name of the model.
    pub model: String,
    /// What to embed, answered in order.
    pub input: EmbedInput,
    /// Length of the vectors, where the model can shorten them.
    pub dimensions: Option<u32>,
    /// Whom the client asks for.
    pub user: Option<String>,
    /// What else the client asked for.
    pub extensions: Vec<Extension>,
}

/// Embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// The model that answered.
    pub model: Option<String>,
    /// A vector for each input, in order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens.
    pub usage: Usage,
    /// What was not honoured.
    pub warnings: Vec<Warning>,
}

/// How many tokens a request would be.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenCount {
    /// Tokens of the request.
    pub input_tokens: u64,
    /// It is an estimate.
    pub approximate: bool,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// `generate`.
    Generate,
    /// `embed`.
    Embed,
}

/// A model that a provider serves.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// The vendor's name.
    pub id: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// When it was published: seconds since 1970, UTC.
    pub created: Option<u64>,
    /// What it is for; empty: unknown.
    pub tasks: Vec<Task>,
    /// Most tokens of a request.
    pub max_input_tokens: Option<u64>,
    /// Most tokens of an answer.
    pub max_output_tokens: Option<u64>,
    /// Who owns it, in the vendor's words.
    pub owned_by: Option<String>,
    /// The vendor's own entry, where it says more.
    pub raw: Option<String>,
}

impl GenerateRequest {
    /// A conversation, and nothing else asked for. The model is for whoever routes it to name.
    pub fn new(messages: Vec<Message>) -> Self {
        Self {
            model: String::new(),
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

    /// About how many bytes it is: of its texts, media and tools.
    pub fn size(&self) -> usize {
        let data = |data: &Option<String>| data.as_ref().map_or(0, String::len);
        let parts = self.messages.iter().flat_map(|message| &message.parts);
        let parts = parts.map(|part| part.content.size() + data(&part.provider_data));
        let tools = self.tools.iter().map(|tool| match tool {
            Tool::Function(tool) => {
                tool.name.len() + data(&tool.description) + data(&tool.parameters)
            }
            Tool::Provider(tool) => tool.definition.len(),
        });
        let output = match &self.output {
            OutputFormat::JsonSchema(schema) => schema.schema.len(),
            OutputFormat::Text | OutputFormat::Json => 0,
        };
        let extensions = self.extensions.iter().map(|more| more.fields.len());
        parts.chain(tools).chain(extensions).sum::<usize>() + output
    }
}

impl EmbedRequest {
    /// About how many bytes it is.
    pub fn size(&self) -> usize {
        match &self.input {
            EmbedInput::Texts(texts) => texts.iter().map(String::len).sum(),
            EmbedInput::Tokens(tokens) => tokens.iter().map(|text| size_of_val(&text[..])).sum(),
        }
    }
}

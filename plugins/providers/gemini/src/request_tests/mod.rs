use super::*;
use crate::parts::MADE_UP;

mod conversation;
mod settings;
mod thinking;

/// A model of Gemini 3.
const MODEL: &str = "gemini-3-flash";
/// A model before it.
const EARLIER: &str = "gemini-2.5-flash";

fn ask(messages: Vec<Message>) -> GenerateRequest {
    GenerateRequest::new(MODEL, messages)
}

fn says(role: Role, text: &str) -> Message {
    Message::new(role, vec![Part::text(text)])
}

fn user(text: &str) -> Message {
    says(Role::User, text)
}

fn ours(content: Content, data: Value) -> Part {
    Part {
        provider_data: Some(data.to_string()),
        ..Part::new(content)
    }
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        by_provider: false,
    }))
}

fn signed(part: Part, signature: &str) -> Part {
    Part {
        provider_data: Some(json!({"thoughtSignature": signature}).to_string()),
        ..part
    }
}

fn result(call_id: &str, content: Vec<ResultContent>) -> ToolResult {
    ToolResult {
        call_id: call_id.into(),
        name: None,
        content,
        is_error: false,
        by_provider: false,
    }
}

fn told(call_id: &str, text: &str) -> Message {
    let content = vec![ResultContent::Text(text.into())];
    Message::new(
        Role::Tool,
        vec![Part::new(Content::ToolResult(result(call_id, content)))],
    )
}

fn image() -> Media {
    Media {
        source: MediaSource::Bytes(vec![1, 2, 3]),
        media_type: Some("image/png".into()),
        name: None,
        context: None,
        detail: None,
        cite: false,
    }
}

fn function(name: &str) -> FunctionTool {
    FunctionTool {
        name: name.into(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
        provider_data: None,
    }
}

fn with(request: &GenerateRequest, config: &str) -> (Value, Vec<String>) {
    let translated = translate(request, &serde_json::from_str(config).unwrap()).unwrap();
    let fields = translated.warnings.fields().map(str::to_owned).collect();
    (translated.body, fields)
}

fn sent(request: &GenerateRequest) -> (Value, Vec<String>) {
    with(request, "{}")
}

fn refused(request: &GenerateRequest) -> Error {
    let config = serde_json::from_str("{}").unwrap();
    translate(request, &config).err().unwrap()
}

use super::*;

mod conversation;
mod settings;
mod tools;

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn ask(messages: Vec<Message>) -> GenerateRequest {
    GenerateRequest::new(CLAUDE, messages)
}

fn user(text: &str) -> Message {
    says(Role::User, text)
}

fn says(role: Role, text: &str) -> Message {
    Message::new(role, vec![Part::text(text)])
}

fn marked(mut part: Part, ttl_seconds: Option<u32>) -> Part {
    part.cache = Some(CacheMark { ttl_seconds });
    part
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

fn result(call_id: &str, content: Vec<ResultContent>) -> ToolResult {
    ToolResult {
        call_id: call_id.into(),
        name: None,
        content,
        is_error: false,
        by_provider: false,
    }
}

fn result_text(call_id: &str, text: &str) -> Message {
    let content = vec![ResultContent::Text(text.into())];
    Message::new(
        Role::Tool,
        vec![Part::new(Content::ToolResult(result(call_id, content)))],
    )
}

fn reasoning(text: &str, kind: ReasoningKind) -> Content {
    Content::Reasoning(Reasoning {
        kind,
        text: text.into(),
    })
}

fn media(bytes: &[u8], media_type: &str) -> Media {
    Media {
        source: MediaSource::Bytes(bytes.to_vec()),
        media_type: Some(media_type.into()),
        name: None,
        context: None,
        detail: None,
        cite: false,
    }
}

fn function(name: &str) -> Tool {
    Tool::Function(FunctionTool {
        name: name.into(),
        description: None,
        parameters: None,
        strict: None,
        cache: None,
        provider_data: None,
    })
}

fn extension(dialect: &str, fields: Value) -> Extension {
    Extension {
        dialect: dialect.into(),
        fields: fields.to_string(),
    }
}

fn with(request: &GenerateRequest, config: &str) -> (Value, Expected) {
    let config = serde_json::from_str(config).unwrap();
    let translated = translate(request, &config).unwrap();
    (translated.body, translated.answer)
}

fn fields(expected: &Expected) -> Vec<&str> {
    expected.warnings.fields().collect()
}

fn sent(request: &GenerateRequest) -> (Value, Vec<String>) {
    let (body, expected) = with(request, "{}");
    let fields = expected.warnings.fields();
    (body, fields.map(str::to_owned).collect())
}

fn refused(request: &GenerateRequest) -> Error {
    translate(request, &serde_json::from_str("{}").unwrap()).unwrap_err()
}

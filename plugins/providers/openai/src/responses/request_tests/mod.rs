use super::*;

mod conversation;
mod settings;

fn ask(messages: Vec<Message>) -> GenerateRequest {
    GenerateRequest::new("m", messages)
}

fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text)])
}

fn model(parts: Vec<Part>) -> Message {
    Message::new(Role::Assistant, parts)
}

fn ours(content: Content, data: &Value) -> Part {
    Part {
        provider_data: Some(data.to_string()),
        ..Part::new(content)
    }
}

fn call(id: &str, name: &str, arguments: &str) -> Content {
    Content::ToolCall(ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        by_provider: false,
    })
}

fn result(call_id: &str, content: Vec<ResultContent>) -> Content {
    Content::ToolResult(ToolResult {
        call_id: call_id.into(),
        name: None,
        content,
        is_error: false,
        by_provider: false,
    })
}

fn thought(kind: ReasoningKind, text: &str) -> Content {
    Content::Reasoning(Reasoning {
        kind,
        text: text.into(),
    })
}

fn media(source: MediaSource, media_type: &str) -> Media {
    Media {
        source,
        media_type: Some(media_type.into()),
        name: Some("T".into()),
        context: None,
        detail: None,
        cite: false,
    }
}

fn extension(dialect: &str, fields: &Value) -> Extension {
    Extension {
        dialect: dialect.into(),
        fields: fields.to_string(),
    }
}

/// The body, and the fields that were warned of.
fn sent(request: &GenerateRequest) -> (Value, Vec<String>) {
    let translated = translate(request, &Config::default()).unwrap();
    let fields = translated.warnings.fields().map(str::to_owned).collect();
    (translated.body, fields)
}

fn items(messages: Vec<Message>) -> (Value, Vec<String>) {
    let (mut body, warned) = sent(&ask(messages));
    (body["input"].take(), warned)
}

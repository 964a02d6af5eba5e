use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::Error;
use evenhand_sdk::names::Names;
use evenhand_sdk::types::*;
use serde_json::{Map, Value, json};

use crate::warnings::Warnings;

/// The conversation as the vendor wants it.
pub(crate) fn messages(
    messages: &[Message],
    names: &mut Names,
    warnings: &mut Warnings,
) -> Result<Vec<Value>, Error> {
    let mut out = Vec::new();
    for message in messages {
        let mut turn = Turn::default();
        for part in &message.parts {
            turn.part(message.role, part, names, warnings)?;
        }
        turn.end(message, &mut out);
    }
    Ok(out)
}

/// One message on its way.
#[derive(Default)]
struct Turn {
    /// Results of tools, each a message of its own in this format.
    results: Vec<Value>,
    content: Vec<Value>,
    calls: Vec<Value>,
    /// Fields beside `content`.
    fields: Map<String, Value>,
}

impl Turn {
    fn part(
        &mut self,
        role: Role,
        part: &Part,
        names: &mut Names,
        warnings: &mut Warnings,
    ) -> Result<(), Error> {
        if part.cache.is_some() {
            warnings.add("cache", "the vendor chooses itself what to cache");
        }
        match &part.content {
            Content::Text(text) => self.content.push(text_part(&text.text)),
            Content::Refusal(text) => self
                .content
                .push(json!({"type": "refusal", "refusal": text})),
            Content::Image(media) => self.content.push(image(media)?),
            Content::Audio(media) if role == Role::Assistant => match own(part, "id") {
                Some(id) => {
                    self.fields.insert("audio".into(), json!({"id": id}));
                }
                None => warnings.add(
                    "messages.audio",
                    "sound of an answer can only be named by the vendor's id: left out",
                ),
            },
            Content::Audio(media) => self.content.push(audio(media)?),
            Content::File(media) => self.content.push(file(media)?),
            Content::Source(source) => self.content.push(text_part(&source_text(source))),
            Content::Reasoning(reasoning) => match own(part, "field") {
                // Servers that show their reasoning in a field of their own want it back there.
                Some(field) => {
                    let said = self.fields.entry(field).or_insert_with(|| json!(""));
                    let said = said.as_str().unwrap_or_default().to_owned();
                    self.fields
                        .insert(own(part, "field").unwrap_or_default(), json!(said + &reasoning.text));
                }
                None => warnings.add(
                    "messages.reasoning",
                    "this wire format has no place for earlier reasoning: left out",
                ),
            },
            Content::ToolCall(call) if call.by_provider => warnings.add(
                "messages.tool_call",
                "a tool that another vendor ran has no place in this wire format: left out",
            ),
            Content::ToolCall(call) => self.calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": {"name": names.send(&call.name), "arguments": arguments(&call.arguments)},
            })),
            Content::ToolResult(result) if result.by_provider => warnings.add(
                "messages.tool_result",
                "a tool that another vendor ran has no place in this wire format: left out",
            ),
            Content::ToolResult(result) => self.results.push(tool_message(result, warnings)),
            Content::Other(kind) => match &part.provider_data {
                Some(data) => self.content.push(parse(data)),
                None => {
                    return Err(Error::bad_request(format!(
                        "this vendor knows no `{kind}` in a message"
                    ))
                    .at("messages"));
                }
            },
        }
        Ok(())
    }

    fn end(self, message: &Message, out: &mut Vec<Value>) {
        out.extend(self.results);
        if message.role == Role::Tool {
            return;
        }
        let role = match message.role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        let mut fields = Map::new();
        fields.insert("role".into(), json!(role));
        let needs_content = self.calls.is_empty() && !self.fields.contains_key("audio");
        if !self.content.is_empty() || needs_content {
            fields.insert("content".into(), flatten(self.content));
        }
        if let Some(name) = &message.name {
            fields.insert("name".into(), json!(name));
        }
        if !self.calls.is_empty() {
            fields.insert("tool_calls".into(), Value::Array(self.calls));
        }
        fields.extend(self.fields);
        out.push(Value::Object(fields));
    }
}

/// One text is a plain string: every compatible server understands that.
fn flatten(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [] => json!(""),
        [one] if one["type"] == "text" => one["text"].take(),
        _ => Value::Array(parts),
    }
}

fn text_part(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn parse(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_default()
}

/// A text field of what we said we must see again.
fn own(part: &Part, field: &str) -> Option<String> {
    let data = parse(part.provider_data.as_ref()?);
    data.get(field)?.as_str().map(str::to_owned)
}

fn arguments(arguments: &str) -> &str {
    match arguments {
        "" => "{}",
        given => given,
    }
}

fn tool_message(result: &ToolResult, warnings: &mut Warnings) -> Value {
    let mut content = Vec::new();
    for piece in &result.content {
        match piece {
            ResultContent::Text(text) => content.push(text_part(text)),
            ResultContent::Source(source) => content.push(text_part(&source_text(source))),
            ResultContent::Image(_) => warnings.add(
                "messages.tool_result.image",
                "results of tools can't hold images here: left out",
            ),
            ResultContent::File(_) => warnings.add(
                "messages.tool_result.file",
                "results of tools can't hold files here: left out",
            ),
        }
    }
    if result.is_error {
        warnings.add(
            "messages.tool_result.is_error",
            "this wire format can't mark a failed result: only its text says so",
        );
    }
    json!({"role": "tool", "tool_call_id": result.call_id, "content": flatten(content)})
}

fn source_text(source: &Source) -> String {
    let title = source.title.as_deref().unwrap_or_default();
    let head = match title {
        "" => source.location.clone(),
        title => format!("{title} ({})", source.location),
    };
    format!("{head}\n\n{}", source.passages.join("\n\n"))
}

fn data_url(bytes: &[u8], media_type: &str) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

fn refused(what: &str, how: &str) -> Error {
    Error::bad_request(format!("this vendor takes no {what} {how}")).at("messages")
}

fn image(media: &Media) -> Result<Value, Error> {
    let media_type = media.media_type.as_deref().unwrap_or("image/png");
    let url = match &media.source {
        MediaSource::Bytes(bytes) => data_url(bytes, media_type),
        MediaSource::Url(url) => url.clone(),
        MediaSource::FileId(_) => {
            return Err(refused("image", "by file id: send its bytes or URL"));
        }
    };
    let mut image = json!({"url": url});
    if let Some(detail) = &media.detail {
        image["detail"] = json!(detail);
    }
    Ok(json!({"type": "image_url", "image_url": image}))
}

fn audio(media: &Media) -> Result<Value, Error> {
    let MediaSource::Bytes(bytes) = &media.source else {
        return Err(refused("audio", "by URL or file id: send its bytes"));
    };
    let format = match media.media_type.as_deref().unwrap_or("audio/wav") {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => "wav",
        other => other.rsplit('/').next().unwrap_or(other),
    };
    Ok(
        json!({"type": "input_audio", "input_audio": {"data": STANDARD.encode(bytes), "format": format}}),
    )
}

fn file(media: &Media) -> Result<Value, Error> {
    let file = match &media.source {
        MediaSource::FileId(id) => json!({"file_id": id}),
        MediaSource::Bytes(bytes) => json!({
            "filename": media.name.as_deref().unwrap_or("file"),
            "file_data": data_url(bytes, media.media_type.as_deref().unwrap_or("application/pdf")),
        }),
        MediaSource::Url(_) => return Err(refused("file", "by URL: send its bytes")),
    };
    Ok(json!({"type": "file", "file": file}))
}

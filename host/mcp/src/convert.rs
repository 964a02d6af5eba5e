//! What plugins offer and answer, in MCP's words.
#![expect(deprecated, reason = "logging is part of 2025-11-25")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{
    CallToolResult, ContentBlock, GetPromptResult, JsonObject, LoggingLevel, Prompt,
    PromptArgument, PromptMessage, Resource, ResourceContents, ResourceTemplate, Role, Tool,
    ToolAnnotations,
};
use serde_json::Value;
use types::neutral::{Media, MediaSource};
use types::tool::{
    self, CallResult, FilledPrompt, NoticeLevel, PromptInfo, ResourceData, ResourceInfo,
    ToolContent, ToolInfo,
};

/// What stands for a media type that isn't known.
const BYTES: &str = "application/octet-stream";

/// A schema as it was written: every keyword survives.
fn schema(text: &str) -> Arc<JsonObject> {
    // Tools with schemas that are none are not offered.
    Arc::new(serde_json::from_str(text).unwrap_or_default())
}

pub(crate) fn tool(name: String, info: &ToolInfo) -> Tool {
    let hints = ToolAnnotations::from_raw(
        info.title.clone(),
        Some(info.read_only),
        Some(info.destructive),
        Some(info.idempotent),
        Some(info.open_world),
    );
    let mut tool = Tool::new(name, info.description.clone(), schema(&info.input_schema));
    tool.title = info.title.clone();
    tool.output_schema = info.output_schema.as_deref().map(schema);
    tool.with_annotations(hints)
}

pub(crate) fn resource(info: &ResourceInfo) -> Resource {
    let mut resource = Resource::new(&info.uri, &info.name);
    resource.title = info.title.clone();
    resource.description = info.description.clone();
    resource.mime_type = info.media_type.clone();
    resource.size = info.size;
    resource
}

pub(crate) fn template(info: &ResourceInfo) -> ResourceTemplate {
    let mut template = ResourceTemplate::new(&info.uri, &info.name);
    template.title = info.title.clone();
    template.description = info.description.clone();
    template.mime_type = info.media_type.clone();
    template
}

pub(crate) fn prompt(name: String, info: &PromptInfo) -> Prompt {
    let arguments = info.arguments.iter().map(|argument| {
        let mut it = PromptArgument::new(&argument.name).with_required(argument.required);
        it.description = argument.description.clone();
        it
    });
    let mut prompt = Prompt::new(name, info.description.clone(), Some(arguments.collect()));
    prompt.title = info.title.clone();
    prompt
}

pub(crate) fn contents(contents: &tool::ResourceContents) -> ResourceContents {
    let mut it = match &contents.data {
        ResourceData::Text(text) => ResourceContents::text(text, &contents.uri),
        ResourceData::Bytes(bytes) => ResourceContents::blob(STANDARD.encode(bytes), &contents.uri),
    };
    match &mut it {
        ResourceContents::TextResourceContents { mime_type, .. }
        | ResourceContents::BlobResourceContents { mime_type, .. } => {
            *mime_type = contents.media_type.clone();
        }
        _ => {}
    }
    it
}

fn media(media: &Media, block: impl Fn(String, String) -> ContentBlock) -> ContentBlock {
    let media_type = || media.media_type.clone().unwrap_or_else(|| BYTES.into());
    match &media.source {
        MediaSource::Bytes(bytes) => block(STANDARD.encode(bytes), media_type()),
        // MCP has no image by its address, but a link.
        MediaSource::Url(at) | MediaSource::FileId(at) => {
            let mut link = Resource::new(at, media.name.as_ref().unwrap_or(at));
            link.mime_type = media.media_type.clone();
            ContentBlock::resource_link(link)
        }
    }
}

pub(crate) fn content(content: &ToolContent) -> ContentBlock {
    match content {
        ToolContent::Text(text) => ContentBlock::text(text),
        ToolContent::Image(image) => media(image, ContentBlock::image),
        ToolContent::Audio(audio) => media(audio, ContentBlock::audio),
        ToolContent::Link(link) => ContentBlock::resource_link(resource(link)),
        ToolContent::Resource(resource) => ContentBlock::resource(contents(resource)),
    }
}

pub(crate) fn result(result: &CallResult) -> CallToolResult {
    let mut blocks: Vec<ContentBlock> = result.content.iter().map(content).collect();
    if let (true, Some(structured)) = (blocks.is_empty(), &result.structured) {
        // For clients that read no structured content.
        blocks.push(ContentBlock::text(structured));
    }
    let mut it = match result.is_error {
        true => CallToolResult::error(blocks),
        false => CallToolResult::success(blocks),
    };
    let structured = result
        .structured
        .as_deref()
        .map(serde_json::from_str::<Value>);
    it.structured_content = structured.and_then(Result::ok);
    it
}

pub(crate) fn filled(filled: &FilledPrompt) -> GetPromptResult {
    let messages = filled.messages.iter().map(|message| {
        let role = match message.role {
            types::neutral::Role::Assistant => Role::Assistant,
            _ => Role::User,
        };
        PromptMessage::new(role, content(&message.content))
    });
    let mut it = GetPromptResult::new(messages.collect());
    it.description = filled.description.clone();
    it
}

pub(crate) fn level(level: NoticeLevel) -> LoggingLevel {
    match level {
        NoticeLevel::Debug => LoggingLevel::Debug,
        NoticeLevel::Info => LoggingLevel::Info,
        NoticeLevel::Notice => LoggingLevel::Notice,
        NoticeLevel::Warning => LoggingLevel::Warning,
        NoticeLevel::Error => LoggingLevel::Error,
        NoticeLevel::Critical => LoggingLevel::Critical,
        NoticeLevel::Alert => LoggingLevel::Alert,
        NoticeLevel::Emergency => LoggingLevel::Emergency,
    }
}

pub(crate) fn notice_level(level: LoggingLevel) -> NoticeLevel {
    match level {
        LoggingLevel::Debug => NoticeLevel::Debug,
        LoggingLevel::Info => NoticeLevel::Info,
        LoggingLevel::Notice => NoticeLevel::Notice,
        LoggingLevel::Warning => NoticeLevel::Warning,
        LoggingLevel::Error => NoticeLevel::Error,
        LoggingLevel::Critical => NoticeLevel::Critical,
        LoggingLevel::Alert => NoticeLevel::Alert,
        LoggingLevel::Emergency => NoticeLevel::Emergency,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_keeps_every_keyword_in_its_order() {
        let written = r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"b":{"type":"string"},"a":true},"properties":{"x":{"$ref":"#/$defs/b"}},"additionalProperties":false}"##;
        let info = ToolInfo {
            name: "t".into(),
            title: Some("T".into()),
            description: "d".into(),
            input_schema: written.into(),
            output_schema: Some(written.into()),
            read_only: true,
            destructive: false,
            idempotent: true,
            open_world: false,
        };
        let told = serde_json::to_value(tool("p.t".into(), &info)).unwrap();
        assert_eq!(told["inputSchema"].to_string(), written);
        assert_eq!(told["outputSchema"].to_string(), written);
        let hints = json!({
            "title": "T", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false,
        });
        assert_eq!(
            (&told["annotations"], &told["name"]),
            (&hints, &json!("p.t"))
        );
    }

    #[test]
    fn every_kind_of_content_has_its_words() {
        let png = |source| Media {
            source,
            media_type: Some("image/png".into()),
            name: None,
            context: None,
            detail: None,
            cite: false,
        };
        let at = |data| tool::ResourceContents {
            uri: "t://x".into(),
            media_type: None,
            data,
        };
        let link = ResourceInfo {
            uri: "t://x".into(),
            name: "x".into(),
            title: None,
            description: None,
            media_type: None,
            size: Some(3),
        };
        let blocks = [
            ToolContent::Text("a".into()),
            ToolContent::Image(png(MediaSource::Bytes(b"abc".to_vec()))),
            ToolContent::Audio(png(MediaSource::Bytes(b"abc".to_vec()))),
            ToolContent::Image(png(MediaSource::Url("https://x.example/a.png".into()))),
            ToolContent::Link(link),
            ToolContent::Resource(at(ResourceData::Text("t".into()))),
            ToolContent::Resource(at(ResourceData::Bytes(b"abc".to_vec()))),
        ];
        let given = CallResult {
            content: blocks.to_vec(),
            structured: Some(r#"{"n":1}"#.into()),
            is_error: false,
        };
        let told = serde_json::to_value(result(&given)).unwrap();
        let expected = json!([
            {"type": "text", "text": "a"},
            {"type": "image", "data": "YWJj", "mimeType": "image/png"},
            {"type": "audio", "data": "YWJj", "mimeType": "image/png"},
            {"type": "resource_link", "uri": "https://x.example/a.png", "name": "https://x.example/a.png", "mimeType": "image/png"},
            {"type": "resource_link", "uri": "t://x", "name": "x", "size": 3},
            {"type": "resource", "resource": {"uri": "t://x", "text": "t"}},
            {"type": "resource", "resource": {"uri": "t://x", "blob": "YWJj"}},
        ]);
        assert_eq!(told["content"], expected);
        assert_eq!(told["structuredContent"], json!({"n": 1}));
    }

    #[test]
    fn structured_content_is_told_in_text_too() {
        let given = CallResult {
            content: Vec::new(),
            structured: Some(r#"{"n":1}"#.into()),
            is_error: true,
        };
        let told = serde_json::to_value(result(&given)).unwrap();
        assert_eq!(
            told["content"],
            json!([{"type": "text", "text": "{\"n\":1}"}])
        );
        assert_eq!(told["isError"], json!(true));
    }
}

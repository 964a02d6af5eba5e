//! What a server says, in the contract's form.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use evenhand_sdk::tools::{
    CallResult, FilledPrompt, PromptArgument, PromptInfo, PromptMessage, ResourceContents,
    ResourceData, ResourceInfo, ToolContent, ToolInfo,
};
use evenhand_sdk::types::Role;
use evenhand_sdk::{Error, log};
use rmcp::model;
use serde_json::Value;

/// Most bytes of a tool's name, by the contract.
const LONGEST_NAME: usize = 128;

/// A tool; none where its name is one that the contract doesn't allow.
pub(crate) fn tool(tool: model::Tool) -> Option<ToolInfo> {
    if !is_name(&tool.name) {
        let message = format!(
            "tool `{}` is left out: its name can't be passed on",
            tool.name
        );
        log::write(log::Level::Warn, &message);
        return None;
    }
    let hints = tool.annotations.unwrap_or_default();
    let read_only = hints.read_only_hint.unwrap_or(false);
    let json = |schema: &model::JsonObject| Value::Object(schema.clone()).to_string();
    Some(ToolInfo {
        name: tool.name.into(),
        title: tool.title.or(hints.title),
        description: tool.description.unwrap_or_default().into(),
        input_schema: json(&tool.input_schema),
        output_schema: tool.output_schema.as_deref().map(json),
        read_only,
        // These two mean something only where it is not read-only.
        destructive: !read_only && hints.destructive_hint.unwrap_or(true),
        idempotent: read_only || hints.idempotent_hint.unwrap_or(false),
        open_world: hints.open_world_hint.unwrap_or(true),
    })
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fits)
}

pub(crate) fn result(result: model::CallToolResult) -> Result<CallResult, Error> {
    let content = result.content.into_iter().map(content);
    Ok(CallResult {
        content: content.collect::<Result<_, _>>()?,
        structured: result.structured_content.map(|json| json.to_string()),
        is_error: result.is_error.unwrap_or(false),
    })
}

fn content(block: model::ContentBlock) -> Result<ToolContent, Error> {
    use model::ContentBlock as Block;
    Ok(match block {
        Block::Text(text) => ToolContent::Text(text.text),
        Block::Image(image) => ToolContent::image_of(bytes(&image.data)?, image.mime_type),
        Block::Audio(audio) => ToolContent::audio_of(bytes(&audio.data)?, audio.mime_type),
        Block::Resource(embedded) => ToolContent::Resource(contents(embedded.resource)?),
        Block::ResourceLink(link) => ToolContent::Link(resource(link)),
        _ => {
            return Err(Error::upstream(
                "the server sent a kind of content that is unknown here",
            ));
        }
    })
}

fn bytes(base64: &str) -> Result<Vec<u8>, Error> {
    let decoded = BASE64_STANDARD.decode(base64);
    decoded.map_err(|e| Error::upstream(format!("the server's bytes are no base64: {e}")))
}

pub(crate) fn resource(resource: model::Resource) -> ResourceInfo {
    ResourceInfo {
        title: resource.title,
        description: resource.description,
        media_type: resource.mime_type,
        size: resource.size,
        ..ResourceInfo::new(resource.uri, resource.name)
    }
}

pub(crate) fn template(template: model::ResourceTemplate) -> ResourceInfo {
    ResourceInfo {
        title: template.title,
        description: template.description,
        media_type: template.mime_type,
        ..ResourceInfo::new(template.uri_template, template.name)
    }
}

pub(crate) fn contents(contents: model::ResourceContents) -> Result<ResourceContents, Error> {
    use model::ResourceContents as Contents;
    let (uri, media_type, data) = match contents {
        Contents::TextResourceContents {
            uri,
            mime_type,
            text,
            ..
        } => (uri, mime_type, ResourceData::Text(text)),
        Contents::BlobResourceContents {
            uri,
            mime_type,
            blob,
            ..
        } => (uri, mime_type, ResourceData::Bytes(bytes(&blob)?)),
        _ => {
            return Err(Error::upstream(
                "the server's resource is neither text nor bytes",
            ));
        }
    };
    Ok(ResourceContents {
        uri,
        media_type,
        data,
    })
}

pub(crate) fn prompt(prompt: model::Prompt) -> PromptInfo {
    let arguments = prompt.arguments.unwrap_or_default().into_iter();
    let arguments = arguments.map(|argument| PromptArgument {
        name: argument.name,
        description: argument.description.or(argument.title),
        required: argument.required.unwrap_or(false),
    });
    PromptInfo {
        name: prompt.name,
        title: prompt.title,
        description: prompt.description,
        arguments: arguments.collect(),
    }
}

pub(crate) fn filled(filled: model::GetPromptResult) -> Result<FilledPrompt, Error> {
    let messages = filled.messages.into_iter().map(|message| {
        Ok(PromptMessage {
            role: match message.role {
                model::Role::User => Role::User,
                model::Role::Assistant => Role::Assistant,
            },
            content: content(message.content)?,
        })
    });
    Ok(FilledPrompt {
        description: filled.description,
        messages: messages.collect::<Result<_, Error>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    fn from<T: DeserializeOwned>(json: Value) -> T {
        serde_json::from_value(json).unwrap()
    }

    fn hints(annotations: Value) -> (bool, bool, bool, bool) {
        let read = tool(from(
            json!({"name": "t", "inputSchema": {}, "annotations": annotations}),
        ));
        let read = read.unwrap();
        (
            read.read_only,
            read.destructive,
            read.idempotent,
            read.open_world,
        )
    }

    #[test]
    fn hints_have_the_defaults_of_the_specification() {
        assert_eq!(hints(json!(null)), (false, true, false, true));
        assert_eq!(
            hints(json!({"readOnlyHint": true})),
            (true, false, true, true)
        );
        let all = json!({"destructiveHint": false, "idempotentHint": true, "openWorldHint": false});
        assert_eq!(hints(all), (false, false, true, false));
    }

    #[test]
    fn a_tool_keeps_its_schemas_as_they_are() {
        let schema = json!({"type": "object", "properties": {"b": {}, "a": {"$ref": "#/$defs/x"}}, "x-own": 1});
        let read = tool(from(
            json!({"name": "a.b-c_1", "description": "d", "inputSchema": schema, "outputSchema": schema,
            "annotations": {"title": "T"}, "_meta": {"x": 1}, "icons": []}),
        ));
        let read = read.unwrap();
        assert_eq!(read.input_schema, schema.to_string());
        assert_eq!(read.output_schema, Some(schema.to_string()));
        assert_eq!(
            (read.title.as_deref(), read.description.as_str()),
            (Some("T"), "d")
        );
    }

    #[test]
    fn names_are_those_of_the_contract() {
        let long = "x".repeat(128);
        assert!(is_name("a.B-1_") && is_name(&long));
        for name in ["", "a/b", "ä", &format!("{long}x")] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn every_kind_of_content_is_read() {
        let read = result(from(json!({
            "content": [
                {"type": "text", "text": "t", "annotations": {"audience": ["user"]}},
                {"type": "image", "data": "aW1n", "mimeType": "image/png"},
                {"type": "audio", "data": "c25k", "mimeType": "audio/wav"},
                {"type": "resource_link", "uri": "x://l", "name": "l", "title": "L", "description": "d", "mimeType": "text/css", "size": 3},
                {"type": "resource", "resource": {"uri": "x://t", "mimeType": "text/plain", "text": "r"}},
                {"type": "resource", "resource": {"uri": "x://b", "blob": "Ynl0"}},
            ],
            "structuredContent": {"b": 1, "a": 2}, "isError": true,
        })))
        .unwrap();
        let link = ResourceInfo {
            title: Some("L".into()),
            description: Some("d".into()),
            media_type: Some("text/css".into()),
            size: Some(3),
            ..ResourceInfo::new("x://l", "l")
        };
        let embedded = |uri: &str, media_type: Option<&str>, data| {
            ToolContent::Resource(ResourceContents {
                uri: uri.into(),
                media_type: media_type.map(Into::into),
                data,
            })
        };
        assert_eq!(
            read,
            CallResult {
                content: vec![
                    ToolContent::Text("t".into()),
                    ToolContent::image_of(b"img".into(), "image/png"),
                    ToolContent::audio_of(b"snd".into(), "audio/wav"),
                    ToolContent::Link(link),
                    embedded("x://t", Some("text/plain"), ResourceData::Text("r".into())),
                    embedded("x://b", None, ResourceData::Bytes(b"byt".into())),
                ],
                structured: Some(r#"{"b":1,"a":2}"#.into()),
                is_error: true,
            }
        );
        let odd = json!({"content": [{"type": "image", "data": "*", "mimeType": "image/png"}]});
        assert!(result(from(odd)).is_err());
    }

    #[test]
    fn a_prompt_is_read_with_its_arguments() {
        let read = prompt(from(json!({"name": "p", "title": "P", "arguments": [
            {"name": "a", "description": "d", "required": true}, {"name": "b"}]})));
        let [a, b] = &read.arguments[..] else {
            panic!("{read:?}")
        };
        assert_eq!((a.description.as_deref(), a.required), (Some("d"), true));
        assert_eq!((b.description.as_deref(), b.required), (None, false));
        let said = filled(from(json!({"description": "d", "messages": [
            {"role": "user", "content": {"type": "text", "text": "u"}},
            {"role": "assistant", "content": {"type": "text", "text": "a"}}]})));
        let said = said.unwrap();
        let roles: Vec<_> = said.messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant]);
    }
}

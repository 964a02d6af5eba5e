//! Tools, resources, prompts and completions that use all that the contract gives to them, in both directions. `cargo xtask contract`
//! keeps what is built of it for each version of the contract.

use std::collections::BTreeMap;

use evenhand_sdk::http::Request;
use evenhand_sdk::log::{self, Level};
use evenhand_sdk::tool_host::{self, Elicited, NoticeLevel, SampleRequest};
use evenhand_sdk::tools::*;
use evenhand_sdk::types::{Media, Message, Part, Role};
use evenhand_sdk::{Error, Tools, kv, sql, state};

struct Whole;

/// What can be called.
const NAMES: [&str; 6] = ["contents", "client", "keep", "query", "send", "fail"];

impl Tools for Whole {
    fn list_tools() -> Result<Vec<ToolInfo>, Error> {
        Ok(NAMES
            .map(|name| ToolInfo {
                name: name.into(),
                title: Some(name.to_uppercase()),
                description: "a tool".into(),
                input_schema: r#"{"type":"object"}"#.into(),
                output_schema: Some(r#"{"type":"object"}"#.into()),
                read_only: true,
                destructive: false,
                idempotent: true,
                open_world: false,
            })
            .into())
    }

    fn call_tool(id: String, name: String, arguments: String) -> Result<CallResult, Error> {
        log::write(Level::Info, "called");
        let said = match name.as_str() {
            "contents" => return Ok(contents(id, arguments)),
            "client" => client()?,
            "keep" => keep()?,
            "query" => query()?,
            "send" => send()?,
            _ => return Err(Error::bad_request("as asked").at("name")),
        };
        Ok(CallResult::text(said))
    }

    fn cancel_tool(id: String, name: String) {
        let _ = kv::set("all", "cancelled", format!("{name} {id}").as_bytes());
    }

    fn list_resources() -> Result<Vec<ResourceInfo>, Error> {
        Ok(vec![resource("whole://a")])
    }

    fn list_templates() -> Result<Vec<ResourceInfo>, Error> {
        Ok(vec![resource("whole://{letter}")])
    }

    fn read_resource(uri: String) -> Result<Vec<ResourceContents>, Error> {
        let (text, bytes) = (
            ResourceData::Text("t".into()),
            ResourceData::Bytes(vec![0, 255]),
        );
        let part = |data| ResourceContents {
            uri: uri.clone(),
            media_type: Some("text/plain".into()),
            data,
        };
        Ok(vec![part(text), part(bytes)])
    }

    fn list_prompts() -> Result<Vec<PromptInfo>, Error> {
        Ok(vec![PromptInfo {
            name: "greet".into(),
            title: Some("Greet".into()),
            description: Some("says hello".into()),
            arguments: vec![PromptArgument {
                name: "whom".into(),
                description: Some("a name".into()),
                required: true,
            }],
        }])
    }

    fn get_prompt(name: String, arguments: Vec<(String, String)>) -> Result<FilledPrompt, Error> {
        let whom = arguments
            .into_iter()
            .map(|(key, value)| format!("{name} {key}={value}"));
        Ok(FilledPrompt {
            description: Some("says hello".into()),
            messages: vec![PromptMessage {
                role: Role::Assistant,
                content: ToolContent::Text(whom.collect()),
            }],
        })
    }

    fn complete(
        of: Reference,
        argument: String,
        value: String,
        others: Vec<(String, String)>,
    ) -> Result<Vec<String>, Error> {
        let of = match of {
            Reference::Prompt(name) => name,
            Reference::Resource(uri) => uri,
        };
        Ok(vec![format!("{value} of {of} {argument} {}", others.len())])
    }
}

fn resource(uri: &str) -> ResourceInfo {
    ResourceInfo {
        uri: uri.into(),
        name: "a".into(),
        title: Some("A".into()),
        description: Some("a letter".into()),
        media_type: Some("text/plain".into()),
        size: Some(1),
    }
}

/// Every kind of content, and a structured result.
fn contents(id: String, arguments: String) -> CallResult {
    CallResult {
        content: vec![
            ToolContent::Text(id),
            ToolContent::Image(Media::of(vec![1], "image/png")),
            ToolContent::Audio(Media::of(vec![2], "audio/wav")),
            ToolContent::Link(resource("whole://a")),
            ToolContent::Resource(ResourceContents {
                uri: "whole://a".into(),
                media_type: None,
                data: ResourceData::Bytes(vec![3]),
            }),
        ],
        structured: Some(arguments),
        is_error: true,
    }
}

/// Tells the client something, and asks it twice.
fn client() -> Result<String, Error> {
    tool_host::progress(1.0, Some(2.0), Some("half"));
    tool_host::notify(NoticeLevel::Critical, Some("whole"), r#"{"is":"noted"}"#);
    let person = match tool_host::elicit("Yes?", r#"{"type":"object","properties":{}}"#)? {
        Elicited::Accepted(json) => json,
        Elicited::Declined => "declined".into(),
        Elicited::Cancelled => "cancelled".into(),
    };
    let sampled = tool_host::sample(&SampleRequest {
        messages: vec![Message::new(Role::User, vec![Part::text("hello")])],
        system: Some("be short".into()),
        max_tokens: 5,
        temperature: Some(0.0),
        stop: vec!["\n".into()],
    })?;
    let reason = sampled.stop_reason.unwrap_or_default();
    Ok(format!(
        "{person} {} {} {reason}",
        sampled.message.text(),
        sampled.model
    ))
}

/// Keeps a note and values, and forgets them.
fn keep() -> Result<String, Error> {
    let before = state::get().is_some();
    state::set(Some(b"note"))?;
    let note = state::get().unwrap_or_default();
    state::set(None)?;
    for key in ["b", "a", "c"] {
        kv::set("all", key, key.as_bytes())?;
    }
    let keys = kv::keys("all", "", Some("a"), 10)?.concat();
    let value = kv::get("all", "a")?.unwrap_or_default();
    let deleted = [kv::delete("all", "a")?, kv::delete("all", "a")?];
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(format!(
        "{before} {} {keys} {} {deleted:?}",
        text(&note),
        text(&value)
    ))
}

fn query() -> Result<String, Error> {
    let databases = sql::databases().into_iter();
    let databases: String = databases
        .map(|at| format!("{} {} {}", at.name, at.dialect, at.write))
        .collect();
    let answer = sql::query("db", "select ?1 as a, 2 as b", r#"["x"]"#, false)?;
    Ok(format!(
        "{databases} {} {} {} {}",
        answer.columns.concat(),
        answer.rows.concat(),
        answer.affected,
        answer.truncated
    ))
}

fn send() -> Result<String, Error> {
    let config: BTreeMap<String, String> = evenhand_sdk::config()?;
    let vendor = config.get("vendor").cloned().unwrap_or_default();
    let answer = Request::post(vendor).credential("key").send()?;
    Ok(format!("{} {}", answer.status(), answer.text(100)?))
}

evenhand_sdk::export_tools!(Whole);

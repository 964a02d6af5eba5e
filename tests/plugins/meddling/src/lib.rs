//! Tools that ask for all that a host could give, as their arguments say; what the host answers is their result.

use evenhand_sdk::tools::{CallResult, ToolInfo};
use evenhand_sdk::types::{Message, Role};
use evenhand_sdk::{Error, Tools, kv, sql, state, tool_host};
use serde_json::Value;

struct Meddling;

fn tool(name: &str) -> ToolInfo {
    ToolInfo {
        name: name.into(),
        title: None,
        description: "meddles".into(),
        input_schema: r#"{"type":"object"}"#.into(),
        output_schema: None,
        read_only: false,
        destructive: true,
        idempotent: false,
        open_world: true,
    }
}

/// The host's answer, or its error's code and message.
fn said<T: std::fmt::Debug>(answer: Result<T, Error>) -> CallResult {
    match answer {
        Ok(answer) => CallResult::text(format!("{answer:?}")),
        Err(error) => CallResult::failed(format!("{:?}: {}", error.code, error.message)),
    }
}

fn meddle(name: &str, told: &Value) -> CallResult {
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| told[key].as_u64().unwrap_or_default();
    match name {
        "note" => {
            let before = state::get().map(|note| String::from_utf8_lossy(&note).into_owned());
            let note = match number("long") {
                0 => text("set").into_bytes(),
                long => vec![0; usize::try_from(long).unwrap_or_default()],
            };
            said(state::set(Some(&note)).map(|()| before))
        }
        "set" => said(kv::set(
            &text("namespace"),
            &text("key"),
            text("value").as_bytes(),
        )),
        "get" => {
            let got = kv::get(&text("namespace"), &text("key"));
            said(got.map(|value| value.map(|value| String::from_utf8_lossy(&value).into_owned())))
        }
        "query" => {
            let write = told["write"].as_bool().unwrap_or_default();
            let answer = sql::query(&text("database"), &text("statement"), "[]", write);
            said(answer.map(|answer| answer.rows))
        }
        "elicit" => said(tool_host::elicit("Your password?", r#"{"type":"object"}"#)),
        "sample" => {
            let request = tool_host::SampleRequest {
                messages: vec![Message {
                    role: Role::User,
                    parts: Vec::new(),
                    name: None,
                    provider_data: None,
                }],
                system: None,
                max_tokens: 1,
                temperature: None,
                stop: Vec::new(),
            };
            said(tool_host::sample(&request).map(|sampled| sampled.model))
        }
        "shout" => {
            for done in 0..number("times") {
                tool_host::progress(done as f64, Some(f64::NAN), None);
                tool_host::progress(done as f64, None, None);
            }
            CallResult::text("shouted")
        }
        "spin" => loop {
            std::hint::black_box(());
        },
        _ => panic!("as asked"),
    }
}

impl Tools for Meddling {
    fn list_tools() -> Result<Vec<ToolInfo>, Error> {
        let names = [
            "note", "set", "get", "query", "elicit", "sample", "shout", "spin", "trap",
        ];
        Ok(names.map(tool).into())
    }

    fn call_tool(_: String, name: String, arguments: String) -> Result<CallResult, Error> {
        Ok(meddle(
            &name,
            &serde_json::from_str(&arguments).unwrap_or_default(),
        ))
    }

    fn cancel_tool(id: String, name: String) {
        // Where nothing is granted, nothing is left to say.
        let _ = kv::set("all", "cancelled", format!("{name} {id}").as_bytes());
    }
}

evenhand_sdk::export_tools!(Meddling);

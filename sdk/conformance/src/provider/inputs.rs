//! Requests that are strange, or large.

use types::ErrorCode;
use types::neutral::{
    Content, Extension, GenerateRequest, Message, Part, Reasoning, ReasoningKind, Role, ToolCall,
    ToolChoice,
};

use crate::report::{Outcome, Stop};
use crate::requests::{UNICODE, result, says, tool, user};
use crate::run::Run;
use crate::script::{Provider, Scenario, When};
use crate::subject::{End, told};

/// A large text, as clients send whole books.
const LARGE: usize = 4 << 20;

/// A request, and what it is.
type Strange = (&'static str, GenerateRequest);

pub(super) async fn run(run: &mut Run, provider: &Provider, text: &Scenario) {
    let model = provider.model(text);
    for (named, request) in strange(model) {
        run.case("input.strange", named, async |run| {
            served(run, text, request, None).await
        })
        .await;
    }
    for (named, data) in [
        (
            "of another plugin",
            r#"{"signature":"of-somebody-else","id":7}"#.to_owned(),
        ),
        ("null", "null".into()),
        ("a list", "[1]".into()),
        ("a text", "\"x\"".into()),
        ("no JSON", "{".into()),
        ("nothing", String::new()),
        ("deep", "[".repeat(50_000) + &"]".repeat(50_000)),
        (
            "wrong types",
            r#"{"signature":{},"type":[],"data":null,"encrypted_content":1,"thoughtSignature":[]}"#
                .into(),
        ),
    ] {
        let request = remembers(model, &data);
        run.case("provider-data.foreign", named, async |run| {
            served(run, text, request, None).await
        })
        .await;
    }
    let large = says(model, &"A long story. ".repeat(LARGE / 14));
    run.case("input.large", "text", async |run| {
        served(run, text, large, Some(ErrorCode::TooLarge)).await
    })
    .await;
    let many = (0..2000).flat_map(|at| {
        let said = Message::new(Role::Assistant, vec![Part::text(format!("{at}."))]);
        [user(&format!("{at}?")), said]
    });
    let mut many = GenerateRequest {
        model: model.into(),
        ..GenerateRequest::new(many.collect())
    };
    many.messages.push(user("Say hello."));
    run.case("input.large", "turns", async |run| {
        served(run, text, many, Some(ErrorCode::TooLarge)).await
    })
    .await;
    let mut tools = says(model, "Say hello.");
    tools.tools = (0..500)
        .map(|at| tool(&format!("tool_{at}"), None))
        .collect();
    run.case("input.large", "tools", async |run| {
        served(run, text, tools, Some(ErrorCode::TooLarge)).await
    })
    .await;
}

/// It is served, or refused by an error that is the request's.
async fn served(
    run: &mut Run,
    text: &Scenario,
    mut request: GenerateRequest,
    also: Option<ErrorCode>,
) -> Outcome {
    for when in super::BOTH {
        if text.exchanges(when).is_empty() {
            continue;
        }
        request.stream = when == When::Stream;
        let plan = text.lax(when)?;
        let heard = run.subject.generate(plan, request.clone()).await;
        match &heard.end {
            End::Clean => {}
            End::Unfinished => return Err(Stop::failed("an answer or an error", "no `finished`")),
            // What it wrote no vendor could read, and it said so; or the script's answer was not to this.
            End::Failed(error)
                if matches!(
                    error.code,
                    ErrorCode::BadRequest
                        | ErrorCode::Unsupported
                        | ErrorCode::NotFound
                        | ErrorCode::Upstream
                ) || also == Some(error.code) => {}
            End::Failed(error) => {
                return Err(Stop::failed(
                    "an answer, or a refusal of the request",
                    told(error),
                ));
            }
        }
    }
    Ok(())
}

fn call(id: &str, name: &str, arguments: &str) -> Message {
    let call = ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        by_provider: false,
    };
    Message::new(Role::Assistant, vec![Part::new(Content::ToolCall(call))])
}

fn strange(model: &str) -> Vec<Strange> {
    let plain = || says(model, "Say hello.");
    let with = |change: &dyn Fn(&mut GenerateRequest)| {
        let mut request = plain();
        change(&mut request);
        request
    };
    vec![
        ("no messages", with(&|it| it.messages.clear())),
        ("no parts", with(&|it| it.messages[0].parts.clear())),
        ("empty text", with(&|it| it.messages = vec![user("")])),
        ("NUL", with(&|it| it.messages = vec![user("a\0b")])),
        (
            "a model that climbs",
            with(&|it| it.model = "../../admin?x=1#y".into()),
        ),
        (
            "a model of odd letters",
            with(&|it| it.model = UNICODE.into()),
        ),
        ("no model", with(&|it| it.model.clear())),
        (
            "odd names of tools",
            with(&|it| {
                it.tools = vec![
                    tool("weather.get/now ✓", None),
                    tool("weather.get/now ✗", None),
                    tool("", None),
                    tool(&"x".repeat(300), None),
                ];
            }),
        ),
        (
            "a tool twice",
            with(&|it| it.tools = vec![tool("a", None), tool("a", None)]),
        ),
        (
            "parameters that are no schema",
            with(&|it| {
                it.tools = vec![
                    tool("a", Some("{")),
                    tool("b", Some("[1]")),
                    tool("c", Some("null")),
                ];
            }),
        ),
        (
            "parameters that refer to themselves",
            with(&|it| {
                let own = r##"{"type":"object","properties":{"a":{"$ref":"#"}},"$defs":{"b":{"$ref":"#/$defs/b"}}}"##;
                it.tools = vec![tool("a", Some(own))];
            }),
        ),
        (
            "a choice of no tool",
            with(&|it| it.tool_choice = Some(ToolChoice::Tool("none".into()))),
        ),
        (
            "broken arguments",
            with(&|it| {
                it.messages
                    .push(call("call_1", "get_weather", "{\"city\": \"Os"));
                it.messages.push(result("call_1", "get_weather", "x"));
            }),
        ),
        (
            "a result without a call",
            with(&|it| it.messages.push(result("call_9", "x", "y"))),
        ),
        (
            "a call without a result",
            with(&|it| {
                it.messages.push(call("call_1", "get_weather", "{}"));
                it.messages.push(user("Well?"));
            }),
        ),
        (
            "an answer first",
            with(&|it| {
                it.messages
                    .insert(0, Message::new(Role::Assistant, vec![Part::text("Hm.")]));
            }),
        ),
        (
            "instructions last",
            with(&|it| {
                it.messages
                    .push(Message::new(Role::System, vec![Part::text("Be short.")]));
            }),
        ),
        (
            "only instructions",
            with(&|it| it.messages[0].role = Role::System),
        ),
        (
            "numbers that are none",
            with(&|it| {
                it.sampling.temperature = Some(f64::NAN);
                it.sampling.top_p = Some(f64::INFINITY);
            }),
        ),
        (
            "numbers at their ends",
            with(&|it| {
                it.sampling.max_tokens = Some(0);
                it.sampling.top_k = Some(u32::MAX);
                it.sampling.seed = Some(i64::MIN);
                it.sampling.choices = Some(0);
            }),
        ),
        (
            "extensions that are no JSON",
            with(&|it| {
                it.extensions = ["{", "[]", "null", ""]
                    .map(|fields| Extension {
                        dialect: "conformance".into(),
                        fields: fields.into(),
                    })
                    .to_vec();
            }),
        ),
        (
            "what is of no known kind",
            with(&|it| {
                it.messages[0]
                    .parts
                    .push(Part::new(Content::Other("conformance".into())));
            }),
        ),
    ]
}

/// A conversation with provider data that the plugin did not issue, on a text, on reasoning, and on a call.
fn remembers(model: &str, data: &str) -> GenerateRequest {
    let kept = |content: Content| Part {
        provider_data: Some(data.into()),
        ..Part::new(content)
    };
    let thought = Content::Reasoning(Reasoning {
        kind: ReasoningKind::Full,
        text: "Hm.".into(),
    });
    let hidden = Content::Reasoning(Reasoning {
        kind: ReasoningKind::Redacted,
        text: String::new(),
    });
    let mut said = call("call_1", "get_weather", "{}");
    said.parts.insert(0, kept(thought));
    said.parts.insert(1, kept(hidden));
    said.parts.push(kept(Content::Other("conformance".into())));
    for part in &mut said.parts {
        part.provider_data = Some(data.into());
    }
    let mut request = says(model, "What is the weather?");
    request.tools = vec![tool("get_weather", None)];
    request.messages.push(said);
    request
        .messages
        .push(result("call_1", "get_weather", "rain"));
    request
}

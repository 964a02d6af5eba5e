//! What the kit asks: a neutral request for each scenario.

use types::neutral::{
    Content, FunctionTool, GenerateRequest, Media, MediaSource, Message, OutputFormat,
    OutputSchema, Part, ReasoningOptions, ResultContent, Role, Tool, ToolCall, ToolChoice,
    ToolResult,
};

use crate::answer::Answer;

/// Text that is hard: of four bytes a letter, of letters that combine, from right to left, with marks that can't be seen, and all that
/// JSON escapes.
pub(crate) const UNICODE: &str = "𝔘nicode 👩🏽‍🚀 e\u{301} \u{202b}שלום العالم\u{202c} 日本語 \u{200b}\u{feff}\"\\/\u{1}\u{7f}\u{2028}\n\tend";

/// What a tool answers in `tool-result`.
pub(crate) const WEATHER: &str = "{\"degrees\":18,\"sky\":\"rain\"}";

/// The smallest picture: one pixel, PNG.
pub(crate) const PIXEL: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0,
    1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, b'I', b'D', b'A', b'T',
    0x78, 0xda, 0x63, 0xfc, 0xcf, 0xc0, 0xf0, 0x1f, 0, 5, 5, 2, 0, 0x5f, 0xc8, 0xf1, 0xd2, 0, 0, 0,
    0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// The same in base64.
pub(crate) const PIXEL_BASE64: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/// A scenario of the kit.
#[derive(Debug)]
pub struct Scenario {
    /// The name that a script calls it by.
    pub name: &'static str,
    /// What is asked, and what must come of it.
    pub about: &'static str,
    /// Every script plays it, or says why it is unsupported.
    pub core: bool,
    /// Its answer comes from `generate`.
    pub generates: bool,
}

const fn core(name: &'static str, about: &'static str) -> Scenario {
    Scenario {
        name,
        about,
        core: true,
        generates: true,
    }
}

const fn more(name: &'static str, about: &'static str) -> Scenario {
    Scenario {
        core: false,
        ..core(name, about)
    }
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    core(
        "text",
        "A user says `Say hello.`; the answer is `expect.text`, and ends with `stop`.",
    ),
    core(
        "unicode",
        "System and user say a text of astral, combining, right-to-left, invisible and control characters, which must be in the request as it is; the answer is `expect.text`, which has at least one character of four bytes.",
    ),
    core(
        "tool-call",
        "There is the tool `get_weather` with the text `city`; the model calls it as `expect.calls` says, and ends with `tool-calls`.",
    ),
    core(
        "tool-call-empty",
        "There is the tool `get_time` without parameters; the model calls it with no arguments, in its vendor's way of writing none.",
    ),
    core(
        "tool-calls-parallel",
        "There is `get_weather`; the model calls it at least twice in one answer.",
    ),
    core(
        "tool-result",
        "The conversation of `get_weather`, called with `{\"city\":\"Oslo\"}` under the id `call_1`, and its result `{\"degrees\":18,\"sky\":\"rain\"}`; the answer is `expect.text`. Result and city must be in the request.",
    ),
    Scenario {
        generates: false,
        ..core(
            "models",
            "The list of models; it has `expect.models`, and the model that is asked.",
        )
    },
    more(
        "length",
        "At most 20 tokens are wanted; the answer ends with `length`.",
    ),
    more(
        "json-schema",
        "The answer must fit a schema with the text `city`; the answer is `expect.text`.",
    ),
    more(
        "image",
        "A picture of one pixel, PNG, whose bytes must be in the request in base64; the answer is `expect.text`.",
    ),
    more(
        "reasoning",
        "Reasoning of medium effort is wanted; the answer has `expect.reasoning`.",
    ),
    more(
        "reasoning-next",
        "The turn after `reasoning`: its answer as the plugin gave it, `provider-data` and all, and the result of a tool or the user's `Go on.`; `expect.returns` must be in the request.",
    ),
    more(
        "refusal",
        "The model refuses with `expect.refusal`, or the vendor's filter cuts it; `expect.finish` says which.",
    ),
    more(
        "error",
        "The vendor refuses the request in its own words; the error is `expect.error`.",
    ),
    more(
        "error-in-stream",
        "The vendor's answer begins, and then its own error comes; the error is `expect.error`. Only as a stream.",
    ),
    Scenario {
        generates: false,
        ..more(
            "embed",
            "Vectors for the texts `one` and `two`: `expect.vectors`.",
        )
    },
    Scenario {
        generates: false,
        ..more(
            "count-tokens",
            "Tokens of the request of `text`: `expect.input_tokens`.",
        )
    },
];

pub(crate) fn is_known(name: &str) -> bool {
    SCENARIOS.iter().any(|it| it.name == name)
}

pub(crate) fn names() -> Vec<&'static str> {
    SCENARIOS.iter().map(|it| it.name).collect()
}

/// A user says something.
pub(crate) fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text)])
}

/// Asks for something in words.
pub(crate) fn says(model: &str, text: &str) -> GenerateRequest {
    GenerateRequest {
        model: model.into(),
        ..GenerateRequest::new(vec![user(text)])
    }
}

/// The tool of the scenarios.
pub(crate) fn tool(name: &str, parameters: Option<&str>) -> Tool {
    Tool::Function(FunctionTool {
        name: name.into(),
        description: Some("Of the conformance kit.".into()),
        parameters: parameters.map(Into::into),
        strict: None,
        cache: None,
        provider_data: None,
    })
}

fn weather() -> Tool {
    let city = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#;
    tool("get_weather", Some(city))
}

/// A result of a tool, as a message.
pub(crate) fn result(call_id: &str, name: &str, text: &str) -> Message {
    let result = ToolResult {
        call_id: call_id.into(),
        name: Some(name.into()),
        content: vec![ResultContent::Text(text.into())],
        is_error: false,
        by_provider: false,
    };
    Message::new(Role::Tool, vec![Part::new(Content::ToolResult(result))])
}

/// A picture.
pub(crate) fn pixel() -> Media {
    Media {
        source: MediaSource::Bytes(PIXEL.to_vec()),
        media_type: Some("image/png".into()),
        name: None,
        context: None,
        detail: None,
        cite: false,
    }
}

/// What a scenario asks.
pub(crate) fn request(scenario: &str, model: &str) -> GenerateRequest {
    let mut request = says(model, "Say hello.");
    match scenario {
        "unicode" => {
            request.messages = vec![
                Message::new(Role::System, vec![Part::text(UNICODE)]),
                user(UNICODE),
            ];
        }
        "tool-call" | "tool-calls-parallel" | "tool-result" => {
            request.messages = vec![user("What is the weather in Oslo?")];
            request.tools = vec![weather()];
            if scenario == "tool-result" {
                let call = ToolCall {
                    id: "call_1".into(),
                    name: "get_weather".into(),
                    arguments: r#"{"city":"Oslo"}"#.into(),
                    by_provider: false,
                };
                let call = Part::new(Content::ToolCall(call));
                request
                    .messages
                    .push(Message::new(Role::Assistant, vec![call]));
                request
                    .messages
                    .push(result("call_1", "get_weather", WEATHER));
            }
        }
        "tool-call-empty" => {
            request.messages = vec![user("What time is it?")];
            request.tools = vec![tool("get_time", None)];
        }
        "length" => request.sampling.max_tokens = Some(20),
        "json-schema" => {
            let schema = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}"#;
            request.output = OutputFormat::JsonSchema(OutputSchema {
                name: Some("place".into()),
                description: None,
                schema: schema.into(),
                strict: Some(true),
            });
        }
        "image" => {
            let parts = vec![
                Part::text("What is this?"),
                Part::new(Content::Image(pixel())),
            ];
            request.messages = vec![Message::new(Role::User, parts)];
        }
        "reasoning" | "reasoning-next" => {
            request.messages = vec![user("What is the weather in Oslo?")];
            request.tools = vec![weather()];
            request.reasoning = Some(ReasoningOptions {
                enabled: Some(true),
                effort: Some("medium".into()),
                ..ReasoningOptions::default()
            });
        }
        _ => {}
    }
    request
}

/// The turn after an answer.
pub(crate) fn next(mut request: GenerateRequest, answer: &Answer) -> GenerateRequest {
    let said = answer.message();
    let calls: Vec<Message> = said
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(result(&call.id, &call.name, WEATHER)),
            _ => None,
        })
        .collect();
    request.messages.push(said);
    match calls.is_empty() {
        true => request.messages.push(user("Go on.")),
        false => request.messages.extend(calls),
    }
    request
}

/// A field of a request, and how it is set.
pub(crate) type Probe = (&'static str, fn(&mut GenerateRequest));

/// All that can be asked for, one by one.
pub(crate) const PROBES: &[Probe] = &[
    ("sampling.max_tokens", |it| {
        it.sampling.max_tokens = Some(77)
    }),
    ("sampling.temperature", |it| {
        it.sampling.temperature = Some(0.5)
    }),
    ("sampling.top_p", |it| it.sampling.top_p = Some(0.5)),
    ("sampling.top_k", |it| it.sampling.top_k = Some(7)),
    ("sampling.seed", |it| it.sampling.seed = Some(7)),
    ("sampling.frequency_penalty", |it| {
        it.sampling.frequency_penalty = Some(0.5)
    }),
    ("sampling.presence_penalty", |it| {
        it.sampling.presence_penalty = Some(0.5)
    }),
    ("sampling.stop", |it| it.sampling.stop = vec!["STOP".into()]),
    ("sampling.choices", |it| it.sampling.choices = Some(2)),
    ("sampling.logprobs", |it| it.sampling.logprobs = Some(2)),
    ("tools", |it| it.tools = vec![weather()]),
    ("tool_choice", |it| {
        it.tools = vec![weather(), tool("get_time", None)];
        it.tool_choice = Some(ToolChoice::Tool("get_time".into()));
    }),
    ("parallel_tool_calls", |it| {
        it.tools = vec![weather()];
        it.parallel_tool_calls = Some(false);
    }),
    ("output.json", |it| it.output = OutputFormat::Json),
    ("output.json-schema", |it| {
        it.output = request("json-schema", "").output;
    }),
    ("reasoning.effort", |it| {
        it.reasoning = Some(ReasoningOptions {
            effort: Some("high".into()),
            ..ReasoningOptions::default()
        });
    }),
    ("reasoning.budget_tokens", |it| {
        it.sampling.max_tokens = Some(9000);
        it.reasoning = Some(ReasoningOptions {
            enabled: Some(true),
            budget_tokens: Some(3000),
            ..ReasoningOptions::default()
        });
    }),
    ("verbosity", |it| it.verbosity = Some("low".into())),
    ("modalities", |it| it.modalities = vec!["audio".into()]),
    ("service_tier", |it| it.service_tier = Some("flex".into())),
    ("user", |it| it.user = Some("somebody-7".into())),
    ("metadata", |it| {
        it.metadata = vec![("label".into(), "seven".into())]
    }),
    ("messages.image", |it| {
        it.messages[0]
            .parts
            .push(Part::new(Content::Image(pixel())));
    }),
    ("messages.audio", |it| {
        let mut sound = pixel();
        sound.media_type = Some("audio/wav".into());
        it.messages[0].parts.push(Part::new(Content::Audio(sound)));
    }),
    ("messages.file", |it| {
        let mut file = pixel();
        file.media_type = Some("application/pdf".into());
        file.name = Some("seven.pdf".into());
        it.messages[0].parts.push(Part::new(Content::File(file)));
    }),
    ("tools.provider", |it| {
        it.tools = vec![Tool::Provider(types::neutral::ProviderTool {
            kind: "conformance_tool".into(),
            dialect: "conformance".into(),
            definition: r#"{"type":"conformance_tool"}"#.into(),
        })];
    }),
    ("extensions", |it| {
        it.extensions = vec![types::neutral::Extension {
            dialect: "conformance".into(),
            fields: r#"{"conformance_field":7}"#.into(),
        }];
    }),
];

//! Settings that all dialects have mean the same in each: a request written in it reads back as it was.

use dialects::openai::responses::Past;
use dialects::{anthropic, openai};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::neutral::*;

/// A request of one word, with any of the settings.
fn request() -> impl Strategy<Value = GenerateRequest> {
    let tool = (prop::option::of(".{1,8}"), prop::option::of(any::<bool>()));
    // No two have one name.
    let tools = prop::collection::btree_map("[a-z_]{1,8}", tool, 1..4);
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        "[a-z_]{1,8}".prop_map(ToolChoice::Tool),
    ];
    let numbers = (
        1u32..100_000,
        prop::option::of(0u8..=20),
        prop::option::of(0u8..=10),
    );
    (
        tools,
        choice,
        any::<bool>(),
        numbers,
        any::<bool>(),
        any::<bool>(),
        prop::option::of(".{1,8}"),
    )
        .prop_map(
            |(tools, choice, parallel, (max, temperature, top_p), schema, stream, user)| {
                GenerateRequest {
                    model: "m".into(),
                    messages: Vec::new(),
                    tools: tools.into_iter().map(tool_of).collect(),
                    tool_choice: Some(choice),
                    parallel_tool_calls: Some(parallel),
                    output: match schema {
                        true => OutputFormat::JsonSchema(OutputSchema {
                            name: Some("s".into()),
                            description: None,
                            schema: json!({ "type": "object" }).to_string(),
                            strict: Some(true),
                        }),
                        false => OutputFormat::Text,
                    },
                    sampling: Sampling {
                        max_tokens: Some(max),
                        temperature: temperature.map(|it| f64::from(it) / 10.0),
                        top_p: top_p.map(|it| f64::from(it) / 10.0),
                        ..Sampling::default()
                    },
                    reasoning: None,
                    verbosity: None,
                    modalities: Vec::new(),
                    service_tier: None,
                    user,
                    metadata: Vec::new(),
                    stream,
                    extensions: Vec::new(),
                }
            },
        )
}

fn tool_of((name, (description, strict)): (String, (Option<String>, Option<bool>))) -> Tool {
    Tool::Function(FunctionTool {
        name,
        description,
        parameters: Some(json!({ "type": "object", "properties": {} }).to_string()),
        strict,
        cache: None,
        provider_data: None,
    })
}

/// Tools, each put into the dialect's words.
fn tools(request: &GenerateRequest, write: impl Fn(Value, Value) -> Value) -> Value {
    let tools = request.tools.iter().map(|tool| match tool {
        Tool::Function(tool) => {
            let parameters = tool.parameters.as_deref().expect("there are some");
            let mut fields = json!({ "name": tool.name });
            if let Some(text) = &tool.description {
                fields["description"] = json!(text);
            }
            if let Some(strict) = tool.strict {
                fields["strict"] = json!(strict);
            }
            write(fields, serde_json::from_str(parameters).expect("JSON"))
        }
        other => panic!("{other:?}"),
    });
    tools.collect()
}

fn schema(request: &GenerateRequest) -> Option<Value> {
    match &request.output {
        OutputFormat::JsonSchema(it) => Some(serde_json::from_str(&it.schema).expect("JSON")),
        _ => None,
    }
}

/// What all have under the same names.
fn body(request: &GenerateRequest) -> Value {
    let mut body = json!({ "model": "m", "stream": request.stream });
    for (name, value) in [
        ("temperature", request.sampling.temperature),
        ("top_p", request.sampling.top_p),
    ] {
        if let Some(value) = value {
            body[name] = json!(value);
        }
    }
    body
}

fn openai_choice(request: &GenerateRequest, tool: impl Fn(&str) -> Value) -> Value {
    match request.tool_choice.as_ref().expect("there is one") {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Tool(name) => tool(name),
        other => panic!("{other:?}"),
    }
}

fn with(mut fields: Value, name: &str, value: Value) -> Value {
    fields[name] = value;
    fields
}

fn chat(request: &GenerateRequest) -> Value {
    let mut body = body(request);
    body["messages"] = json!([]);
    body["max_completion_tokens"] = json!(request.sampling.max_tokens);
    body["user"] = json!(request.user);
    body["parallel_tool_calls"] = json!(request.parallel_tool_calls);
    body["tools"] = tools(
        request,
        |fields, parameters| json!({ "type": "function", "function": with(fields, "parameters", parameters) }),
    );
    body["tool_choice"] = openai_choice(
        request,
        |name| json!({ "type": "function", "function": { "name": name } }),
    );
    if let Some(schema) = schema(request) {
        let named = json!({ "name": "s", "strict": true, "schema": schema });
        body["response_format"] = json!({ "type": "json_schema", "json_schema": named });
    }
    body
}

fn responses(request: &GenerateRequest) -> Value {
    let mut body = body(request);
    body["input"] = json!([]);
    body["max_output_tokens"] = json!(request.sampling.max_tokens);
    body["user"] = json!(request.user);
    body["parallel_tool_calls"] = json!(request.parallel_tool_calls);
    body["tools"] = tools(request, |fields, parameters| {
        with(
            with(fields, "parameters", parameters),
            "type",
            json!("function"),
        )
    });
    body["tool_choice"] =
        openai_choice(request, |name| json!({ "type": "function", "name": name }));
    if let Some(schema) = schema(request) {
        let form = json!({ "type": "json_schema", "name": "s", "strict": true, "schema": schema });
        body["text"] = json!({ "format": form });
    }
    body
}

fn messages(request: &GenerateRequest) -> Value {
    let mut body = body(request);
    body["messages"] = json!([]);
    body["max_tokens"] = json!(request.sampling.max_tokens);
    if let Some(user) = &request.user {
        body["metadata"] = json!({ "user_id": user });
    }
    body["tools"] = tools(request, |fields, parameters| {
        with(fields, "input_schema", parameters)
    });
    let choice = match request.tool_choice.as_ref().expect("there is one") {
        ToolChoice::Auto => json!({ "type": "auto" }),
        ToolChoice::None => json!({ "type": "none" }),
        ToolChoice::Required => json!({ "type": "any" }),
        ToolChoice::Tool(name) => json!({ "type": "tool", "name": name }),
        other => panic!("{other:?}"),
    };
    let one_at_a_time = request.parallel_tool_calls.map(|parallel| !parallel);
    body["tool_choice"] = with(choice, "disable_parallel_tool_use", json!(one_at_a_time));
    if let Some(schema) = schema(request) {
        body["output_config"] = json!({ "format": { "type": "json_schema", "schema": schema } });
    }
    body
}

proptest! {
    #[test]
    fn settings_mean_the_same_in_each_dialect(request in request()) {
        let body = chat(&request).to_string();
        prop_assert_eq!(&openai::chat::parse(body.as_bytes()).expect("parses").0, &request);
        let body = responses(&request).to_string();
        let read = openai::responses::parse(body.as_bytes(), &Past::default()).expect("parses");
        prop_assert_eq!(&read.request, &request);
        let body = messages(&request).to_string();
        let mut read = anthropic::messages::parse(body.as_bytes()).expect("parses");
        // Its schemas have no names.
        if let OutputFormat::JsonSchema(schema) = &mut read.output {
            prop_assert_eq!(schema.name.replace("s".into()), None);
        }
        prop_assert_eq!(&read, &request);
    }
}

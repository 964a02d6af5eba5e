use evenhand_sdk::tensors::{Prompt, Sampling as TensorSampling, Turn};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings, tensors};

/// A request as an accelerator takes it.
#[derive(Debug)]
pub(crate) struct Translated {
    /// The conversation.
    pub(crate) prompt: Prompt,
    /// How tokens are chosen.
    pub(crate) sampling: tensors::Sampling,
    /// What was not honoured.
    pub(crate) warnings: Warnings,
}

/// Translates a request. Models here read text and write text; what would change the answer's form is refused.
pub(crate) fn translate(request: &GenerateRequest) -> Result<Translated, Error> {
    let mut warnings = Warnings::default();
    let prompt = prompt(request, &mut warnings)?;
    tools(request, &mut warnings)?;
    let format = match &request.output {
        OutputFormat::Text => None,
        OutputFormat::Json => Some("JSON"),
        OutputFormat::JsonSchema(_) => Some("JSON that fits a schema"),
    };
    if let Some(format) = format {
        return Err(Error::unsupported(format!(
            "{} can't be held to {format}: ask for text",
            request.model
        ))
        .at("output"));
    }
    if let Some(kind) = request.modalities.iter().find(|kind| *kind != "text") {
        return Err(Error::unsupported(format!(
            "{} can't answer with {kind}, only with text",
            request.model
        ))
        .at("modalities"));
    }
    let sampling = sampling(request)?;
    settings(request, &mut warnings);
    Ok(Translated {
        prompt,
        sampling,
        warnings,
    })
}

/// The conversation alone, for counting.
pub(crate) fn prompt(request: &GenerateRequest, warnings: &mut Warnings) -> Result<Prompt, Error> {
    let mut turns: Vec<Turn> = Vec::new();
    for message in &request.messages {
        let role = match message.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        if message.name.is_some() {
            warnings.add(
                "messages.name",
                "names of speakers are left out: this model tells roles apart, not speakers",
            );
        }
        let mut said = Vec::new();
        for part in &message.parts {
            match &part.content {
                Content::Text(text) => said.push(text.text.clone()),
                Content::Refusal(text) => said.push(text.clone()),
                Content::Source(source) => said.push(source_text(source)),
                Content::ToolResult(result) => said.push(result_text(result)?),
                // Asked for by another model; this one learns what came of it from the result.
                Content::ToolCall(_) | Content::Reasoning(_) => warnings.add(
                    "messages",
                    "earlier tool calls and reasoning are left out: this model reads text only",
                ),
                Content::Image(_) => return Err(refused(&request.model, "image")),
                Content::Audio(_) => return Err(refused(&request.model, "audio")),
                Content::File(_) => return Err(refused(&request.model, "file")),
                Content::Other(kind) => return Err(refused(&request.model, kind)),
            }
        }
        if !said.is_empty() {
            turns.push(Turn {
                role: role.into(),
                text: said.concat(),
            });
        }
    }
    match turns.is_empty() {
        true => Err(Error::bad_request("the conversation has no text").at("messages")),
        false => Ok(Prompt::Chat(turns)),
    }
}

fn refused(model: &str, what: &str) -> Error {
    Error::unsupported(format!(
        "{model} reads text only: it can't take a part of type {what}"
    ))
    .at("messages")
}

fn source_text(source: &Source) -> String {
    let title = source.title.as_deref().unwrap_or(&source.location);
    format!("{title}\n{}", source.passages.join("\n"))
}

fn result_text(result: &ToolResult) -> Result<String, Error> {
    let pieces = result.content.iter().map(|piece| match piece {
        ResultContent::Text(text) => Ok(text.clone()),
        ResultContent::Source(source) => Ok(source_text(source)),
        ResultContent::Image(_) => Err(refused("this model", "image in a tool's result")),
        ResultContent::File(_) => Err(refused("this model", "file in a tool's result")),
    });
    let text = pieces.collect::<Result<Vec<_>, _>>()?.join("\n");
    Ok(match result.is_error {
        true => format!("The tool failed: {text}"),
        false => text,
    })
}

fn tools(request: &GenerateRequest, warnings: &mut Warnings) -> Result<(), Error> {
    let provider = request.tools.iter().find_map(|tool| match tool {
        Tool::Provider(tool) => Some(tool),
        Tool::Function(_) => None,
    });
    if let Some(tool) = provider {
        return Err(Error::no_such_tool(tool));
    }
    if let Some(ToolChoice::Required | ToolChoice::Tool(_)) = request.tool_choice {
        return Err(Error::bad_request(format!(
            "{} can't call tools: choose `auto` or another model",
            request.model
        ))
        .at("tool_choice"));
    }
    if !request.tools.is_empty() && !matches!(request.tool_choice, Some(ToolChoice::None)) {
        warnings.add(
            "tools",
            "this model can't call tools: it answers without them",
        );
    }
    Ok(())
}

fn sampling(request: &GenerateRequest) -> Result<TensorSampling, Error> {
    let given = &request.sampling;
    // A client that asked for these reads them in the answer.
    if given.choices.is_some_and(|choices| choices > 1) {
        return Err(
            Error::unsupported(format!("{} gives one answer at a time", request.model))
                .at("sampling.choices"),
        );
    }
    if given.logprobs.is_some() {
        return Err(Error::unsupported(format!(
            "{} doesn't tell log-probabilities",
            request.model
        ))
        .at("sampling.logprobs"));
    }
    Ok(TensorSampling {
        max_tokens: given.max_tokens,
        temperature: given.temperature.map(|value| value as f32),
        top_p: given.top_p.map(|value| value as f32),
        top_k: given.top_k,
        // Any number will do that is the same each time.
        seed: given.seed.map(i64::cast_unsigned),
        stop: given.stop.clone(),
    })
}

/// Warns of settings that make no difference here.
fn settings(request: &GenerateRequest, warnings: &mut Warnings) {
    let set = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
    let reasoning = request.reasoning.as_ref();
    let thinks = reasoning.is_some_and(|options| {
        let effort = options.effort.as_deref();
        options.enabled == Some(true)
            || options.budget_tokens.is_some()
            || effort.is_some_and(|effort| effort != "none")
    });
    let tier = request.service_tier.as_deref();
    for (field, asked) in [
        (
            "sampling.frequency_penalty",
            set(request.sampling.frequency_penalty),
        ),
        (
            "sampling.presence_penalty",
            set(request.sampling.presence_penalty),
        ),
        ("reasoning", thinks),
        ("verbosity", request.verbosity.is_some()),
        (
            "service_tier",
            tier.is_some_and(|tier| tier != "auto" && tier != "default"),
        ),
        ("user", request.user.is_some()),
        ("metadata", !request.metadata.is_empty()),
    ] {
        if asked {
            left_out(field, warnings);
        }
    }
    for extension in &request.extensions {
        warnings.add_extension(extension);
    }
}

/// Warns of a setting.
pub(crate) fn left_out(field: &str, warnings: &mut Warnings) {
    warnings.add(field, "this provider has no such setting: left out");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(messages: Vec<Message>) -> GenerateRequest {
        GenerateRequest::new("tiny", messages)
    }

    fn user() -> Message {
        Message::new(Role::User, vec![Part::text("Hello "), Part::text("there")])
    }

    #[test]
    fn turns_keep_their_order_and_their_words() {
        let result = ToolResult {
            call_id: "a".into(),
            name: None,
            content: vec![ResultContent::Text("7 °C".into())],
            is_error: true,
            by_provider: false,
        };
        let call = ToolCall {
            id: "a".into(),
            name: "weather".into(),
            arguments: "{}".into(),
            by_provider: false,
        };
        let translated = translate(&ask(vec![
            Message::new(Role::Developer, vec![Part::text("Be kind")]),
            user(),
            Message::new(Role::Assistant, vec![Part::new(Content::ToolCall(call))]),
            Message::new(Role::Tool, vec![Part::new(Content::ToolResult(result))]),
        ]))
        .unwrap();
        let Prompt::Chat(turns) = translated.prompt else {
            panic!("a conversation")
        };
        let turns: Vec<_> = turns
            .iter()
            .map(|turn| (turn.role.as_str(), turn.text.as_str()))
            .collect();
        assert_eq!(
            turns,
            [
                ("system", "Be kind"),
                ("user", "Hello there"),
                ("tool", "The tool failed: 7 °C")
            ]
        );
        assert_eq!(translated.warnings.fields().count(), 1);
    }

    #[test]
    fn what_it_cannot_read_is_named() {
        let media = Media {
            source: MediaSource::Url("https://x/y.png".into()),
            media_type: None,
            name: None,
            context: None,
            detail: None,
            cite: false,
        };
        let error = translate(&ask(vec![Message::new(
            Role::User,
            vec![Part::new(Content::Image(media))],
        )]));
        let error = error.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unsupported);
        assert!(error.message.contains("image"));
        assert!(translate(&ask(vec![])).is_err());
    }

    #[test]
    fn tools_are_warned_about_and_refused_where_they_must_be_called() {
        let mut request = ask(vec![user()]);
        request.tools = vec![Tool::Function(FunctionTool {
            name: "f".into(),
            description: None,
            parameters: None,
            strict: None,
            cache: None,
            provider_data: None,
        })];
        assert_eq!(translate(&request).unwrap().warnings.fields().count(), 1);
        request.tool_choice = Some(ToolChoice::None);
        assert_eq!(translate(&request).unwrap().warnings.fields().count(), 0);
        request.tool_choice = Some(ToolChoice::Required);
        assert_eq!(
            translate(&request).unwrap_err().param.as_deref(),
            Some("tool_choice")
        );
    }

    #[test]
    fn settings_are_handed_on_or_warned_about() {
        let mut request = ask(vec![user()]);
        request.sampling.max_tokens = Some(5);
        request.sampling.seed = Some(-1);
        request.sampling.stop = vec!["\n".into()];
        request.sampling.temperature = Some(0.5);
        request.sampling.presence_penalty = Some(0.0);
        request.sampling.frequency_penalty = Some(1.0);
        request.service_tier = Some("priority".into());
        request.extensions = vec![Extension {
            dialect: "openai-chat".into(),
            fields: r#"{"logit_bias": {}}"#.into(),
        }];
        let translated = translate(&request).unwrap();
        assert_eq!(translated.sampling.max_tokens, Some(5));
        assert_eq!(translated.sampling.seed, Some(u64::MAX));
        assert_eq!(translated.sampling.stop, ["\n"]);
        assert_eq!(translated.sampling.temperature, Some(0.5));
        let fields: Vec<_> = translated.warnings.fields().collect();
        assert_eq!(
            fields,
            [
                "sampling.frequency_penalty",
                "service_tier",
                "extensions.logit_bias"
            ]
        );
    }

    #[test]
    fn what_would_change_the_form_of_the_answer_is_refused() {
        type Change = fn(&mut GenerateRequest);
        let changes: [(&str, Change); 4] = [
            ("sampling.choices", |r| r.sampling.choices = Some(2)),
            ("sampling.logprobs", |r| r.sampling.logprobs = Some(0)),
            ("output", |r| r.output = OutputFormat::Json),
            ("modalities", |r| r.modalities = vec!["audio".into()]),
        ];
        for (param, change) in changes {
            let mut request = ask(vec![user()]);
            change(&mut request);
            let error = translate(&request).unwrap_err();
            assert_eq!(
                (error.code, error.param.as_deref()),
                (ErrorCode::Unsupported, Some(param))
            );
        }
    }
}

//! A provider that uses all that the contract gives to one, in both directions: the model's name says what. `cargo xtask contract` keeps
//! what is built of it for each version of the contract.

use evenhand_sdk::accelerators::{self, Requirements};
use evenhand_sdk::http::{Body, Request, Response};
use evenhand_sdk::log::{self, Level};
use evenhand_sdk::tensors::{
    self, DeviceKind, Dtype, GenerationEvent, InferRequest, ModelOptions, Prompt, Tensor, Turn,
};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, NativeRequest, Provider, weights};

struct Whole;

#[derive(serde::Deserialize)]
struct Config {
    /// The vendor's origin.
    vendor: String,
}

fn vendor() -> Result<String, Error> {
    Ok(evenhand_sdk::config::<Config>()?.vendor)
}

fn says(text: impl AsRef<str>) -> Result<Box<dyn Generation>, Error> {
    Ok(evenhand_sdk::answer(text.as_ref(), FinishReason::Stop))
}

impl Provider for Whole {
    const DIALECTS: &'static [&'static str] = &["openai-chat"];

    fn check() -> Result<(), Error> {
        log::write(Level::Debug, "checked");
        vendor().map(drop)
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        Ok(vec![ModelInfo {
            id: "echo".into(),
            display_name: Some("Echo".into()),
            created: Some(1),
            tasks: vec![Task::Generate, Task::Embed],
            max_input_tokens: Some(2),
            max_output_tokens: Some(3),
            owned_by: Some("nobody".into()),
            raw: Some("{}".into()),
        }])
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        match request.model.as_str() {
            "echo" => echo(request),
            "send" => send(),
            "weights" => says(read_weights()?),
            "accelerators" => says(accelerate()?),
            other => Err(Error {
                code: ErrorCode::RateLimited,
                message: format!("no {other}"),
                param: Some("model".into()),
                retry_after_ms: Some(7),
                upstream: Some(UpstreamError {
                    status: 429,
                    body: "slow".into(),
                }),
            }),
        }
    }

    fn embed(request: EmbedRequest) -> Result<Embeddings, Error> {
        let length = request.dimensions.unwrap_or(1) as usize;
        let lengths: Vec<usize> = match request.input {
            EmbedInput::Texts(texts) => texts.iter().map(String::len).collect(),
            EmbedInput::Tokens(tokens) => tokens.iter().map(Vec::len).collect(),
        };
        Ok(Embeddings {
            model: Some(request.model),
            vectors: lengths
                .iter()
                .map(|many| vec![*many as f32; length])
                .collect(),
            usage: usage(),
            warnings: vec![Warning {
                field: "user".into(),
                message: request.user.unwrap_or_default(),
            }],
        })
    }

    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        Ok(TokenCount {
            input_tokens: request.messages.len() as u64,
            approximate: true,
        })
    }

    fn forward(request: NativeRequest, body: Body) -> Result<Response, Error> {
        let query = request.query.unwrap_or_default();
        let way = if request.stream { "streamed" } else { "whole" };
        Request::post(format!(
            "{}/{way}/{}/{}?{query}",
            vendor()?,
            request.dialect,
            request.model
        ))
        .headers(request.headers)
        .credential("key")
        .body(body)
        .send()
    }
}

/// Every kind of event, and in one of them each part of the last message.
fn echo(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
    let part_started = |index, kind| Event::part_started(index, kind);
    let mut events = vec![
        Event::Started(Started {
            id: Some("1".into()),
            model: Some(request.model),
            service_tier: request.service_tier,
        }),
        Event::warning("sampling.seed", format!("{:?}", request.sampling.seed)),
        part_started(0, PartKind::Reasoning(ReasoningKind::Summary)),
        Event::text(0, "thought"),
        Event::part_ended(0, Some("{\"signature\":1}".into())),
        part_started(1, PartKind::Text),
        Event::text(1, "said"),
        Event::PartDelta(PartDelta {
            choice: 0,
            index: 1,
            delta: Delta::Logprobs(vec![TokenLogprob {
                token: "said".into(),
                logprob: -0.5,
                bytes: Some(b"said".to_vec()),
                top: vec![("told".into(), -1.5)],
            }]),
        }),
        Event::part_ended(1, None),
        part_started(
            2,
            PartKind::ToolCall(ToolCallStart {
                id: "call".into(),
                name: "tool".into(),
                by_provider: false,
            }),
        ),
        Event::text(2, "{}"),
        Event::part_ended(2, None),
    ];
    let parts = request
        .messages
        .into_iter()
        .next_back()
        .map(|message| message.parts);
    for (part, index) in parts.unwrap_or_default().into_iter().zip(3..) {
        events.push(Event::Part(WholePart {
            choice: 0,
            index,
            part,
        }));
    }
    events.push(Event::Usage(usage()));
    events.push(Event::finished(FinishReason::Other("echoed".into())));
    Ok(Box::new(vec![events].into_iter()))
}

fn usage() -> Usage {
    Usage {
        input_tokens: Some(1),
        cache_read_tokens: Some(2),
        cache_write_tokens: Some(3),
        cache_write_1h_tokens: Some(4),
        input_audio_tokens: Some(5),
        output_tokens: Some(6),
        reasoning_tokens: Some(7),
        output_audio_tokens: Some(8),
        raw: Some("{}".into()),
    }
}

/// Sends two requests: the body of the first one's answer is that of the second, unread.
fn send() -> Result<Box<dyn Generation>, Error> {
    let url = format!("{}/echo", vendor()?);
    let first = Request::get(&url).header("x-first", "1").send()?;
    let first = (first.status(), first.body());
    let second = Request::post(url).body(first.1).send()?;
    let (status, body) = (second.status(), second.body());
    let mut length = 0;
    while let Some(piece) = body.read()? {
        length += piece.len();
    }
    let more = Request::get(format!("{}/last", vendor()?))
        .text("t")
        .send()?
        .text(100)?;
    says(format!("{} {status} {} {more}", first.0, length > 0))
}

fn read_weights() -> Result<String, Error> {
    let names = weights::names().concat();
    let file = weights::open(&names)?;
    let read = file.read(1, 3)?;
    Ok(format!(
        "{names} {} {}",
        file.size(),
        String::from_utf8_lossy(&read)
    ))
}

fn accelerate() -> Result<String, Error> {
    let wanted = Requirements {
        backend: Some("whole".into()),
        device: Some(DeviceKind::Npu),
        task: Some(tensors::Task::Infer),
    };
    let listed: Vec<String> = accelerators::list(&wanted)?
        .into_iter()
        .map(|(backend, models)| {
            format!(
                "{}/{}/{}",
                backend.name,
                models.len(),
                backend.devices.len()
            )
        })
        .collect();
    let model = accelerators::open(
        "reverser",
        &wanted,
        &ModelOptions {
            version: Some("2".into()),
            device: None,
            options: vec![("way".into(), "back".into())],
        },
    )?;
    let info = model.info();
    let inferred = model.infer(&InferRequest {
        inputs: vec![Tensor {
            name: "in".into(),
            dtype: Dtype::Bf16,
            shape: vec![1, 2],
            data: b"abcd".to_vec(),
        }],
        outputs: vec!["out".into()],
        parameters: Vec::new(),
    })?;
    let out = &inferred.outputs[0];
    let vectors = model
        .embed(&["four".to_owned(), String::new()])?
        .vectors
        .concat();
    let turn = |role: &str, text: &str| Turn {
        role: role.into(),
        text: text.into(),
    };
    let chat = Prompt::Chat(vec![turn("user", "a"), turn("tool", "b")]);
    let counts = [chat, Prompt::Raw("a b c".into()), Prompt::Tokens(vec![5])]
        .map(|prompt| model.count_tokens(&prompt));
    let [chat, raw, tokens] = counts;
    let sampling = tensors::Sampling {
        max_tokens: Some(2),
        temperature: Some(0.0),
        top_p: Some(1.0),
        top_k: Some(1),
        seed: Some(1),
        stop: vec![";".into()],
    };
    let generation = model.generate(&Prompt::Raw("two one none".into()), &sampling)?;
    let mut text = String::new();
    while let Some(events) = generation.next()? {
        for event in events {
            match event {
                GenerationEvent::Text(more) => text += &more,
                GenerationEvent::Done((_, work)) => text += &work.output_tokens.to_string(),
            }
        }
    }
    Ok(format!(
        "{} {} {}={} {vectors:?} {}{}{} {text}",
        listed.concat(),
        info.name,
        out.name,
        String::from_utf8_lossy(&out.data),
        chat?,
        raw?,
        tokens?,
    ))
}

evenhand_sdk::export_provider!(Whole);

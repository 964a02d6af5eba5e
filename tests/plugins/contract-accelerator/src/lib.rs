//! An accelerator that uses all that the contract gives to one, in both directions. `cargo xtask contract` keeps what is built of it
//! for each version of the contract.

use evenhand_sdk::log::{self, Level};
use evenhand_sdk::tensors::*;
use evenhand_sdk::{Backend, BackendGeneration, BackendModel, Error};

struct Whole;

struct Reverser;

/// Words that are left, the last first.
struct Words(Vec<String>);

impl Backend for Whole {
    type Model = Reverser;

    fn describe() -> Result<BackendInfo, Error> {
        log::write(Level::Trace, "described");
        Ok(BackendInfo {
            vendor: "evenhand".into(),
            name: "whole".into(),
            version: "1".into(),
            devices: vec![Device {
                id: "0".into(),
                kind: DeviceKind::Npu,
                name: "a device".into(),
                memory_bytes: Some(1 << 30),
                count: 2,
            }],
            limits: Limits {
                max_batch: Some(8),
                max_request_bytes: Some(1 << 20),
                concurrency: Some(4),
            },
        })
    }

    fn ready() -> Result<(), Error> {
        Ok(())
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        Ok(vec![info()])
    }

    fn open(name: String, options: ModelOptions) -> Result<Reverser, Error> {
        let wanted = [("way", "back")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        if name == "reverser"
            && options.version.as_deref() == Some("2")
            && options.options == wanted
        {
            return Ok(Reverser);
        }
        Err(Error::not_found(format!("there is no {name:?} so")).at("name"))
    }
}

impl BackendModel for Reverser {
    fn info(&self) -> ModelInfo {
        info()
    }

    /// The inputs' elements, bytes from behind.
    fn infer(&self, request: InferRequest) -> Result<InferResponse, Error> {
        let mut outputs = request.inputs;
        for output in &mut outputs {
            output.data.reverse();
            output.name = request.outputs.concat();
        }
        Ok(InferResponse {
            outputs,
            work: work(0),
        })
    }

    /// Lengths, as vectors of one.
    fn embed(&self, texts: Vec<String>) -> Result<EmbedResult, Error> {
        Ok(EmbedResult {
            vectors: texts.iter().map(|text| vec![text.len() as f32]).collect(),
            work: work(texts.len() as u64),
        })
    }

    fn count_tokens(&self, prompt: Prompt) -> Result<u32, Error> {
        Ok(words(prompt).len() as u32)
    }

    fn generate(
        &self,
        prompt: Prompt,
        sampling: Sampling,
    ) -> Result<Box<dyn BackendGeneration>, Error> {
        let mut words = words(prompt);
        words.truncate(sampling.max_tokens.unwrap_or(u32::MAX) as usize);
        Ok(Box::new(Words(words)))
    }
}

impl BackendGeneration for Words {
    fn next(&mut self) -> Result<Option<Vec<GenerationEvent>>, Error> {
        let Some(word) = self.0.pop() else {
            return Ok(None);
        };
        let mut events = vec![GenerationEvent::Text(format!("{word};"))];
        if self.0.is_empty() {
            let end = GenerationFinish::StopSequence(";".into());
            events.push(GenerationEvent::Done((end, work(1))));
        }
        Ok(Some(events))
    }
}

fn words(prompt: Prompt) -> Vec<String> {
    match prompt {
        Prompt::Raw(text) => text.split(' ').map(Into::into).collect(),
        Prompt::Chat(turns) => turns
            .into_iter()
            .map(|turn| turn.role + ":" + &turn.text)
            .collect(),
        Prompt::Tokens(tokens) => tokens.iter().map(u32::to_string).collect(),
    }
}

fn info() -> ModelInfo {
    ModelInfo {
        name: "reverser".into(),
        versions: vec!["2".into(), "1".into()],
        platform: "none".into(),
        tasks: vec![Task::Infer, Task::Embed, Task::Generate],
        inputs: vec![TensorSpec {
            name: "in".into(),
            dtype: Dtype::Bf16,
            shape: vec![-1, 2],
        }],
        outputs: Vec::new(),
        max_context: Some(64),
        dimensions: Some(1),
    }
}

fn work(tokens: u64) -> Work {
    Work {
        input_tokens: tokens,
        output_tokens: tokens,
        device_ns: Some(1),
    }
}

evenhand_sdk::export_accelerator!(Whole);

//! An accelerator that counts: calls that its instance has seen, and generations that are open in it. The prompt says how it
//! misbehaves. Its `config` has the address of a gate that the test holds.

use std::cell::Cell;

use evenhand_sdk::http::Request;
use evenhand_sdk::tensors::*;
use evenhand_sdk::{Backend, BackendGeneration, BackendModel, Error};

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
    static MODELS: Cell<u32> = const { Cell::new(0) };
    static GENERATIONS: Cell<u32> = const { Cell::new(0) };
}

fn add(count: &'static std::thread::LocalKey<Cell<u32>>) {
    count.set(count.get() + 1);
}

fn subtract(count: &'static std::thread::LocalKey<Cell<u32>>) {
    count.set(count.get() - 1);
}

#[derive(serde::Deserialize)]
struct Config {
    /// A URL that answers when the test wants.
    gate: String,
}

struct Counting;

struct Counter;

/// An open generation: words to say, or none and without end.
struct Words(Option<Vec<&'static str>>);

impl Backend for Counting {
    type Model = Counter;

    fn describe() -> Result<BackendInfo, Error> {
        Ok(BackendInfo {
            vendor: "evenhand".into(),
            name: "another's name".into(),
            version: "1".into(),
            devices: Vec::new(),
            limits: Limits {
                max_batch: None,
                max_request_bytes: None,
                concurrency: None,
            },
        })
    }

    fn ready() -> Result<(), Error> {
        Ok(())
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        Ok(vec![info()])
    }

    fn open(_: String, _: ModelOptions) -> Result<Counter, Error> {
        add(&MODELS);
        Ok(Counter)
    }
}

impl BackendModel for Counter {
    fn info(&self) -> ModelInfo {
        info()
    }

    /// Calls of this kind, open models and open generations.
    fn embed(&self, texts: Vec<String>) -> Result<EmbedResult, Error> {
        add(&CALLS);
        match texts.first().map(String::as_str) {
            Some("panic") => panic!("as asked"),
            Some("spin") => loop {
                add(&CALLS);
            },
            _ => {}
        }
        let counts = [CALLS.get(), MODELS.get(), GENERATIONS.get()];
        Ok(EmbedResult {
            vectors: vec![counts.iter().map(|count| *count as f32).collect()],
            work: work(),
        })
    }

    fn generate(&self, prompt: Prompt, _: Sampling) -> Result<Box<dyn BackendGeneration>, Error> {
        let words = match prompt {
            Prompt::Raw(text) if text == "endless" => Words(None),
            Prompt::Raw(text) if text == "gate" => {
                let gate = evenhand_sdk::config::<Config>()?.gate;
                Request::get(gate).send()?;
                Words(Some(vec![]))
            }
            _ => Words(Some(vec!["two", "one"])),
        };
        add(&GENERATIONS);
        Ok(Box::new(words))
    }
}

impl BackendGeneration for Words {
    fn next(&mut self) -> Result<Option<Vec<GenerationEvent>>, Error> {
        Ok(match &mut self.0 {
            None => Some(vec![GenerationEvent::Text("more ".into())]),
            Some(words) => words.pop().map(|word| {
                let mut events = vec![GenerationEvent::Text(word.into())];
                if words.is_empty() {
                    events.push(GenerationEvent::Done((GenerationFinish::Stop, work())));
                }
                events
            }),
        })
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        subtract(&MODELS);
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        subtract(&GENERATIONS);
    }
}

fn info() -> ModelInfo {
    ModelInfo {
        name: "counter".into(),
        versions: Vec::new(),
        platform: "none".into(),
        tasks: vec![Task::Embed, Task::Generate],
        inputs: Vec::new(),
        outputs: Vec::new(),
        max_context: None,
        dimensions: Some(3),
    }
}

fn work() -> Work {
    Work {
        input_tokens: 0,
        output_tokens: 0,
        device_ns: None,
    }
}

evenhand_sdk::export_accelerator!(Counting);

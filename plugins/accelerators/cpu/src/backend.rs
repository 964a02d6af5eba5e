//! The component: the engine behind the accelerator world.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{cell::RefCell, result};

use evenhand_sdk::tensors::{
    BackendInfo, Device, DeviceKind, EmbedResult, GenerationEvent, Limits, ModelInfo, ModelOptions,
    Prompt, Sampling, Task,
};
use evenhand_sdk::types::ErrorCode;
use evenhand_sdk::weights::{self, File};
use evenhand_sdk::{Backend, BackendGeneration, BackendModel, Error};

use crate::config::{Config, Model};
use crate::generation::work;
use crate::room::{Promise, Room};
use crate::{CHUNK, LanguageModel, MOST_TOKENS, SentenceEncoder, Weights};

/// The only device: the processor that the host runs on, one thread of it.
const DEVICE: &str = "cpu";
/// A call of `next` gives the thread back after this and a step of the engine, which are 50 ms at most.
const SLICE: Duration = Duration::from_millis(35);
/// Texts of a call of `embed`: they are computed one after the other while answers wait.
const MOST_TEXTS: usize = 8;
/// Bytes of them. Of a text no more than the first 256 tokens count, but all of it has to be split into tokens.
const MOST_BYTES: usize = 256 << 10;
/// Most bytes of a `tokenizer.json` or `config.json`; the former of all-MiniLM-L6-v2 has 466 KB.
const MOST_JSON: u64 = 32 << 20;

type Result<T> = result::Result<T, Error>;

/// What stays from call to call.
struct State {
    config: Config,
    room: Room,
    loaded: RefCell<HashMap<String, Engine>>,
}

/// A model with its weights in memory. A clone stands for the same weights.
#[derive(Clone)]
enum Engine {
    Language(LanguageModel),
    Encoder(Rc<SentenceEncoder>),
}

thread_local! {
    static STATE: OnceCell<Rc<State>> = const { OnceCell::new() };
}

/// The instance's state. A wrong config is an error of every call, not a trap.
fn state() -> Result<Rc<State>> {
    STATE.with(|cell| {
        if let Some(state) = cell.get() {
            return Ok(Rc::clone(state));
        }
        let config = Config::get()?;
        let room = Room::new(config.cache_tokens);
        let loaded = RefCell::default();
        let state = State {
            config,
            room,
            loaded,
        };
        Ok(Rc::clone(cell.get_or_init(|| Rc::new(state))))
    })
}

struct Cpu;

impl Backend for Cpu {
    type Model = Opened;

    fn describe() -> Result<BackendInfo> {
        Ok(BackendInfo {
            vendor: "Evenhand".into(),
            name: DEVICE.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            devices: vec![Device {
                id: DEVICE.into(),
                kind: DeviceKind::Cpu,
                name: "one thread of the host's processor, 128-bit SIMD".into(),
                memory_bytes: None,
                count: 1,
            }],
            limits: Limits {
                max_batch: Some(MOST_TEXTS as u32),
                max_request_bytes: Some(MOST_BYTES as u64),
                concurrency: None,
            },
        })
    }

    fn ready() -> Result<()> {
        let state = state()?;
        let granted = weights::names();
        let mut files = state.config.models.iter().flat_map(Model::files);
        match files.find(|file| !granted.iter().any(|name| name == file)) {
            Some(file) => Err(Error::new(
                ErrorCode::RefusedByPolicy,
                format!(
                    "the weights `{file}` are not granted: write them under [plugin.grant.weights]"
                ),
            )),
            None => Ok(()),
        }
    }

    fn models() -> Result<Vec<ModelInfo>> {
        state()?.config.models.iter().map(info).collect()
    }

    fn open(name: String, options: ModelOptions) -> Result<Opened> {
        let state = state()?;
        let model = state.config.model(&name)?;
        check(&options)?;
        let info = info(model)?;
        let known = state.loaded.borrow().get(&name).cloned();
        let engine = match known {
            Some(engine) => engine,
            None => {
                let engine = load(model)?;
                state.loaded.borrow_mut().insert(name, engine.clone());
                engine
            }
        };
        let room = state.room.clone();
        Ok(Opened { info, engine, room })
    }
}

/// Refuses what would have no effect.
fn check(options: &ModelOptions) -> Result<()> {
    if let Some(version) = &options.version {
        return Err(
            Error::not_found(format!("no version `{version}`: models here have none"))
                .at("version"),
        );
    }
    if let Some(device) = options.device.as_ref().filter(|device| *device != DEVICE) {
        return Err(
            Error::not_found(format!("no device `{device}` here, only `{DEVICE}`")).at("device"),
        );
    }
    match options.options.first() {
        Some((name, _)) => Err(Error::bad_request(format!(
            "no option `{name}`: models here have none"
        ))
        .at("options")),
        None => Ok(()),
    }
}

/// What a model is, loaded or not.
fn info(model: &Model) -> Result<ModelInfo> {
    let info = |platform: &str, task, context: usize, dimensions: Option<usize>| ModelInfo {
        name: model.name().into(),
        versions: Vec::new(),
        platform: platform.into(),
        tasks: vec![task],
        inputs: Vec::new(),
        outputs: Vec::new(),
        max_context: u32::try_from(context).ok(),
        dimensions: dimensions.and_then(|n| u32::try_from(n).ok()),
    };
    match model {
        Model::Gguf { context, .. } => Ok(info("gguf", Task::Generate, *context, None)),
        Model::Bert { config, .. } => {
            let dimensions = SentenceEncoder::dimensions(&whole(config)?);
            let dimensions = dimensions.map_err(|e| failed_to_load(model, &e))?;
            Ok(info(
                "safetensors",
                Task::Embed,
                MOST_TOKENS,
                Some(dimensions),
            ))
        }
    }
}

fn load(model: &Model) -> Result<Engine> {
    let engine = match model {
        Model::Gguf {
            weights, context, ..
        } => LanguageModel::load(&open_file(weights)?, *context).map(Engine::Language),
        Model::Bert {
            weights,
            tokenizer,
            config,
            ..
        } => SentenceEncoder::load(&open_file(weights)?, &whole(tokenizer)?, &whole(config)?)
            .map(|encoder| Engine::Encoder(Rc::new(encoder))),
    };
    engine.map_err(|error| failed_to_load(model, &error))
}

/// Errors of a file are the operator's, not the request's.
fn failed_to_load(model: &Model, error: &crate::Error) -> Error {
    Error::internal(format!(
        "the model `{}` (files {:?}): {error}",
        model.name(),
        model.files()
    ))
}

/// A granted file.
struct GrantedFile(File);

impl Weights for GrantedFile {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read(&self, offset: u64, length: u32) -> io::Result<Vec<u8>> {
        self.0
            .read(offset, length)
            .map_err(|error| io::Error::other(error.message))
    }
}

fn open_file(name: &str) -> Result<GrantedFile> {
    weights::open(name).map(GrantedFile)
}

/// A small file, whole.
fn whole(name: &str) -> Result<Vec<u8>> {
    let file = weights::open(name)?;
    let size = file.size();
    if size > MOST_JSON {
        return Err(Error::internal(format!(
            "the file `{name}` has {size} bytes, more than {MOST_JSON}: is it the right one?"
        )));
    }
    let mut bytes = Vec::new();
    loop {
        let read = file.read(bytes.len() as u64, CHUNK)?;
        if read.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(read);
    }
}

/// An open model.
struct Opened {
    info: ModelInfo,
    engine: Engine,
    room: Room,
}

impl BackendModel for Opened {
    fn info(&self) -> ModelInfo {
        self.info.clone()
    }

    fn embed(&self, texts: Vec<String>) -> Result<EmbedResult> {
        let Engine::Encoder(encoder) = &self.engine else {
            return Err(self.cannot("embed"));
        };
        let bytes: usize = texts.iter().map(String::len).sum();
        if texts.len() > MOST_TEXTS || bytes > MOST_BYTES {
            let message = format!(
                "{} texts of {bytes} bytes are more than the {MOST_TEXTS} and {MOST_BYTES} of a call: send fewer at a time",
                texts.len()
            );
            return Err(Error::new(ErrorCode::TooLarge, message).at("texts"));
        }
        let begun = Instant::now();
        let embeddings = encoder.embed(&texts)?;
        Ok(EmbedResult {
            vectors: embeddings.vectors,
            work: work(embeddings.tokens, 0, begun.elapsed()),
        })
    }

    fn count_tokens(&self, prompt: Prompt) -> Result<u32> {
        let count = match (&self.engine, prompt) {
            (Engine::Language(model), prompt) => model.count_tokens(&prompt)?,
            (Engine::Encoder(encoder), Prompt::Raw(text)) => encoder.count_tokens(&text)?,
            (Engine::Encoder(_), Prompt::Tokens(tokens)) => tokens.len(),
            (Engine::Encoder(_), Prompt::Chat(_)) => return Err(self.cannot("read a conversation")),
        };
        u32::try_from(count)
            .map_err(|_| Error::new(ErrorCode::TooLarge, "too many tokens to count").at("prompt"))
    }

    fn generate(&self, prompt: Prompt, sampling: Sampling) -> Result<Box<dyn BackendGeneration>> {
        let Engine::Language(model) = &self.engine else {
            return Err(self.cannot("generate"));
        };
        let generation = model.generate(&prompt, &sampling)?;
        let answer = sampling.max_tokens.map_or(usize::MAX, |most| most as usize);
        let most = generation.prompt_tokens().saturating_add(answer);
        let promise = self.room.promise(most.min(model.context()))?;
        Ok(Box::new(Answer {
            generation,
            _promise: promise,
        }))
    }
}

impl Opened {
    fn cannot(&self, what: &str) -> Error {
        Error::unsupported(format!("{} can't {what}", self.info.name)).at("model")
    }
}

/// An answer in the making, and the room for it.
struct Answer {
    generation: crate::Generation,
    _promise: Promise,
}

impl BackendGeneration for Answer {
    fn next(&mut self) -> Result<Option<Vec<GenerationEvent>>> {
        Ok(self.generation.next(SLICE))
    }
}

impl From<crate::Error> for Error {
    /// For errors of a request; those of loading are [`failed_to_load`]'s.
    fn from(error: crate::Error) -> Self {
        use crate::Error as Engine;
        let message = error.to_string();
        match error {
            Engine::Request(_) => Self::bad_request(message),
            Engine::PromptTooLong { .. } => Self::bad_request(message).at("prompt"),
            Engine::Unsupported(_) => Self::unsupported(message),
            Engine::Read(_) | Engine::Invalid(_) | Engine::Internal(_) => Self::internal(message),
        }
    }
}

evenhand_sdk::export_accelerator!(Cpu);

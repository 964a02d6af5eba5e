//! Models that run on accelerators which the operator granted: no vendor, no network.
//!
//! Every model that a granted accelerator has is served under its own name. Translation is pure and lies in the modules;
//! this file alone talks to accelerators.

mod embed;
mod request;
mod serving;
mod stream;

use evenhand_sdk::accelerators::{self, Model, Requirements};
use evenhand_sdk::tensors::{ModelOptions, Prompt, Task as Need};
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Generation, Provider, Warnings};
use serde::Deserialize;

use stream::Machine;

/// There is nothing to configure: which models there are is the accelerators' config.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

struct Local;

impl Provider for Local {
    fn check() -> Result<(), Error> {
        evenhand_sdk::config::<Config>().map(drop)
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        let Config {} = evenhand_sdk::config()?;
        Ok(serving::served(&accelerators::list(&need(None, None))?))
    }

    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
        let translated = request::translate(&request)?;
        let model = open(&request.model, need(None, Some(Need::Generate)))?;
        let generation = model
            .generate(&translated.prompt, &translated.sampling)
            .map_err(in_neutral_words)?;
        Ok(Box::new(Answer {
            generation,
            _model: model,
            machine: Machine::new(request.model, translated.warnings.into_events()),
        }))
    }

    fn embed(request: EmbedRequest) -> Result<Embeddings, Error> {
        let backends = accelerators::list(&need(None, Some(Need::Embed)))?;
        let (backend, info) = serving::backend_of(&backends, &request.model)?;
        let mut warnings = Warnings::default();
        let texts = embed::texts(request, info, &mut warnings)?;
        let model = open(&info.name, need(Some(&backend.name), Some(Need::Embed)))?;
        for (index, text) in texts.iter().enumerate() {
            // No token is shorter than a byte, and two are added.
            if info
                .max_context
                .is_some_and(|most| text.len() + 2 > most as usize)
            {
                let tokens = model
                    .count_tokens(&Prompt::Raw(text.clone()))
                    .map_err(in_neutral_words)?;
                embed::cut(index, tokens, info, &mut warnings);
            }
        }
        let mut vectors = Vec::with_capacity(texts.len());
        let mut input_tokens = 0;
        for batch in serving::batches(texts, &backend.limits) {
            let result = model.embed(&batch).map_err(in_neutral_words)?;
            if result.vectors.len() != batch.len() {
                let (got, sent) = (result.vectors.len(), batch.len());
                return Err(Error::upstream(format!(
                    "the accelerator gave {got} vectors for {sent} texts"
                )));
            }
            input_tokens += result.work.input_tokens;
            vectors.extend(result.vectors);
        }
        Ok(Embeddings {
            model: Some(info.name.clone()),
            vectors,
            usage: Usage {
                input_tokens: Some(input_tokens),
                ..Usage::default()
            },
            warnings: warnings.into_vec(),
        })
    }

    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        // What can't be honoured is said when it matters, with the answer.
        let prompt = request::prompt(&request, &mut Warnings::default())?;
        let model = open(&request.model, need(None, Some(Need::Generate)))?;
        Ok(TokenCount {
            input_tokens: model
                .count_tokens(&prompt)
                .map_err(in_neutral_words)?
                .into(),
            approximate: false,
        })
    }
}

fn need(backend: Option<&str>, task: Option<Need>) -> Requirements {
    Requirements {
        backend: backend.map(str::to_owned),
        device: None,
        task,
    }
}

fn open(name: &str, need: Requirements) -> Result<Model, Error> {
    let newest = ModelOptions {
        version: None,
        device: None,
        options: Vec::new(),
    };
    accelerators::open(name, &need, &newest)
}

/// Accelerators name fields of their own contract.
fn in_neutral_words(error: Error) -> Error {
    let param = match error.param.as_deref() {
        Some("prompt") => Some("messages".into()),
        Some("texts") => Some("input".into()),
        _ => error.param,
    };
    Error { param, ..error }
}

/// An answer that comes token by token. The generation is declared first: it must be gone before its model.
struct Answer {
    generation: accelerators::Generation,
    _model: Model,
    machine: Machine,
}

impl Generation for Answer {
    fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        let mut events = Vec::new();
        while events.is_empty() {
            if self.machine.is_finished() {
                return Ok(None);
            }
            let Some(steps) = self.generation.next()? else {
                return Err(Error::upstream("the accelerator's answer ended mid-stream"));
            };
            self.machine.steps(steps, &mut events);
        }
        Ok(Some(events))
    }
}

evenhand_sdk::export_provider!(Local);

//! An accelerator, asked by the host itself: for tests of components.

use std::sync::Arc;

use types::Error;

use crate::bindings::tensors;
use crate::kept::{Kept, Limit, Remote};
use crate::plugin::{Guest, Plugin};

/// A loaded accelerator.
pub struct Backend(Arc<Kept>);

/// What an accelerator says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Who makes it.
    pub vendor: String,
    /// Its version.
    pub version: String,
    /// Names of its devices, and how many of each.
    pub devices: Vec<(String, u32)>,
    /// Its models.
    pub models: Vec<Offer>,
}

/// A model that it has.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// Tensors in, tensors out.
    pub infers: bool,
    /// Texts to vectors.
    pub embeds: bool,
    /// Text from a prompt.
    pub generates: bool,
    /// Length of a vector.
    pub dimensions: Option<u32>,
}

/// An open model.
pub struct Model(Remote);

/// An answer in the making. Dropped, it is over.
pub struct Generation(Remote);

/// A step of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Text.
    Text(String),
    /// The end: whether it was cut at the most tokens, and how many were written.
    Done {
        /// `max-tokens` was reached.
        length: bool,
        /// Tokens written.
        output_tokens: u64,
    },
}

impl Plugin {
    /// The same as an accelerator, where it is one.
    pub fn backend(&self) -> Option<Backend> {
        match &self.guest {
            Guest::Accelerator(kept) => Some(Backend(kept.clone())),
            _ => None,
        }
    }
}

impl Backend {
    /// What it is, once it says that it is ready, and its models.
    ///
    /// # Errors
    /// The accelerator's.
    pub async fn describe(&self) -> Result<About, Error> {
        let (info, models) = self.0.describe(Limit::Deadline, true).await?;
        let offer = |model: tensors::ModelInfo| Offer {
            infers: model.tasks.contains(&tensors::Task::Infer),
            embeds: model.tasks.contains(&tensors::Task::Embed),
            generates: model.tasks.contains(&tensors::Task::Generate),
            name: model.name,
            dimensions: model.dimensions,
        };
        let devices = info.devices.into_iter();
        Ok(About {
            vendor: info.vendor,
            version: info.version,
            devices: devices.map(|it| (it.name, it.count)).collect(),
            models: models.into_iter().map(offer).collect(),
        })
    }

    /// Opens a model.
    ///
    /// # Errors
    /// The accelerator's.
    pub async fn open(&self, name: &str) -> Result<Model, Error> {
        let options = tensors::ModelOptions {
            version: None,
            device: None,
            options: Vec::new(),
        };
        crate::broker::open(&self.0, name, &options)
            .await
            .map(Model)
    }
}

impl Model {
    /// Tokens of a text.
    ///
    /// # Errors
    /// The accelerator's.
    pub async fn count_tokens(&self, text: &str) -> Result<u32, Error> {
        let prompt = tensors::Prompt::Raw(text.into());
        crate::broker::remote!(self.0, Limit::Deadline, model.call_count_tokens(&prompt))
    }

    /// A vector for each text.
    ///
    /// # Errors
    /// The accelerator's.
    pub async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, Error> {
        let embedded = crate::broker::remote!(self.0, Limit::Deadline, model.call_embed(&texts));
        embedded.map(|embedded| embedded.vectors)
    }

    /// Computes with no tensors at all: what a model does that can't, or that misses its inputs.
    ///
    /// # Errors
    /// The accelerator's.
    pub async fn infer_nothing(&self) -> Result<(), Error> {
        let request = tensors::InferRequest {
            inputs: Vec::new(),
            outputs: Vec::new(),
            parameters: Vec::new(),
        };
        crate::broker::remote!(self.0, Limit::Deadline, model.call_infer(&request)).map(drop)
    }

    /// Begins an answer to what a user says, greedily.
    ///
    /// # Errors
    /// The accelerator's.
    pub async fn generate(&self, text: &str, max_tokens: u32) -> Result<Generation, Error> {
        let turn = tensors::Turn {
            role: "user".into(),
            text: text.into(),
        };
        let prompt = tensors::Prompt::Chat(vec![turn]);
        let sampling = tensors::Sampling {
            max_tokens: Some(max_tokens),
            temperature: Some(0.0),
            top_p: None,
            top_k: None,
            seed: None,
            stop: Vec::new(),
        };
        let begun = crate::broker::generate(&self.0, prompt, sampling).await;
        begun.map(Generation)
    }
}

impl Generation {
    /// The next steps; `None` at the end.
    ///
    /// # Errors
    /// The accelerator's.
    pub async fn next(&self) -> Result<Option<Vec<Step>>, Error> {
        let steps = crate::broker::remote!(self.0, Limit::Idle, generation.call_next())?;
        let step = |event| match event {
            tensors::GenerationEvent::Text(text) => Step::Text(text),
            tensors::GenerationEvent::Done((finish, work)) => Step::Done {
                length: matches!(finish, tensors::GenerationFinish::Length),
                output_tokens: work.output_tokens,
            },
        };
        Ok(steps.map(|steps| steps.into_iter().map(step).collect()))
    }
}

//! The `cpu` accelerator: computes inside its own sandbox, with SIMD of 128 bits and one thread.
//!
//! Two kinds of models: [`LanguageModel`] writes text (GGUF, llama architecture), [`SentenceEncoder`] turns texts into
//! vectors (safetensors, BERT). Both load from [`Weights`], of which they never hold a whole file.
//!
//! One instance serves call after call. Models and their weights stay; of a request nothing does, once its
//! [`Generation`] is dropped: tokenizers keep no cache, and all scratch space belongs to the generation.

mod attention;
mod backend;
mod bert;
mod chat;
mod config;
mod error;
mod generation;
mod gguf;
mod llama;
mod math;
mod quant;
mod room;
mod sampler;
mod text;
mod tokenizer;
mod weights;

pub use bert::{Embeddings, MOST_TOKENS, SentenceEncoder};
pub use error::Error;
pub use generation::{Generation, LanguageModel};
pub use weights::{CHUNK, Weights};

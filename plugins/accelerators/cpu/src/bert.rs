//! Sentence embeddings by models of the BERT architecture, computed by candle.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use safetensors::tensor::{Metadata, TensorInfo};
use tokenizers::Tokenizer;

use crate::error::Error;
use crate::weights::{Reader, Weights};

/// Tokens after which a text is cut, as sentence-transformers does for all-MiniLM-L6-v2: it was not trained for more.
pub const MOST_TOKENS: usize = 256;
/// Most bytes of a header; that of all-MiniLM-L6-v2 has 11 KB.
const MOST_HEADER: u64 = 1 << 20;

/// Vectors of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// One for each text, of length one.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all texts, with the two that each gets at its ends and without those that were cut off.
    pub tokens: usize,
}

/// A sentence encoder with its weights in memory: BERT, the mean over all tokens, normalised.
pub struct SentenceEncoder {
    model: BertModel,
    tokenizer: Tokenizer,
}

impl SentenceEncoder {
    /// Loads safetensors in f32, with the bytes of the `tokenizer.json` and `config.json` that belong to them.
    ///
    /// # Errors
    /// Where a file can't be read, is damaged, or needs what this engine doesn't have.
    pub fn load(weights: &dyn Weights, tokenizer: &[u8], config: &[u8]) -> Result<Self, Error> {
        let config = read_config(config)?;
        let mut tokenizer = Tokenizer::from_bytes(tokenizer).map_err(Error::invalid)?;
        tokenizer
            .with_padding(None)
            .with_truncation(None)
            .map_err(Error::invalid)?;
        let tensors = VarBuilder::from_tensors(read_tensors(weights)?, DType::F32, &Device::Cpu);
        let model = BertModel::load(tensors, &config).map_err(Error::invalid)?;
        Ok(Self { model, tokenizer })
    }

    /// Length of the vectors of a model with this `config.json`.
    ///
    /// # Errors
    /// Where it is none.
    pub fn dimensions(config: &[u8]) -> Result<usize, Error> {
        Ok(read_config(config)?.hidden_size)
    }

    /// Counts the tokens of a text, with the two that it gets at its ends. Those after [`MOST_TOKENS`] don't count for
    /// its vector.
    ///
    /// # Errors
    /// Only by a bug.
    pub fn count_tokens(&self, text: &str) -> Result<usize, Error> {
        self.encode(text).map(|tokens| tokens.len())
    }

    /// A vector for each text.
    ///
    /// # Errors
    /// Only by a bug.
    pub fn embed(&self, texts: &[String]) -> Result<Embeddings, Error> {
        let mut embeddings = Embeddings {
            vectors: Vec::with_capacity(texts.len()),
            tokens: 0,
        };
        // One by one: padding to the longest would cost more than a batch gains on one thread.
        for text in texts {
            let mut tokens = self.encode(text)?;
            if tokens.len() > MOST_TOKENS {
                // The last one, which says that the text is over, stays.
                tokens.drain(MOST_TOKENS - 1..tokens.len() - 1);
            }
            embeddings.tokens += tokens.len();
            let vector = self.embed_tokens(&tokens).map_err(Error::internal)?;
            embeddings.vectors.push(vector);
        }
        Ok(embeddings)
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self.tokenizer.encode_fast(text, true);
        Ok(encoding.map_err(Error::internal)?.get_ids().to_vec())
    }

    fn embed_tokens(&self, ids: &[u32]) -> candle_core::Result<Vec<f32>> {
        let ids = Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?;
        let kinds = ids.zeros_like()?;
        let mean = self
            .model
            .forward(&ids, &kinds, None)?
            .mean(1)?
            .squeeze(0)?;
        let length = mean.sqr()?.sum_all()?.sqrt()?;
        mean.broadcast_div(&length)?.to_vec1()
    }
}

fn read_config(bytes: &[u8]) -> Result<Config, Error> {
    serde_json::from_slice(bytes).map_err(Error::invalid)
}

/// All f32 tensors of a safetensors file, each read straight into its own memory.
fn read_tensors(weights: &dyn Weights) -> Result<HashMap<String, Tensor>, Error> {
    let mut reader = Reader::new(weights);
    let mut length = [0; 8];
    reader.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MOST_HEADER {
        return Err(Error::Invalid(format!(
            "its header says that it has {length} bytes"
        )));
    }
    let mut header = vec![0; usize::try_from(length).map_err(Error::invalid)?];
    reader.read_exact(&mut header)?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(Error::invalid)?;
    let mut tensors = HashMap::new();
    for (name, info) in metadata.tensors() {
        // Others are counters that nobody needs here.
        if info.dtype == safetensors::Dtype::F32 {
            let tensor = read_tensor(&mut reader, weights.size(), 8 + length, info);
            tensors.insert(
                name.clone(),
                tensor.map_err(|error| Error::Invalid(format!("tensor `{name}`: {error}")))?,
            );
        }
    }
    Ok(tensors)
}

fn read_tensor(
    reader: &mut Reader<'_>,
    size: u64,
    data: u64,
    info: &TensorInfo,
) -> Result<Tensor, Error> {
    let (start, end) = info.data_offsets;
    let elements = info
        .shape
        .iter()
        .try_fold(1_usize, |all, n| all.checked_mul(*n));
    let fits = elements.and_then(|n| n.checked_mul(4)) == end.checked_sub(start)
        && data + end as u64 <= size;
    let Some(elements) = elements.filter(|_| fits) else {
        return Err(Error::Invalid("its extent makes no sense".into()));
    };
    reader.seek(SeekFrom::Start(data + start as u64))?;
    let mut floats = vec![0.0_f32; elements];
    reader.read_exact(bytemuck::cast_slice_mut(&mut floats))?;
    // Does nothing on a little-endian machine.
    floats
        .iter_mut()
        .for_each(|float| *float = f32::from_bits(u32::from_le(float.to_bits())));
    Tensor::from_vec(floats, info.shape.as_slice(), &Device::Cpu).map_err(Error::internal)
}

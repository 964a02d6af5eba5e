//! The llama architecture: what the layers compute. Which tokens, and what comes of them, is `generation`'s business.

use crate::attention::{Cache, Heads};
use crate::error::Error;
use crate::gguf::Gguf;
use crate::math::{Rope, add, rms_norm, rotate, swiglu};
use crate::quant::{Activations, Matrix};

/// Tokens of the prompt that go through the layers together. 16 take a layer of SmolLM2-135M about 5 ms, well below
/// the 50 ms after which a caller wants its thread back, and read the weights once; more gain next to nothing.
pub(crate) const TILE: usize = 16;

/// Sizes of a model.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    layers: usize,
    width: usize,
    feed_forward: usize,
    heads: Heads,
    vocabulary: usize,
    epsilon: f32,
    rope_base: f32,
    /// Most tokens that the model was trained for.
    pub(crate) context: usize,
}

impl Shape {
    fn read(gguf: &Gguf<'_>) -> Result<Self, Error> {
        let architecture: String = gguf.get("general.architecture")?;
        if architecture != "llama" {
            return Err(Error::Unsupported(format!(
                "its architecture is `{architecture}`, not `llama`"
            )));
        }
        let scaling = gguf.find::<String>("llama.rope.scaling.type")?;
        if scaling.is_some_and(|kind| kind != "none") || gguf.has_tensor("rope_freqs.weight") {
            return Err(Error::Unsupported(
                "it scales its position embeddings".into(),
            ));
        }
        let width = gguf.get("llama.embedding_length")?;
        let queries = gguf.get("llama.attention.head_count")?;
        let size = gguf
            .find("llama.rope.dimension_count")?
            .unwrap_or(width / usize::max(queries, 1));
        let shape = Self {
            layers: gguf.get("llama.block_count")?,
            width,
            feed_forward: gguf.get("llama.feed_forward_length")?,
            heads: Heads {
                queries,
                keys: gguf
                    .find("llama.attention.head_count_kv")?
                    .unwrap_or(queries),
                size,
            },
            vocabulary: gguf.get::<Vec<String>>("tokenizer.ggml.tokens")?.len(),
            epsilon: gguf.get("llama.attention.layer_norm_rms_epsilon")?,
            rope_base: gguf.find("llama.rope.freq_base")?.unwrap_or(10_000.0),
            context: gguf.get("llama.context_length")?,
        };
        let Heads {
            queries,
            keys,
            size,
        } = shape.heads;
        let fits = keys > 0
            && queries.is_multiple_of(keys)
            && size.is_multiple_of(32)
            && queries * size == width;
        if fits {
            Ok(shape)
        } else {
            Err(Error::Unsupported(format!(
                "its heads are {:?}",
                shape.heads
            )))
        }
    }
}

struct Layer {
    attention_norm: Vec<f32>,
    query: Matrix,
    key: Matrix,
    value: Matrix,
    output: Matrix,
    feed_forward_norm: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
}

impl Layer {
    fn read(gguf: &mut Gguf<'_>, index: usize, shape: &Shape) -> Result<Self, Error> {
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        let Shape {
            width,
            feed_forward,
            heads,
            ..
        } = *shape;
        let keys = heads.keys * heads.size;
        Ok(Self {
            attention_norm: gguf.vector(&name("attn_norm"), width)?,
            query: gguf.matrix(&name("attn_q"), width, width)?,
            key: gguf.matrix(&name("attn_k"), keys, width)?,
            value: gguf.matrix(&name("attn_v"), keys, width)?,
            output: gguf.matrix(&name("attn_output"), width, width)?,
            feed_forward_norm: gguf.vector(&name("ffn_norm"), width)?,
            gate: gguf.matrix(&name("ffn_gate"), feed_forward, width)?,
            up: gguf.matrix(&name("ffn_up"), feed_forward, width)?,
            down: gguf.matrix(&name("ffn_down"), width, feed_forward)?,
        })
    }
}

/// The weights of a model of the llama architecture.
pub(crate) struct Llama {
    pub(crate) shape: Shape,
    embedding: Matrix,
    layers: Vec<Layer>,
    output_norm: Vec<f32>,
    /// Absent where the embedding serves as such.
    output: Option<Matrix>,
    rope: Rope,
}

impl Llama {
    pub(crate) fn read(gguf: &mut Gguf<'_>) -> Result<Self, Error> {
        let shape = Shape::read(gguf)?;
        let Shape {
            width, vocabulary, ..
        } = shape;
        let output = match gguf.has_tensor("output.weight") {
            true => Some(gguf.matrix("output.weight", vocabulary, width)?),
            false => None,
        };
        Ok(Self {
            embedding: gguf.matrix("token_embd.weight", vocabulary, width)?,
            layers: (0..shape.layers)
                .map(|i| Layer::read(gguf, i, &shape))
                .collect::<Result<_, _>>()?,
            output_norm: gguf.vector("output_norm.weight", width)?,
            output,
            rope: Rope::new(shape.heads.size, shape.rope_base),
            shape,
        })
    }

    pub(crate) fn vocabulary(&self) -> usize {
        self.shape.vocabulary
    }
}

/// A text on its way through the layers: the cache of what went through, and the tile that is inside.
pub(crate) struct Pass {
    caches: Vec<Cache>,
    /// Tokens that have gone through all layers.
    done: usize,
    /// Layer that the tile enters next; none where there is no tile.
    layer: Option<usize>,
    tile: usize,
    angles: Vec<Vec<[f32; 2]>>,
    hidden: Vec<f32>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    normed: Vec<f32>,
    activations: Activations,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    scores: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
}

impl Pass {
    pub(crate) fn new(model: &Llama) -> Self {
        Self {
            caches: (0..model.shape.layers)
                .map(|_| Cache::new(model.shape.heads))
                .collect(),
            done: 0,
            layer: None,
            tile: 0,
            angles: Vec::new(),
            hidden: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Tokens that have gone through all layers.
    pub(crate) fn len(&self) -> usize {
        self.done
    }

    /// Whether tokens are on their way.
    pub(crate) fn is_busy(&self) -> bool {
        self.layer.is_some()
    }

    /// Begins with the next tokens, at most [`TILE`], each smaller than the vocabulary.
    pub(crate) fn enter(&mut self, model: &Llama, tokens: &[u32]) {
        assert!(self.layer.is_none() && tokens.len() <= TILE);
        let width = model.shape.width;
        self.tile = tokens.len();
        self.layer = Some(0);
        self.hidden.resize(tokens.len() * width, 0.0);
        for (token, out) in tokens.iter().zip(self.hidden.chunks_exact_mut(width)) {
            model.embedding.row(*token as usize, out);
        }
        self.angles = (self.done..self.done + tokens.len())
            .map(|at| model.rope.angles(at).collect())
            .collect();
    }

    /// Goes through one layer.
    pub(crate) fn advance(&mut self, model: &Llama) {
        let Some(index) = self.layer else { return };
        let layer = &model.layers[index];
        self.attention(model, layer, index);
        self.feed_forward(model, layer);
        let through = index + 1 == model.layers.len();
        self.layer = (!through).then_some(index + 1);
        if through {
            self.done += self.tile;
        }
    }

    fn attention(&mut self, model: &Llama, layer: &Layer, index: usize) {
        let Self {
            hidden,
            scratch: s,
            caches,
            angles,
            done,
            ..
        } = self;
        norm(
            hidden,
            &layer.attention_norm,
            model.shape.epsilon,
            &mut s.normed,
        );
        s.activations.set(&s.normed);
        for (matrix, out) in [
            (&layer.query, &mut s.query),
            (&layer.key, &mut s.key),
            (&layer.value, &mut s.value),
        ] {
            out.resize(self.tile * matrix.rows(), 0.0);
            matrix.multiply(&s.activations, out);
        }
        let keys = layer.key.rows();
        let cache = &mut caches[index];
        for (token, angles) in angles.iter().enumerate() {
            let key = &mut s.key[token * keys..][..keys];
            rotate(key, angles);
            cache.push(key, &s.value[token * keys..][..keys]);
        }
        let width = model.shape.width;
        for (token, angles) in angles.iter().enumerate() {
            let query = &mut s.query[token * width..][..width];
            rotate(query, angles);
            cache.attend(
                query,
                *done + token + 1,
                &mut s.scores,
                &mut s.normed[token * width..][..width],
            );
        }
        s.activations.set(&s.normed);
        layer.output.multiply(&s.activations, &mut s.query);
        add(hidden, &s.query);
    }

    fn feed_forward(&mut self, model: &Llama, layer: &Layer) {
        let Self {
            hidden, scratch: s, ..
        } = self;
        norm(
            hidden,
            &layer.feed_forward_norm,
            model.shape.epsilon,
            &mut s.normed,
        );
        s.activations.set(&s.normed);
        for (matrix, out) in [(&layer.gate, &mut s.gate), (&layer.up, &mut s.up)] {
            out.resize(self.tile * matrix.rows(), 0.0);
            matrix.multiply(&s.activations, out);
        }
        swiglu(&mut s.gate, &s.up);
        s.activations.set(&s.gate);
        layer.down.multiply(&s.activations, &mut s.normed);
        add(hidden, &s.normed);
    }

    /// How likely each token is to come next, after the last one that went through.
    pub(crate) fn logits(&mut self, model: &Llama, out: &mut Vec<f32>) {
        let s = &mut self.scratch;
        let last = self.hidden.len() - model.shape.width;
        norm(
            &self.hidden[last..],
            &model.output_norm,
            model.shape.epsilon,
            &mut s.normed,
        );
        s.activations.set(&s.normed);
        out.resize(model.vocabulary(), 0.0);
        model
            .output
            .as_ref()
            .unwrap_or(&model.embedding)
            .multiply(&s.activations, out);
    }
}

fn norm(input: &[f32], weight: &[f32], epsilon: f32, out: &mut Vec<f32>) {
    out.resize(input.len(), 0.0);
    for (input, out) in input
        .chunks_exact(weight.len())
        .zip(out.chunks_exact_mut(weight.len()))
    {
        rms_norm(input, weight, epsilon, out);
    }
}

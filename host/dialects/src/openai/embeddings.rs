//! `POST /v1/embeddings`.

use serde::{Serialize, Serializer};
use serde_json::Value;
use types::{
    Error,
    neutral::{EmbedInput, EmbedRequest, Embeddings},
};

use crate::{
    Wire,
    field::{Object, Read, at},
    media,
};

/// Reads a request, and whether the client wants vectors as base64 of little-endian 32-bit floats.
pub fn parse(body: &[u8]) -> Result<(EmbedRequest, bool), Error> {
    let mut body = Object::body(body)?;
    let model = body.need("model")?;
    let input = match body.need::<Value>("input")? {
        Value::String(text) => EmbedInput::Texts(vec![text]),
        Value::Array(items) if items.is_empty() => {
            return Err(at("input", "must not be empty"));
        }
        items @ Value::Array(_) if items[0].is_string() => {
            EmbedInput::Texts(Vec::read(items, "input")?)
        }
        items @ Value::Array(_) if items[0].is_array() => {
            EmbedInput::Tokens(Vec::read(items, "input")?)
        }
        items @ Value::Array(_) => EmbedInput::Tokens(vec![Vec::read(items, "input")?]),
        _ => {
            return Err(at(
                "input",
                "must be a string, strings, token numbers or arrays of them",
            ));
        }
    };
    let base64 = match body.opt::<String>("encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(at("encoding_format", "must be `float` or `base64`")),
    };
    let request = EmbedRequest {
        model,
        input,
        dimensions: body.opt("dimensions")?,
        user: body.opt("user")?,
        extensions: body.extensions(Wire::OpenAiEmbeddings),
    };
    Ok((request, base64))
}

/// Writes an answer; `model` is the name that the client used. The numbers may be many megabytes, so each is written once and
/// none is kept.
pub fn encode(model: &str, embeddings: &Embeddings, base64: bool) -> String {
    let tokens = embeddings.usage.input_tokens.unwrap_or(0);
    let list = List {
        object: "list",
        data: Vectors {
            vectors: &embeddings.vectors,
            base64,
        },
        model,
        usage: Tokens {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
    };
    serde_json::to_string(&list).expect("texts and numbers have a JSON form")
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vectors<'a>,
    model: &'a str,
    usage: Tokens,
}

#[derive(Serialize)]
struct Tokens {
    prompt_tokens: u64,
    total_tokens: u64,
}

struct Vectors<'a> {
    vectors: &'a [Vec<f32>],
    base64: bool,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Numbers(&'a [f32]),
    Base64(String),
}

impl Serialize for Vectors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = self.vectors.iter().enumerate().map(|(index, vector)| Item {
            object: "embedding",
            index,
            embedding: match self.base64 {
                true => Vector::Base64(base64(vector)),
                false => Vector::Numbers(vector),
            },
        });
        serializer.collect_seq(items)
    }
}

fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    media::base64(&bytes)
}

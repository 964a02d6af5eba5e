//! `POST /v1/embeddings`.

use serde_json::{Number, Value, json};
use types::{
    Error,
    neutral::{EmbedInput, EmbedRequest, Embeddings, Extension},
};

use crate::{
    field::{Object, Read, at},
    media,
};

/// What a client asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The request.
    pub request: EmbedRequest,
    /// The client wants vectors as base64 of little-endian 32-bit floats.
    pub base64: bool,
}

/// Reads a request.
pub fn parse(body: &[u8]) -> Result<Parsed, Error> {
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
        extensions: body
            .rest()
            .map(|fields| Extension {
                dialect: "openai-embeddings".to_owned(),
                fields,
            })
            .into_iter()
            .collect(),
    };
    Ok(Parsed { request, base64 })
}

/// Writes an answer; `model` is the name that the client used.
pub fn encode(model: &str, embeddings: &Embeddings, base64: bool) -> Value {
    let data: Vec<Value> = embeddings
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            let embedding = if base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                Value::String(media::base64(&bytes))
            } else {
                Value::Array(vector.iter().copied().map(number).collect())
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let tokens = embeddings.usage.input_tokens.unwrap_or(0);
    json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })
}

/// The shortest decimal that reads back as this float; widening to 64 bits would print twice the digits.
fn number(x: f32) -> Value {
    let shortest = x.to_string().parse().unwrap_or(f64::from(x));
    Number::from_f64(shortest).map_or(Value::Null, Value::Number)
}

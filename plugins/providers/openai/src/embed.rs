use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings, merge_extensions};
use serde_json::{Map, Value, json};

use crate::chat::usage;
use crate::user::user;

/// The wire format of embeddings that is native here.
pub(crate) const DIALECT: &str = "openai-embeddings";

/// A request for embeddings in the vendor's words.
pub(crate) fn translate(request: &EmbedRequest) -> (Value, Vec<Warning>) {
    let mut warnings = Warnings::default();
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    let input = match &request.input {
        EmbedInput::Texts(texts) => json!(texts),
        EmbedInput::Tokens(tokens) => json!(tokens),
    };
    body.insert("input".into(), input);
    // Floats: some compatible servers know no base64, and whoever asked for it gets it from the host.
    body.insert("encoding_format".into(), json!("float"));
    if let Some(dimensions) = request.dimensions {
        body.insert("dimensions".into(), json!(dimensions));
    }
    if let Some(user) = user(request.user.as_deref(), &mut warnings) {
        body.insert("user".into(), json!(user));
    }
    merge_extensions(&mut body, &request.extensions, DIALECT, &mut warnings);
    (Value::Object(body), warnings.into_vec())
}

/// The vendor's vectors, put in the order of the inputs.
pub(crate) fn read(
    answer: &Value,
    inputs: usize,
    warnings: Vec<Warning>,
) -> Result<Embeddings, Error> {
    let data = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
    let mut vectors = vec![Vec::new(); inputs];
    for (at, entry) in data.iter().enumerate() {
        let index = entry["index"].as_u64().map_or(at, |index| index as usize);
        if let Some(slot) = vectors.get_mut(index) {
            *slot = vector(&entry["embedding"])?;
        }
    }
    if let Some(missing) = vectors.iter().position(Vec::is_empty) {
        return Err(Error::upstream(format!(
            "the vendor gave no embedding for input {missing}"
        )));
    }
    Ok(Embeddings {
        model: answer["model"].as_str().map(str::to_owned),
        vectors,
        usage: usage(&answer["usage"]),
        warnings,
    })
}

fn vector(embedding: &Value) -> Result<Vec<f32>, Error> {
    let unreadable = || Error::upstream("the vendor's embedding is neither numbers nor base64");
    match embedding {
        Value::Array(numbers) => {
            let numbers = numbers.iter().map(|number| Some(number.as_f64()? as f32));
            numbers.collect::<Option<_>>().ok_or_else(unreadable)
        }
        Value::String(text) => {
            let bytes = STANDARD.decode(text).map_err(|_| unreadable())?;
            let (words, rest) = bytes.as_chunks::<4>();
            match rest {
                [] => Ok(words.iter().copied().map(f32::from_le_bytes).collect()),
                _ => Err(unreadable()),
            }
        }
        _ => Err(unreadable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(input: EmbedInput) -> EmbedRequest {
        EmbedRequest {
            model: "m".into(),
            input,
            dimensions: None,
            user: None,
            extensions: vec![],
        }
    }

    #[test]
    fn absent_fields_are_left_out() {
        let texts = EmbedInput::Texts(vec!["a".into(), "b".into()]);
        let (body, _) = translate(&request(texts));
        assert_eq!(
            body,
            json!({"model": "m", "input": ["a", "b"], "encoding_format": "float"})
        );
        let mut tokens = request(EmbedInput::Tokens(vec![vec![1, 2], vec![3]]));
        tokens.dimensions = Some(8);
        let (body, _) = translate(&tokens);
        assert_eq!(body["input"], json!([[1, 2], [3]]));
        assert_eq!(body["dimensions"], 8);
    }

    #[test]
    fn vectors_are_ordered_by_index_and_none_may_miss() {
        let answer = json!({"model": "m", "usage": {"prompt_tokens": 5, "total_tokens": 5}, "data": [
            {"index": 1, "embedding": [0.5]},
            {"index": 0, "embedding": STANDARD.encode(1.5f32.to_le_bytes())},
        ]});
        let read_it = read(&answer, 2, vec![]).unwrap();
        assert_eq!(read_it.vectors, [[1.5], [0.5]]);
        assert_eq!(read_it.usage.input_tokens, Some(5));
        assert!(read(&answer, 3, vec![]).is_err());
    }
}

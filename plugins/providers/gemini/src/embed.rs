use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Map, Value, json};

use crate::config::{Config, resource};
use crate::usage::usage;

/// The vendor takes no more texts at once.
const BATCH: usize = 100;

/// A request to the vendor, and how many vectors it must answer.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The JSON to send.
    pub(crate) body: Value,
    /// Texts in it.
    pub(crate) inputs: usize,
}

/// A request for embeddings in the vendor's words.
pub(crate) fn translate(
    request: &EmbedRequest,
    config: &Config,
) -> Result<(Vec<Batch>, Vec<Warning>), Error> {
    let EmbedInput::Texts(texts) = &request.input else {
        return Err(Error::bad_request(
            "this vendor takes no tokens to embed, since its tokenizer is its own: send texts",
        )
        .at("input"));
    };
    let mut warnings = Warnings::default();
    if request.user.is_some() {
        warnings.add("user", "the vendor has no such field: left out");
    }
    let extensions = request.extensions.iter();
    extensions.for_each(|extension| warnings.add_extension(extension));
    let model = resource(&request.model)?;
    let one = |text: &String| {
        let mut fields = Map::new();
        fields.insert("model".into(), json!(model));
        fields.insert("content".into(), json!({"parts": [{"text": text}]}));
        if let Some(dimensions) = request.dimensions {
            fields.insert("outputDimensionality".into(), json!(dimensions));
        }
        for (name, value) in &config.embed {
            fields.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Value::Object(fields)
    };
    let batches = texts.chunks(BATCH).map(|texts| Batch {
        body: json!({"requests": texts.iter().map(one).collect::<Vec<_>>()}),
        inputs: texts.len(),
    });
    Ok((batches.collect(), warnings.into_vec()))
}

/// The vectors of the answers, each with how many were asked for.
pub(crate) fn read(
    answers: &[(usize, Value)],
    warnings: Vec<Warning>,
) -> Result<Embeddings, Error> {
    let mut vectors = Vec::new();
    let mut total = Usage::default();
    for (inputs, answer) in answers {
        let embeddings = answer["embeddings"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        if embeddings.len() != *inputs {
            return Err(Error::upstream(format!(
                "the vendor gave {} embeddings for {inputs} texts",
                embeddings.len()
            )));
        }
        for embedding in embeddings {
            vectors.push(vector(&embedding["values"])?);
        }
        if answer["usageMetadata"].is_object() {
            let spent = usage(&answer["usageMetadata"]).input_tokens.unwrap_or(0);
            total.input_tokens = Some(total.input_tokens.unwrap_or(0) + spent);
        }
    }
    Ok(Embeddings {
        // The vendor does not say.
        model: None,
        vectors,
        usage: total,
        warnings,
    })
}

fn vector(values: &Value) -> Result<Vec<f32>, Error> {
    let numbers = values.as_array().map_or(&[][..], Vec::as_slice).iter();
    let numbers: Option<Vec<f32>> = numbers
        .map(|number| Some(number.as_f64()? as f32))
        .collect();
    numbers
        .filter(|numbers| !numbers.is_empty())
        .ok_or_else(|| Error::upstream("the vendor's embedding is no list of numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(texts: usize) -> EmbedRequest {
        EmbedRequest {
            model: "m".into(),
            input: EmbedInput::Texts((0..texts).map(|n| n.to_string()).collect()),
            dimensions: Some(8),
            user: None,
            extensions: vec![],
        }
    }

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn texts_go_in_batches_with_what_the_operator_preset() {
        let config = config(r#"{"embed":{"taskType":"RETRIEVAL_QUERY","outputDimensionality":4}}"#);
        let (batches, warnings) = translate(&request(101), &config).unwrap();
        assert_eq!((batches[0].inputs, batches[1].inputs), (100, 1));
        assert_eq!(
            batches[1].body,
            json!({"requests": [{"model": "models/m", "content": {"parts": [{"text": "100"}]},
                "outputDimensionality": 8, "taskType": "RETRIEVAL_QUERY"}]})
        );
        assert!(warnings.is_empty());
    }

    #[test]
    fn what_the_vendor_lacks_is_refused_or_named() {
        let mut asked = request(1);
        asked.user = Some("u".into());
        asked.extensions = vec![Extension {
            dialect: "openai-embeddings".into(),
            fields: r#"{"x":1}"#.into(),
        }];
        let (_, warnings) = translate(&asked, &config("{}")).unwrap();
        let named: Vec<_> = warnings.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(named, ["user", "extensions.x"]);
        asked.input = EmbedInput::Tokens(vec![vec![1]]);
        assert_eq!(
            translate(&asked, &config("{}")).unwrap_err().code,
            ErrorCode::BadRequest
        );
    }

    #[test]
    fn vectors_keep_their_order_and_none_may_miss() {
        let first = json!({"embeddings": [{"values": [0.5, 1]}, {"values": [1.5]}], "usageMetadata": {"promptTokenCount": 5}});
        let second =
            json!({"embeddings": [{"values": [2.5]}], "usageMetadata": {"promptTokenCount": 2}});
        let got = read(&[(2, first.clone()), (1, second)], vec![]).unwrap();
        assert_eq!(got.vectors, [vec![0.5, 1.0], vec![1.5], vec![2.5]]);
        assert_eq!(got.usage.input_tokens, Some(7));
        assert!(read(&[(3, first)], vec![]).is_err());
        assert!(read(&[(1, json!({"embeddings": [{"values": []}]}))], vec![]).is_err());
        let silent = read(&[(1, json!({"embeddings": [{"values": [1]}]}))], vec![]).unwrap();
        assert_eq!(silent.usage.input_tokens, None);
    }
}

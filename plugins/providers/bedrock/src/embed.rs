//! Embeddings by InvokeModel, whose bodies are each maker's own.

use evenhand_sdk::types::*;
use evenhand_sdk::{Error, Warnings};
use serde_json::{Value, json};

use crate::config::Config;
use crate::family::{Family, without_geography};

/// The header field with the tokens of the request.
pub(crate) const TOKENS: &str = "x-amzn-bedrock-input-token-count";

/// Texts that Cohere's models take at a time.
const COHERE_BATCH: usize = 96;

/// Requests that together give the vectors.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Their bodies, in order.
    pub(crate) bodies: Vec<Value>,
    inputs: usize,
    warnings: Vec<Warning>,
}

/// What is to be sent.
///
/// # Errors
/// `unsupported` for a model that does not embed here; `bad-request` for what would give other vectors.
pub(crate) fn plan(request: &EmbedRequest, config: &Config) -> Result<Plan, Error> {
    let EmbedInput::Texts(texts) = &request.input else {
        return Err(Error::bad_request(
            "this vendor embeds texts, not numbers of tokens: send the texts",
        )
        .at("input"));
    };
    let mut warnings = Warnings::default();
    if request.user.is_some() {
        warnings.add("user", "the vendor has no such field: left out");
    }
    for extension in &request.extensions {
        warnings.add_extension(extension);
    }
    let model = without_geography(&request.model);
    let bodies = match config.family(model) {
        Family::Titan => titan(model, texts, request.dimensions)?,
        Family::Cohere => cohere(model, texts, request.dimensions)?,
        _ => {
            return Err(Error::unsupported(format!(
                "{} is none of the models that embed here: Titan's and Cohere's do",
                request.model
            )));
        }
    };
    Ok(Plan {
        bodies,
        inputs: texts.len(),
        warnings: warnings.into_vec(),
    })
}

/// One text at a time.
fn titan(model: &str, texts: &[String], dimensions: Option<u32>) -> Result<Vec<Value>, Error> {
    let bodies = texts.iter().map(|text| {
        let mut body = json!({"inputText": text});
        match dimensions {
            None => {}
            Some(length) if model.contains("embed-image") => {
                body["embeddingConfig"] = json!({"outputEmbeddingLength": length});
            }
            Some(_) if model.contains("-v1") || model.contains("g1-text") => {
                return Err(one_length(model));
            }
            Some(length) => body["dimensions"] = json!(length),
        }
        Ok(body)
    });
    bodies.collect()
}

fn cohere(model: &str, texts: &[String], dimensions: Option<u32>) -> Result<Vec<Value>, Error> {
    if dimensions.is_some() && model.contains("-v3") {
        return Err(one_length(model));
    }
    let bodies = texts.chunks(COHERE_BATCH).map(|texts| {
        // The model wants to know what for. Stored texts are what most are embedded for; see decision 001, G12.
        let mut body =
            json!({"texts": texts, "input_type": "search_document", "embedding_types": ["float"]});
        if let Some(length) = dimensions {
            body["output_dimension"] = json!(length);
        }
        body
    });
    Ok(bodies.collect())
}

fn one_length(model: &str) -> Error {
    Error::bad_request(format!(
        "{model} has vectors of one length: ask for no `dimensions`, or choose another model"
    ))
    .at("dimensions")
}

/// The vectors of an answer.
pub(crate) fn read(answer: &Value) -> Result<Vec<Vec<f32>>, Error> {
    let lists = match (&answer["embedding"], &answer["embeddings"]) {
        (Value::Array(one), _) => vec![one],
        (_, Value::Array(all)) => all.iter().filter_map(Value::as_array).collect(),
        (_, Value::Object(by_type)) => {
            let all = by_type.get("float").and_then(Value::as_array);
            all.into_iter()
                .flatten()
                .filter_map(Value::as_array)
                .collect()
        }
        _ => return Err(Error::upstream("the vendor's answer has no embeddings")),
    };
    let vectors = lists.into_iter().map(|list| {
        let numbers = list
            .iter()
            .map(|number| number.as_f64().map(|number| number as f32));
        numbers
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Error::upstream("the vendor's embedding is no list of numbers"))
    });
    vectors.collect()
}

/// All of it, once each request was answered.
pub(crate) fn answer(
    model: String,
    plan: Plan,
    vectors: Vec<Vec<f32>>,
    input_tokens: Option<u64>,
) -> Result<Embeddings, Error> {
    if vectors.len() != plan.inputs {
        return Err(Error::upstream(format!(
            "the vendor gave {} embeddings for {} inputs",
            vectors.len(),
            plan.inputs
        )));
    }
    Ok(Embeddings {
        model: Some(model),
        vectors,
        usage: Usage {
            input_tokens,
            ..Usage::default()
        },
        warnings: plan.warnings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(model: &str, texts: &[&str], dimensions: Option<u32>) -> Result<Plan, Error> {
        let request = EmbedRequest {
            model: model.into(),
            input: EmbedInput::Texts(texts.iter().map(ToString::to_string).collect()),
            dimensions,
            user: None,
            extensions: vec![],
        };
        plan(&request, &serde_json::from_str("{}").unwrap())
    }

    #[test]
    fn each_maker_has_its_own_body() {
        let bodies = |model, dimensions| planned(model, &["a", "b"], dimensions).unwrap().bodies;
        assert_eq!(
            bodies("amazon.titan-embed-text-v2:0", Some(256)),
            [
                json!({"inputText": "a", "dimensions": 256}),
                json!({"inputText": "b", "dimensions": 256})
            ]
        );
        assert_eq!(
            bodies("amazon.titan-embed-image-v1", Some(256))[0],
            json!({"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 256}})
        );
        assert_eq!(
            bodies("amazon.titan-embed-text-v1", None)[0],
            json!({"inputText": "a"})
        );
        assert_eq!(
            bodies("us.cohere.embed-v4:0", Some(512)),
            [
                json!({"texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"],
                "output_dimension": 512})
            ]
        );
        let many = vec!["x"; 100];
        let batches = planned("cohere.embed-english-v3", &many, None)
            .unwrap()
            .bodies;
        assert_eq!(batches[1]["texts"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn what_would_give_other_vectors_is_refused() {
        for model in ["amazon.titan-embed-text-v1", "cohere.embed-english-v3"] {
            let refused = planned(model, &["a"], Some(8)).unwrap_err();
            assert_eq!(refused.param.as_deref(), Some("dimensions"), "{model}");
        }
        let refused = planned("anthropic.claude-x", &["a"], None).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Unsupported);
        let tokens = EmbedRequest {
            model: "amazon.titan-embed-text-v2:0".into(),
            input: EmbedInput::Tokens(vec![vec![1]]),
            dimensions: None,
            user: None,
            extensions: vec![],
        };
        let config = serde_json::from_str("{}").unwrap();
        assert_eq!(
            plan(&tokens, &config).unwrap_err().code,
            ErrorCode::BadRequest
        );
    }

    #[test]
    fn vectors_are_read_in_every_form_and_none_may_miss() {
        let titan = json!({"embedding": [0.5, 1], "inputTextTokenCount": 2});
        assert_eq!(read(&titan).unwrap(), [[0.5, 1.0]]);
        assert_eq!(
            read(&json!({"embeddings": [[1], [2]]})).unwrap(),
            [[1.0], [2.0]]
        );
        assert_eq!(
            read(&json!({"embeddings": {"float": [[1], [2]]}})).unwrap(),
            [[1.0], [2.0]]
        );
        assert!(read(&json!({"embedding": ["x"]})).is_err());
        assert!(read(&json!({})).is_err());
        let plan = planned("cohere.embed-v4:0", &["a", "b"], None).unwrap();
        assert!(answer("m".into(), plan, vec![vec![1.0]], None).is_err());
    }
}

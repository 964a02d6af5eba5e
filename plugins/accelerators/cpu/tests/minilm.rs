//! all-MiniLM-L6-v2 against reference values, computed in float64 by the definition of BERT.

mod models;

use std::sync::LazyLock;

use plugin_cpu::{Embeddings, Error, MOST_TOKENS, SentenceEncoder};
use serde::Deserialize;

/// What `tests/reference/minilm.py` computed.
#[derive(Deserialize)]
struct Reference {
    sentences: Vec<String>,
    /// Of each sentence, with the two that are added.
    tokens: Vec<usize>,
    /// Of each sentence with each.
    cosines: Vec<Vec<f64>>,
}

fn reference() -> Reference {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../tests/reference/minilm.json"
    );
    let text = std::fs::read_to_string(path).expect("the reference can be read");
    serde_json::from_str(&text).expect("the reference is what its script writes")
}

static ENCODER: LazyLock<SentenceEncoder> = LazyLock::new(|| {
    SentenceEncoder::load(
        &models::weights("all-minilm-l6-v2.safetensors"),
        &models::bytes("all-minilm-l6-v2.tokenizer.json"),
        &models::bytes("all-minilm-l6-v2.config.json"),
    )
    .expect("the model loads")
});

fn embed(texts: &[&str]) -> Embeddings {
    let texts: Vec<String> = texts.iter().map(|text| (*text).into()).collect();
    ENCODER.embed(&texts).expect("texts are embedded")
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
}

#[test]
fn similarities_match_the_reference() {
    let reference = reference();
    let sentences: Vec<&str> = reference.sentences.iter().map(String::as_str).collect();
    let Embeddings { vectors, tokens } = embed(&sentences);
    assert_eq!(tokens, reference.tokens.iter().sum::<usize>());
    for (a, row) in reference.cosines.iter().enumerate() {
        for (b, expected) in row.iter().enumerate() {
            let cosine = dot(&vectors[a], &vectors[b]);
            assert!(
                (cosine - expected).abs() < 1e-4,
                "{a}, {b}: {cosine}, not {expected}"
            );
        }
    }
    // Cosines would not notice a vector that is turned: its first numbers, `MiniLM().embed(SENTENCES[0])` there.
    for (number, expected) in vectors[0]
        .iter()
        .zip([0.134177, -0.0329, -0.024804, 0.041439])
    {
        assert!((number - expected).abs() < 1e-4, "{number}, not {expected}");
    }
    for vector in &vectors {
        assert!((dot(vector, vector) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn a_text_is_cut_where_the_model_stops_reading() {
    let words = |count: usize| "cat ".repeat(count);
    let (all, longer, shorter) = (words(MOST_TOKENS - 2), words(400), words(100));
    assert_eq!(ENCODER.count_tokens(&longer).unwrap(), 402);
    let Embeddings { vectors, tokens } = embed(&[&all, &longer, &shorter]);
    assert_eq!(tokens, MOST_TOKENS + MOST_TOKENS + 102);
    assert_eq!(vectors[0], vectors[1]);
    assert_ne!(vectors[0], vectors[2]);
}

#[test]
fn an_empty_text_has_a_vector_too() {
    let Embeddings { vectors, tokens } = embed(&[""]);
    assert_eq!((vectors[0].len(), tokens), (384, 2));
    assert!(embed(&[]).vectors.is_empty());
}

#[test]
fn a_damaged_file_is_an_error_and_no_crash() {
    let config = models::bytes("all-minilm-l6-v2.config.json");
    let tokenizer = models::bytes("all-minilm-l6-v2.tokenizer.json");
    assert_eq!(SentenceEncoder::dimensions(&config).unwrap(), 384);
    let cut = models::bytes("all-minilm-l6-v2.safetensors")[..1 << 20].to_vec();
    for weights in [cut, vec![0xFF; 100], Vec::new()] {
        let error = SentenceEncoder::load(&weights, &tokenizer, &config).err();
        assert!(
            matches!(error, Some(Error::Invalid(_) | Error::Read(_))),
            "{error:?}"
        );
    }
}

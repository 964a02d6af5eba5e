//! Token counts. A prompt's tokens include the cached ones, as in the neutral form.

use serde_json::{Map, Value, json};
use types::neutral::Usage;

/// The `usage` of a chat completion.
pub(crate) fn to_json(usage: &Usage) -> Value {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    let mut json = json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
    });
    let written = match (usage.cache_write_tokens, usage.cache_write_1h_tokens) {
        (None, None) => None,
        (short, long) => Some(short.unwrap_or(0).saturating_add(long.unwrap_or(0))),
    };
    let prompt = details(&[
        ("cached_tokens", usage.cache_read_tokens),
        ("cache_write_tokens", written),
        ("audio_tokens", usage.input_audio_tokens),
    ]);
    let completion = details(&[
        ("reasoning_tokens", usage.reasoning_tokens),
        ("audio_tokens", usage.output_audio_tokens),
    ]);
    if let Some(prompt) = prompt {
        json["prompt_tokens_details"] = prompt;
    }
    if let Some(completion) = completion {
        json["completion_tokens_details"] = completion;
    }
    json
}

/// The known ones of these counts; what is not known is left out, never null.
fn details(counts: &[(&str, Option<u64>)]) -> Option<Value> {
    let known: Map<String, Value> = counts
        .iter()
        .filter_map(|(name, count)| count.map(|n| ((*name).to_owned(), n.into())))
        .collect();
    (!known.is_empty()).then_some(Value::Object(known))
}

/// The counts of a vendor's `usage`.
pub(crate) fn from_json(usage: &Map<String, Value>) -> Usage {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64);
    let detail = |of: &str, key: &str| usage.get(of)?.get(key)?.as_u64();
    Usage {
        input_tokens: count("prompt_tokens"),
        cache_read_tokens: detail("prompt_tokens_details", "cached_tokens"),
        cache_write_tokens: detail("prompt_tokens_details", "cache_write_tokens"),
        cache_write_1h_tokens: None,
        input_audio_tokens: detail("prompt_tokens_details", "audio_tokens"),
        output_tokens: count("completion_tokens"),
        reasoning_tokens: detail("completion_tokens_details", "reasoning_tokens"),
        output_audio_tokens: detail("completion_tokens_details", "audio_tokens"),
        raw: None,
    }
}

//! Token counts. The input's tokens include the cached ones, as in the neutral form.

use serde_json::{Map, Value, json};
use types::neutral::Usage;

/// The `usage` of a response. The SDKs demand every count, so what is not known is 0.
pub(super) fn to_json(usage: &Usage) -> Value {
    let input = usage.input_tokens.unwrap_or(0);
    let output = usage.output_tokens.unwrap_or(0);
    let written = usage
        .cache_write_tokens
        .unwrap_or(0)
        .saturating_add(usage.cache_write_1h_tokens.unwrap_or(0));
    json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens.unwrap_or(0),
            "cache_write_tokens": written,
        },
        "output_tokens": output,
        "output_tokens_details": { "reasoning_tokens": usage.reasoning_tokens.unwrap_or(0) },
        "total_tokens": input.saturating_add(output),
    })
}

/// The counts of a vendor's `usage`.
pub(crate) fn from_json(usage: &Map<String, Value>) -> Usage {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64);
    let detail = |of: &str, key: &str| usage.get(of)?.get(key)?.as_u64();
    Usage {
        input_tokens: count("input_tokens"),
        cache_read_tokens: detail("input_tokens_details", "cached_tokens"),
        cache_write_tokens: detail("input_tokens_details", "cache_write_tokens"),
        output_tokens: count("output_tokens"),
        reasoning_tokens: detail("output_tokens_details", "reasoning_tokens"),
        ..Usage::default()
    }
}

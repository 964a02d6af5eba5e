use evenhand_sdk::types::Usage;
use serde_json::Value;

/// The vendor's account in neutral words. Its `input_tokens` include cached ones, as ours do.
pub(super) fn usage(usage: &Value) -> Usage {
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    Usage {
        input_tokens: count("/input_tokens"),
        cache_read_tokens: count("/input_tokens_details/cached_tokens"),
        cache_write_tokens: count("/input_tokens_details/cache_write_tokens"),
        output_tokens: count("/output_tokens"),
        reasoning_tokens: count("/output_tokens_details/reasoning_tokens"),
        raw: Some(usage.to_string()),
        ..Usage::default()
    }
}

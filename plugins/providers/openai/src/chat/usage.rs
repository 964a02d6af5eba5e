use evenhand_sdk::types::Usage;
use serde_json::Value;

/// The vendor's account in neutral words. Its `prompt_tokens` include cached ones, as ours do.
pub(crate) fn usage(usage: &Value) -> Usage {
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    Usage {
        input_tokens: count("/prompt_tokens"),
        // The second is what one family of compatible servers calls it.
        cache_read_tokens: count("/prompt_tokens_details/cached_tokens")
            .or_else(|| count("/prompt_cache_hit_tokens")),
        cache_write_tokens: count("/prompt_tokens_details/cache_write_tokens"),
        input_audio_tokens: count("/prompt_tokens_details/audio_tokens"),
        output_tokens: count("/completion_tokens"),
        reasoning_tokens: count("/completion_tokens_details/reasoning_tokens"),
        output_audio_tokens: count("/completion_tokens_details/audio_tokens"),
        raw: Some(usage.to_string()),
        ..Usage::default()
    }
}

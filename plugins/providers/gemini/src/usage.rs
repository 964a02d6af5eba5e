use evenhand_sdk::types::Usage;
use serde_json::Value;

/// The vendor's account in neutral words. Its `promptTokenCount` includes cached ones, as ours does; what its tools found and
/// what it thought are counted apart.
pub(crate) fn usage(account: &Value) -> Usage {
    let count = |name: &str| account[name].as_u64();
    let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0) + other.unwrap_or(0)),
    };
    let sound = |details: &str| {
        let details = account[details].as_array()?.iter();
        let mut spoken = details.filter(|detail| detail["modality"] == "AUDIO");
        spoken.find_map(|detail| detail["tokenCount"].as_u64())
    };
    let thoughts = count("thoughtsTokenCount");
    Usage {
        input_tokens: sum(count("promptTokenCount"), count("toolUsePromptTokenCount")),
        cache_read_tokens: count("cachedContentTokenCount"),
        input_audio_tokens: sound("promptTokensDetails"),
        output_tokens: sum(count("candidatesTokenCount"), thoughts),
        reasoning_tokens: thoughts,
        output_audio_tokens: sound("candidatesTokensDetails"),
        raw: Some(account.to_string()),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tools_are_input_and_thoughts_are_output() {
        let account = json!({"promptTokenCount": 100, "cachedContentTokenCount": 60, "toolUsePromptTokenCount": 7,
            "candidatesTokenCount": 20, "thoughtsTokenCount": 5, "totalTokenCount": 132, "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 90}, {"modality": "AUDIO", "tokenCount": 10}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 3}]});
        let counted = usage(&account);
        assert_eq!(counted.input_tokens, Some(107));
        assert_eq!(counted.cache_read_tokens, Some(60));
        assert_eq!(counted.input_audio_tokens, Some(10));
        assert_eq!(counted.output_tokens, Some(25));
        assert_eq!(counted.reasoning_tokens, Some(5));
        assert_eq!(counted.output_audio_tokens, Some(3));
        assert_eq!(counted.raw, Some(account.to_string()));
    }

    #[test]
    fn what_was_not_counted_is_absent() {
        let counted = usage(&json!({"promptTokenCount": 3}));
        assert_eq!(counted.input_tokens, Some(3));
        assert_eq!(counted.output_tokens, None);
        assert_eq!(counted.cache_read_tokens, None);
        assert_eq!(
            usage(&json!({"thoughtsTokenCount": 2})).output_tokens,
            Some(2)
        );
    }
}
